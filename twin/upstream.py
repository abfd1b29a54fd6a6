"""What an object stands on: where a fault must lie to take the object down with it.

An object stands on what contains it, by name or relation, on the place it is located at, on what powers it, and on what
`connects` to it: a link, or the element nearer to the core. A link in turn stands on its two ends.
"""

from __future__ import annotations

from typing import Any, TypeVar

from twin.placement import above, upward

Kept = TypeVar("Kept")

ANY, LINKED, ENDS = 0, 1, 2
"""Which alarms a way carries. `LINKED`: none of equipment or environment, since a lost link breaks no fan; `ENDS`: only
those of equipment or environment, since a link that is down says nothing of its ends."""

DEEPEST = 24
MOST = 512
"""Steps up, and objects above one: data may hold circles and hubs."""

REMEMBERED = 20_000
"""Objects whose answers are kept."""


class Upstream:
    """Answers for one state of a topology; whoever keeps it makes a new one when the topology has changed."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._steps: dict[str, list[tuple[str, int]]] = {}
        self._found: dict[str, dict[str, tuple[int, int]]] = {}
        self._places: dict[str, frozenset[str]] = {}
        self._ways: dict[str, set[str]] = {}

    def of(self, name: str) -> dict[str, tuple[int, int]]:
        """Everything that an object stands on: how many steps away, and which alarms the way carries."""
        known = self._found.get(name)
        if known is not None:
            return known
        found: dict[str, tuple[int, int]] = {}
        frontier = {name: ANY}
        for depth in range(1, DEEPEST + 1):
            following: dict[str, int] = {}
            for lower, way in sorted(frontier.items()):
                for upper, step in self._up(lower):
                    if upper != name and upper not in found:
                        following[upper] = min(max(way, step), following.get(upper, ENDS))
            if not following:
                break
            for upper, way in sorted(following.items())[: MOST - len(found)]:
                found[upper] = (depth, way)
            frontier = following
        if self._kind(name) == "link":
            for end in self._ends(name):
                found.setdefault(end, (1, ENDS))
        _keep(self._found, name, found)
        return found

    def places(self, name: str) -> frozenset[str]:
        """An object and everything that it stands in or on."""
        known = self._places.get(name)
        if known is None:
            if len(self._ways) >= REMEMBERED:
                self._ways.clear()
            known = frozenset(upward(self._graph, [name], self._ways))
            _keep(self._places, name, known)
        return known

    def _up(self, name: str) -> list[tuple[str, int]]:
        known = self._steps.get(name)
        if known is None:
            steps = dict.fromkeys(above(self._graph, name), ANY)
            if name in self._graph:
                for lower in self._graph.predecessors(name):
                    if self._graph.has_edge(lower, name, "powers"):
                        steps[lower] = ANY
                    elif self._graph.has_edge(lower, name, "connects"):
                        steps.setdefault(lower, LINKED)
            known = sorted(steps.items())
            _keep(self._steps, name, known)
        return known

    def _ends(self, name: str) -> list[str]:
        graph = self._graph
        return sorted(end for end in graph.successors(name) if graph.has_edge(name, end, "connects") and end != name)

    def _kind(self, name: str) -> str:
        return str(self._graph.nodes[name]["kind"]) if name in self._graph else ""


def _keep(memory: dict[str, Kept], name: str, answer: Kept) -> None:
    """Remember an answer; when there are too many, all are looked up again: a storm must not fill the memory."""
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[name] = answer
