"""Where objects stand: what contains them, by relation or by name, and at which site they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from twin import dn


class Placement(NamedTuple):
    """An index of the cells by place; every tuple is sorted.

    Attributes:
        site: Of each cell that has one.
        at_site: The cells of each site.
        under: The cells below each object, at any depth.
    """

    site: dict[str, str]
    at_site: dict[str, tuple[str, ...]]
    under: dict[str, tuple[str, ...]]


def above(graph: Any, name: str) -> set[str]:
    """One step up: the places an object is `located_at`, what `contains` it, and its parent by name.

    In 3GPP naming a name contains its parts (TS 32.300), with or without a relation that says so.
    """
    found: set[str] = set()
    if name in graph:
        found.update(end for end in graph.successors(name) if graph.has_edge(name, end, "located_at"))
        found.update(end for end in graph.predecessors(name) if graph.has_edge(end, name, "contains"))
    if superior := dn.parent(name):
        found.add(superior)
    return found


def upward(graph: Any, start: Iterable[str], known: dict[str, set[str]] | None = None) -> Iterator[str]:
    """Some objects and everything that they stand in or on, nearest first.

    Args:
        known: What was found to be above each object; whoever asks for many objects of one graph keeps it.
    """
    steps = {} if known is None else known
    frontier = sorted(start)
    seen = set(frontier)
    while frontier:
        yield from frontier
        # Data may contain a circle; sorting makes the nearest of several sites the same on every machine.
        for lower in frontier:
            if lower not in steps:
                steps[lower] = above(graph, lower)
        frontier = sorted(set().union(*(steps[lower] for lower in frontier)) - seen)
        seen.update(frontier)


def site_of(graph: Any, name: str) -> str | None:
    """The nearest site that an object stands at, or None."""
    return next((place for place in upward(graph, [name]) if _is_site(graph, place)), None)


def place(graph: Any, cells: Iterable[str]) -> Placement:
    """Index cells by site and by everything that they are part of."""
    # Cells of one element go the same way up, so each way is walked once.
    together: dict[frozenset[str], list[str]] = {}
    for cell in sorted(cells):
        together.setdefault(frozenset(above(graph, cell)), []).append(cell)
    site: dict[str, str] = {}
    at_site: dict[str, list[str]] = {}
    under: dict[str, list[str]] = {}
    # A region is above thousands of elements, and to look at it means to look at all of them.
    known: dict[str, set[str]] = {}
    for start, group in together.items():
        places = list(upward(graph, start, known))
        for place in places:
            under.setdefault(place, []).extend(group)
        nearest = next((place for place in places if _is_site(graph, place)), None)
        if nearest is not None:
            site.update(dict.fromkeys(group, nearest))
            at_site.setdefault(nearest, []).extend(group)
    return Placement(
        site,
        {name: tuple(sorted(members)) for name, members in at_site.items()},
        # A circle of `contains` would have a cell below itself.
        {name: tuple(sorted(member for member in members if member != name)) for name, members in under.items()},
    )


def _is_site(graph: Any, name: str) -> bool:
    return name in graph and graph.nodes[name]["kind"] == "site"
