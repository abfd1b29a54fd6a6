"""Which two cells an object of the class NRCellRelation stands for, and what only use says of neighbours.

A relation that rests on handovers has no source: nobody declares it. So an inventory neither removes it nor is
contradicted by it, and takes it over by listing it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from twin import dn
from twin.errors import BadInput
from twin.topology_edit import KIND_OF_CLASS, UNKNOWN, add

CLASSES = frozenset({"NRCellRelation", "EUtranRelation", "EUtranCellRelation"})
"""Of objects that stand for a relation of the cell above them (TS 28.541)."""

_TARGETS = ("nRTCellRef", "adjacentNRCellRef", "adjacentCellRef", "adjacentCell")
"""Attributes in which the inventory names the other cell."""

_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2})")
ATTEMPTS, RATIO, SINCE = "handoverAttempts", "handoverSuccessRatio", "seenSinceMs"
"""What a relation that rests on handovers says: of the last window that passed the floor."""

Pair = tuple[str, str]
"""Source and target of a neighbour relation."""


def pair_of(graph: Any, relation: str) -> Pair | None:
    r"""The two cells; None where the other one can't be told.

    It is looked for in the attributes of the relation in the inventory, then in its name: a whole name, escaped as in
    `NRCellRelation=ManagedElement\3D2\2CNRCellCU\3D1`, or the id of a cell of the same element.
    """
    cell, whole, sibling = _read(relation)
    if not cell:
        return None
    said = graph.nodes[relation]["attributes"] if relation in graph else {}
    for attribute in _TARGETS:
        if isinstance(named := said.get(attribute), str) and (found := _name(named.removeprefix("urn:3gpp:dn:"))):
            return _different(cell, found)
    if whole and (whole in graph or KIND_OF_CLASS.get(dn.object_class(whole)) == "cell"):
        return _different(cell, whole)
    return _different(cell, sibling) if sibling in graph else None


@lru_cache(maxsize=65_536)
def _read(relation: str) -> tuple[str, str, str]:
    """What a relation's name says: its cell, the whole name of the other one, or what it is called beside this one."""
    cell, id_ = dn.parent(relation), relation.rpartition("=")[2]
    whole = _name(_ESCAPED.sub(lambda m: chr(int(m[1], 16)), id_)) or ""
    above = dn.parent(cell)
    return cell, whole, f"{above},{dn.object_class(cell)}={id_}" if above else ""


def see(graph: Any, pair: Pair, attempts: int, successes: int, end: int) -> bool:
    """Note that a relation is used; one that the inventory declares is left as it is. Returns whether it is new.

    Args:
        end: Of the window in which it was [ms].
    """
    source, target = pair
    known = graph.get_edge_data(source, target, "neighbour")
    if known is not None and known["sources"]:
        return False
    if known is None:
        _make(graph, pair, end)
    ratio = round(min(successes / attempts, 1.0), 4) if attempts else 0.0
    graph.get_edge_data(source, target, "neighbour")["attributes"].update({ATTEMPTS: attempts, RATIO: ratio})
    return known is None


def hear(graph: Any, pair: Pair, end: int) -> bool:
    """Note that another partition has seen a relation used; how often, it keeps. Returns whether it is new.

    Args:
        end: Of the window in which it was [ms].
    """
    if graph.has_edge(*pair, "neighbour"):
        return False
    _make(graph, pair, end)
    return True


def _make(graph: Any, pair: Pair, end: int) -> None:
    for name in pair:
        if name not in graph:
            add(graph, name, KIND_OF_CLASS.get(dn.object_class(name), UNKNOWN))
    graph.add_edge(*pair, "neighbour", attributes={SINCE: end}, revision=0, modified=0, sources=())


def forget(graph: Any, pair: Pair, reports: Callable[[str], bool]) -> bool:
    """A relation is used no more: it goes, unless somebody declares it. Returns whether it went.

    Args:
        reports: Whether an object does, so that it stays though nothing else is known of it.
    """
    known = graph.get_edge_data(*pair, "neighbour")
    if known is None or known["sources"]:
        return False
    graph.remove_edge(*pair, "neighbour")
    for name in pair:
        node = graph.nodes[name]
        if not (node["declared"] or node["reported"] or graph.degree(name) or reports(name)):
            graph.remove_node(name)
    return True


def taken_over(graph: Any, pair: Pair) -> bool:
    """Whether somebody declares the relation by now; what use said of it goes then."""
    known = graph.get_edge_data(*pair, "neighbour")
    if known is None or not known["sources"]:
        return False
    for name in (ATTEMPTS, RATIO, SINCE):
        known["attributes"].pop(name, None)
    return True


def declared_from(graph: Any, cell: str) -> list[str]:
    """Cells to which the inventory declares a neighbour relation of this one, sorted."""
    if cell not in graph:
        return []
    return sorted(
        target
        for _, target, kind, data in graph.out_edges(cell, keys=True, data=True)
        if kind == "neighbour" and data["sources"]
    )


def _name(text: str) -> str | None:
    try:
        return dn.check(text)
    except BadInput:
        return None


def _different(one: str, other: str) -> Pair | None:
    return (one, other) if one != other else None
