"""Which object a counter speaks of in the search for failures, what stands around it, and which limits it has.

All of it is derived from the topology and from names, and computed anew only after one of them has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.signals import KINDS, Signal
from stream.drift_evidence import element_of
from twin import dn
from twin.neighbours import Csr, csr
from twin.topology import KIND_OF_CLASS

if TYPE_CHECKING:
    from twin.topology import Topology

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

CELL, ELEMENT = "cell", "element"
LOW, HIGH = ".min", ".max"
"""Endings of attributes that declare limits."""


class Place(NamedTuple):
    """What is around the objects of both kinds.

    Attributes:
        above: Row of the element that each cell belongs to, -1 where there is none.
        cells, elements: Neighbours of each.
        limit, direction: By kind, of every signal of every object, `[S, n]`, NaN where none is declared.
    """

    above: Rows
    cells: Csr
    elements: Csr
    limit: dict[str, Floats]
    direction: dict[str, Floats]


def owner(topology: Topology, name: str) -> tuple[str, str]:
    """Kind and name of the object whose condition a name's counters tell of."""
    graph = topology.graph
    kind = graph.nodes[name]["kind"] if name in graph else KIND_OF_CLASS.get(dn.object_class(name), "")
    if kind == CELL:
        return CELL, name
    if kind in ("sensor", "asset") and name in graph:
        measured = sorted(
            end for end in graph.successors(name) if graph.has_edge(name, end, "measures") and end != name
        )
        if measured:
            end = measured[0]
            return (CELL, end) if graph.nodes[end]["kind"] == CELL else (ELEMENT, element_of(end))
    return ELEMENT, element_of(name)


def reads(signal: Signal, own: bool) -> bool:
    """Whether a signal is read from the object itself (`own`) or from a sensor of it."""
    return signal.own is None or signal.own == own


def place(topology: Topology, names: Mapping[str, Sequence[str]], rows: Mapping[str, Mapping[str, int]]) -> Place:
    """Look at the topology.

    Args:
        names: Of the objects of each kind, in the order of their rows.
        rows: The same, the other way round.
    """
    cells, elements = names[CELL], rows[ELEMENT]
    above = np.array([elements.get(element_of(name), -1) for name in cells], dtype=np.int64)
    around = topology.adjacency(cells)
    limit, direction = _limits(topology, names, rows)
    return Place(above, around, _lifted(around, above, len(names[ELEMENT])), limit, direction)


def _lifted(cells: Csr, above: Rows, n: int) -> Csr:
    """Elements whose cells are neighbours."""
    indices, indptr = cells
    source, target = above[np.repeat(np.arange(len(above)), np.diff(indptr))], above[indices]
    known = (source >= 0) & (target >= 0) & (source != target)
    return csr(source[known], target[known], n)


def _limits(
    topology: Topology, names: Mapping[str, Sequence[str]], rows: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    limit = {kind: np.full((len(KINDS[kind]), len(names[kind])), np.nan) for kind in names}
    direction = {kind: np.ones_like(array) for kind, array in limit.items()}
    for name, node in topology.graph.nodes.items():
        for attribute, value in node["attributes"].items():
            counter, side = attribute[: -len(LOW)], attribute[-len(LOW) :]
            if side in (LOW, HIGH) and isinstance(value, int | float) and not isinstance(value, bool):
                _set_limit(limit, direction, rows, *owner(topology, name), name, counter, side == HIGH, float(value))
    return limit, direction


def _set_limit(
    limit: dict[str, Floats],
    direction: dict[str, Floats],
    rows: Mapping[str, Mapping[str, int]],
    kind: str,
    owned_by: str,
    name: str,
    counter: str,
    upper: bool,
    value: float,
) -> None:
    row = rows[kind].get(owned_by)
    if row is None:
        return
    for number, signal in enumerate(KINDS[kind]):
        if signal.counter != counter or not reads(signal, name == owned_by) or signal.bad == (-1 if upper else 1):
            continue
        known = limit[kind][number, row]
        # Of several the tightest, and where both sides are bad, the lower one: what fails, sags.
        if not np.isnan(known) and direction[kind][number, row] != (1 if upper else -1):
            if upper:
                continue
            known = np.nan
        tighter = value if np.isnan(known) else (min(known, value) if upper else max(known, value))
        limit[kind][number, row], direction[kind][number, row] = tighter, 1.0 if upper else -1.0


def reached(topology: Topology, name: str) -> list[str]:
    """An object and all it is part of or speaks for, by name and by relation: whom an alarm on it concerns."""
    found, at = [], name
    while at:
        found.append(at)
        at = dn.parent(at)
    graph: Any = topology.graph
    if name in graph:
        found.extend(
            end
            for end in sorted(graph.successors(name))
            if graph.has_edge(name, end, "measures") or graph.has_edge(name, end, "powers")
        )
    return found
