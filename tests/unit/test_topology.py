"""The topology: a merge of changes that doesn't depend on their order, and what can be asked of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.errors import BadInput, SnapshotError
from twin.events import Entity, Relation, TopologyChange
from twin.neighbours import neighbour_mean
from twin.topology import Topology

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MS = 1_772_366_400_000
ZOO = Path(__file__).parents[2].parent / "shared/data/topologies/internet_topology_zoo"


def change(
    entities: list[Entity] | None = None, relations: list[Relation] | None = None, removed: list[str] | None = None
) -> TopologyChange:
    return TopologyChange(id="1", time=NOON, entities=entities or [], relations=relations or [], removed=removed or [])


def cell(element: int, number: int) -> str:
    return f"SubNetwork=1,ManagedElement=gnb-{element},GNBDUFunction=1,NRCellDU={number}"


def network(sites: int = 3, cells: int = 3) -> TopologyChange:
    """Sites with one element of some cells each; neighbours in a ring of first cells."""
    entities, relations = [Entity(dn="SubNetwork=1", kind="region")], []
    for i in range(sites):
        site, element = f"Site={i}", f"SubNetwork=1,ManagedElement=gnb-{i}"
        entities += [
            Entity(dn=site, kind="site", attributes={"latitude": 50.0 + i}),
            Entity(dn=element, kind="element"),
        ]
        relations.append(Relation(source=element, target=site, kind="located_at"))
        relations.append(Relation(source=cell(i, 0), target=cell((i + 1) % sites, 0), kind="neighbour"))
        entities += [Entity(dn=cell(i, c), kind="cell", attributes={"azimuth": 120 * c}) for c in range(cells)]
    return change(entities, relations)


def made(*changes: TopologyChange) -> Topology:
    topology = Topology()
    for revision, each in enumerate(changes, 1):
        topology.apply(each, revision)
    return topology


def content(topology: Topology) -> dict[str, Any]:
    """Everything but when and by which revision it came."""
    data = topology.to_dict()
    return {
        "nodes": [[*node[:3], *node[5:]] for node in data["nodes"]],
        "edges": [[*edge[:4], *edge[6:]] for edge in data["edges"]],
        "cells": topology.cells(),
        "co_sited": [topology.co_sited(name) for name in topology.cells()],
        "site": [topology.site_of(node[0]) for node in data["nodes"]],
        "adjacency": [part.tolist() for part in topology.adjacency(topology.cells())],
    }


# Kind and attributes are functions of the name, so that no two changes contradict each other.
NAMES = {
    "SubNetwork=1": "region",
    "Site=1": "site",
    "Place=2": "site",
    "SubNetwork=1,ManagedElement=1": "element",
    cell(1, 1): "cell",
    cell(1, 2): "cell",
    "Cabinet=1": "asset",
    "Thermometer=1": "sensor",
}
names = st.sampled_from(sorted(NAMES))
entities = st.builds(
    lambda name, keys: Entity(dn=name, kind=NAMES[name], attributes={key: f"{name} {key}" for key in keys}),  # type: ignore[arg-type]
    names,
    st.sets(st.sampled_from("abc")),
)
relations = st.builds(
    lambda source, target, kind, keys: Relation(
        source=source, target=target, kind=kind, attributes={key: f"{source} {target} {key}" for key in keys}
    ),
    names,
    names,
    st.sampled_from(("contains", "located_at", "neighbour", "connects", "powers", "measures")),
    st.sets(st.sampled_from("ab")),
)
changes = st.builds(change, st.lists(entities, max_size=4), st.lists(relations, max_size=4))


@given(st.lists(changes, max_size=6).flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
@settings(deadline=None)
def test_the_order_of_changes_does_not_matter(orders: tuple[list[TopologyChange], list[TopologyChange]]) -> None:
    one, other = orders
    assert content(made(*one)) == content(made(*other))


@given(st.lists(changes, max_size=4), st.lists(names, max_size=2))
@settings(deadline=None)
def test_a_repeated_change_changes_nothing(before: list[TopologyChange], removed: list[str]) -> None:
    for last in (change([], [], removed), *before):
        topology = made(*before, last)
        once = topology.to_dict()
        assert topology.apply(last, 99) == []
        assert topology.to_dict() == once


@given(st.lists(changes, max_size=5), st.lists(names, max_size=3))
@settings(deadline=None)
def test_what_a_dict_carries_is_everything(before: list[TopologyChange], removed: list[str]) -> None:
    topology = made(*before, change([], [], removed))
    restored = Topology.from_dict(json.loads(json.dumps(topology.to_dict())))
    assert restored.to_dict() == topology.to_dict()
    assert json.dumps(restored.to_dict()) == json.dumps(topology.to_dict())
    assert content(restored) == content(topology)
    assert restored.revision == topology.revision


@given(changes)
@settings(deadline=None)
def test_names_what_changed_and_stamps_only_that(first: TopologyChange) -> None:
    topology = made(network())
    before = {node[0]: node for node in topology.to_dict()["nodes"]}
    changed = topology.apply(first, 7)
    for node in topology.to_dict()["nodes"]:
        if node[0] in changed:
            assert node[3:5] == [7, NOON_MS]
        else:
            assert node == before[node[0]]


def test_a_relation_to_an_unknown_name_makes_a_placeholder() -> None:
    topology = made(change([], [Relation(source="Router=1", target=cell(1, 1), kind="connects")]))
    assert not topology.declared(cell(1, 1))
    assert topology.cells() == [cell(1, 1)]
    topology.apply(change([Entity(dn="Router=1", kind="asset"), Entity(dn=cell(1, 1), kind="cell")]), 2)
    assert topology.declared(cell(1, 1))
    assert topology.graph.number_of_edges() == 1


def test_removal_takes_the_relations_along_and_wins_over_what_the_same_change_adds() -> None:
    topology = made(network())
    assert topology.neighbours(cell(1, 0)) == [cell(0, 0), cell(2, 0)]
    again = Relation(source=cell(1, 0), target=cell(2, 0), kind="neighbour")
    changed = topology.apply(change([Entity(dn=cell(1, 0), kind="cell")], [again], [cell(1, 0), "Site=unheard"]), 2)
    assert changed == [cell(0, 0), cell(1, 0), cell(2, 0)]
    assert cell(1, 0) not in topology
    assert topology.neighbours(cell(2, 0)) == [cell(0, 0)]
    assert topology.co_sited(cell(1, 1)) == [cell(1, 2)]


@pytest.mark.parametrize(
    "wrong",
    [
        change([Entity(dn="Site=new", kind="site"), Entity(dn=cell(0, 0), kind="site")]),
        change([Entity(dn="Site=new", kind="site"), Entity(dn="Site=new", kind="asset")]),
        change([Entity(dn="Site=new", kind="site"), Entity(dn="no name", kind="site")]),
        change([Entity(dn="Site=new", kind="site")], [Relation(source="Site=new", target="", kind="contains")]),
    ],
)
def test_a_change_that_cannot_be_used_changes_nothing(wrong: TopologyChange) -> None:
    topology = made(network())
    before = topology.to_dict()
    with pytest.raises(BadInput):
        topology.apply(wrong, 2)
    assert topology.to_dict() == before


def test_attributes_merge_and_null_removes() -> None:
    topology = made(network(), change([Entity(dn=cell(0, 1), kind="cell", attributes={"pci": 7, "azimuth": None})]))
    assert topology.attributes(cell(0, 1)) == {"pci": 7}
    topology.attributes(cell(0, 1))["pci"] = 8
    assert topology.attributes(cell(0, 1)) == {"pci": 7}
    assert topology.apply(change([Entity(dn=cell(0, 1), kind="cell", attributes={"pci": 7.0})]), 3) == [cell(0, 1)]


def test_telemetry_discovers_what_the_inventory_does_not_have() -> None:
    topology = made(network())
    assert topology.discover(cell(0, 9), "cell", 5, NOON_MS)
    assert not topology.discover(cell(0, 9), "cell", 6)
    assert not topology.discover(cell(0, 0), "asset", 6)
    assert not topology.declared(cell(0, 9))
    assert topology.site_of(cell(0, 9)) == "Site=0"
    assert cell(0, 9) in topology.co_sited(cell(0, 0))
    assert topology.cells_of_element("SubNetwork=1,ManagedElement=gnb-0") == [cell(0, c) for c in (0, 1, 2, 9)]
    assert topology.apply(change([Entity(dn=cell(0, 9), kind="cell")]), 7) == [cell(0, 9)]
    assert topology.declared(cell(0, 9))


def test_a_site_is_found_by_relation_and_by_name_and_in_spite_of_circles() -> None:
    topology = made(
        change(
            [
                Entity(dn="Site=1", kind="site"),
                Entity(dn="Cell=1", kind="cell"),
                Entity(dn="Site=1,Cell=2", kind="cell"),
            ],
            [
                Relation(source="Group=1", target="Cell=1", kind="contains"),
                Relation(source="Cell=1", target="Group=1", kind="contains"),
                Relation(source="Group=1", target="Site=1", kind="located_at"),
            ],
        )
    )
    assert topology.co_sited("Cell=1") == ["Site=1,Cell=2"]
    assert topology.site_of("Group=1") == "Site=1"
    assert topology.site_of("Nothing=1") is None
    assert topology.cells_of_element("Group=1") == ["Cell=1"]


def test_adjacency_is_the_union_of_neighbours_and_co_sited_cells() -> None:
    topology = made(network(4, 3))
    rows = [*topology.cells()[::-1], "Cell=stranger"]
    indices, indptr = topology.adjacency(rows)
    assert indices.dtype == indptr.dtype == np.int32
    for row, name in enumerate(rows):
        named = sorted(rows[index] for index in indices[indptr[row] : indptr[row + 1]])
        assert named == sorted({*topology.neighbours(name), *topology.co_sited(name)})


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_neighbour_mean_is_the_mean_of_the_neighbours(seed: int) -> None:
    rng = np.random.default_rng(seed)
    topology = made(network(5, 2))
    rows = [*topology.cells(), "Cell=stranger"]
    relation = topology.adjacency(rows)
    values = np.where(rng.random(len(rows)) < 0.4, np.nan, rng.normal(size=len(rows)))
    for row, mean in enumerate(neighbour_mean(values, relation)):
        near = values[relation[0][relation[1][row] : relation[1][row + 1]]]
        near = near[~np.isnan(near)]
        assert mean == pytest.approx(near.mean()) if near.size else np.isnan(mean)


def test_an_empty_topology_answers_too() -> None:
    topology = Topology()
    assert topology.cells() == topology.neighbours("Cell=1") == topology.co_sited("Cell=1") == []
    indices, indptr = topology.adjacency([])
    assert (indices.tolist(), indptr.tolist()) == ([], [0])
    assert neighbour_mean(np.empty(0), (indices, indptr)).size == 0
    with pytest.raises(KeyError):
        topology.attributes("Cell=1")


@pytest.mark.parametrize(
    "damage", [{"format": 99}, {"nodes": [["Cell=1"]]}, {"edges": [[1, 2, 3, 4]]}, {"nodes": None}]
)
def test_a_damaged_snapshot_is_refused(damage: dict[str, Any]) -> None:
    with pytest.raises(SnapshotError):
        Topology.from_dict(made(network()).to_dict() | damage)


@pytest.mark.skipif(not ZOO.is_dir(), reason="the Internet Topology Zoo is not in ../shared/data")
@pytest.mark.parametrize("name", ["Arpanet196912", "BtEurope", "Geant2010", "Garr201112"])
def test_reads_real_networks(name: str) -> None:
    graph = nx.read_graphml(ZOO / f"{name}.graphml")
    entities = [Entity(dn=f"Router={node}", kind="element", attributes=data) for node, data in graph.nodes.items()]
    links = sorted({(f"Router={source}", f"Router={target}") for source, target in graph.edges()})
    relations = [Relation(source=source, target=target, kind="connects") for source, target in links]
    topology = made(change(entities, relations))
    assert len(topology) == graph.number_of_nodes()
    assert set(topology.graph.edges()) == set(links)
    assert nx.number_weakly_connected_components(topology.graph) == nx.number_connected_components(nx.Graph(graph))
    assert Topology.from_dict(topology.to_dict()).to_dict() == topology.to_dict()
    assert topology.apply(change(entities, relations), 2) == []


def test_relations_carry_revision_and_time_of_their_last_change() -> None:
    topology = made(network())
    edge = (cell(0, 0), cell(1, 0), "neighbour")
    stamps = [(e["revision"], e["modified"]) for *_, e in topology.graph.edges(data=True)]
    assert set(stamps) == {(1, NOON_MS)}
    again = Relation(source=edge[0], target=edge[1], kind="neighbour", attributes={"handovers": 9})
    assert topology.apply(change([], [again]), 2) == [cell(0, 0), cell(1, 0)]
    assert topology.graph.edges[edge]["revision"] == 2
    assert topology.apply(change([], [again]), 3) == []
    assert sum(e["revision"] == 2 for *_, e in topology.graph.edges(data=True)) == 1


def test_what_is_told_late_does_not_take_the_time_of_a_change_back() -> None:
    topology = made(network())
    early = TopologyChange(
        id="2", time=NOON - timedelta(hours=1), entities=[Entity(dn=cell(0, 0), kind="cell", attributes={"pci": 1})]
    )
    topology.apply(early, 2)
    node = topology.graph.nodes[cell(0, 0)]
    assert (node["revision"], node["modified"]) == (2, NOON_MS)


def test_desired_and_reported_values_deviate_where_both_are_known_and_differ() -> None:
    topology = Topology()
    desired = {"tilt": 4, "power": 40, "locked": False, "vendor": "x"}
    reported = {"tilt": 4.0, "power": 43, "locked": 0, "serial": "s"}
    topology.apply(change([Entity(dn="Cell=1", kind="cell", attributes=desired, reported=reported)]), 1)
    assert topology.deviations("Cell=1") == {"locked": (False, 0), "power": (40, 43)}
    topology.apply(change([Entity(dn="Cell=1", kind="cell", reported={"power": None, "locked": False})]), 2)
    assert topology.deviations("Cell=1") == {}
    assert topology.attributes("Cell=1") == desired


def test_an_object_has_only_so_many_sources() -> None:
    topology = Topology()
    entity = Entity(dn="Cell=1", kind="cell")
    for number in range(16):
        topology.apply(TopologyChange(id="1", time=NOON, entities=[entity], source=f"source {number}"), number + 1)
    with pytest.raises(BadInput, match="too-many"):
        topology.apply(TopologyChange(id="1", time=NOON, entities=[entity], source="one more"), 20)
    assert topology.apply(TopologyChange(id="1", time=NOON, entities=[entity], source="source 3"), 21) == []


def test_a_topology_of_the_first_format_is_read() -> None:
    data = made(network()).to_dict()
    old = {**data, "format": 1, "nodes": [n[:6] for n in data["nodes"]], "edges": [e[:4] for e in data["edges"]]}
    topology = Topology.from_dict(old)
    assert content(topology)["adjacency"] == content(made(network()))["adjacency"]
    assert topology.declared(cell(0, 0))
    assert topology.apply(network(), 2) == []
