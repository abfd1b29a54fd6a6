"""Reconciliation with a full inventory: it makes the twin equal within its scope, once, whatever the order."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sources.inventory import parts
from twin.difference import Difference, Telemetry
from twin.events import Entity, Inventory, Relation, TopologyChange
from twin.inventory import Listing, check_part, inside, whole
from twin.reconcile import compare
from twin.repair import repair
from twin.topology import Topology

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REGION, OTHER = "SubNetwork=1", "SubNetwork=2"
ALWAYS = 1.0
"""A share that never holds an inventory back."""


def gnb(n: int, region: str = REGION) -> str:
    return f"{region},ManagedElement={n}"


def cell(n: int, region: str = REGION) -> str:
    return f"{region},ManagedElement=1,NRCellDU={n}"


KINDS: dict[str, Any] = {
    REGION: "region",
    OTHER: "region",
    "Site=1": "site",
    **{gnb(n, region): "element" for n in (1, 2) for region in (REGION, OTHER)},
    **{cell(n, region): "cell" for n in (1, 2, 3) for region in (REGION, OTHER)},
}
IN_REGION = sorted(name for name in KINDS if inside(name, REGION))
names = st.sampled_from(sorted(KINDS))
attributes = st.dictionaries(st.sampled_from("abc"), st.one_of(st.integers(0, 2), st.booleans()), max_size=3)


def entity_of(name: st.SearchStrategy[str]) -> st.SearchStrategy[Entity]:
    return st.builds(lambda n, a: Entity(dn=n, kind=KINDS[n], attributes=a), name, attributes)


def relation_of(source: st.SearchStrategy[str]) -> st.SearchStrategy[Relation]:
    kinds = st.sampled_from(("contains", "located_at", "neighbour"))
    return st.builds(
        lambda s, t, k, a: Relation(source=s, target=t, kind=k, attributes=a), source, names, kinds, attributes
    )


def inventory(entities: list[Entity], relations: list[Relation], **more: Any) -> Inventory:
    more = {"id": "1", "time": NOON, "scope": REGION} | more
    return Inventory(entities=entities, relations=relations, **more)


def unique_inventory(name: st.SearchStrategy[str], **more: Any) -> st.SearchStrategy[Inventory]:
    return st.builds(
        lambda e, r: inventory(e, r, **more),
        st.lists(entity_of(name), max_size=8, unique_by=lambda e: e.dn),
        st.lists(relation_of(name), max_size=8, unique_by=lambda r: (r.source, r.target, r.kind)),
    )


changes = st.builds(
    lambda e, r, source: TopologyChange(id="0", time=NOON - timedelta(hours=1), entities=e, relations=r, source=source),
    st.lists(entity_of(names), max_size=8),
    st.lists(relation_of(names), max_size=8),
    st.sampled_from(("planner", "")),
)
scopes = st.one_of(unique_inventory(st.sampled_from(IN_REGION)), unique_inventory(names, scope="", source="planner"))
telemetry = st.builds(lambda live: Telemetry(set(live), set(live), {REGION}), st.sets(names, max_size=3))


def made(before: list[TopologyChange]) -> Topology:
    topology = Topology()
    for revision, change in enumerate(before, 1):
        topology.apply(change, revision)
    return topology


def reconcile(
    topology: Topology, listing: Listing, heard: Telemetry | None = None, share: float = ALWAYS, revision: int = 50
) -> tuple[Difference, list[str]]:
    heard = heard or Telemetry()
    found = compare(topology, listing, heard, share)
    return found, [] if found.implausible else repair(topology, listing, found, heard, revision)


def applied(before: list[TopologyChange], *parts: Inventory, heard: Telemetry | None = None) -> Topology:
    topology = made(before)
    listing = whole(parts)
    listing.confirmed = True
    reconcile(topology, listing, heard)
    return topology


@given(st.lists(changes, max_size=3), scopes, telemetry)
@settings(deadline=None, max_examples=60)
def test_the_twin_becomes_what_the_inventory_lists_within_its_scope(
    before: list[TopologyChange], snapshot: Inventory, heard: Telemetry
) -> None:
    topology = made(before)
    known = {name: node["sources"] for name, node in topology.graph.nodes.items()}
    listing = whole([snapshot])
    listing.confirmed = True
    found, _ = reconcile(topology, listing, heard)
    declared = {
        n for n, node in topology.graph.nodes.items() if node["declared"] and listing.covers(n, node["sources"])
    }
    assert declared == set(listing.entities)
    for name, entity in listing.entities.items():
        node = topology.graph.nodes[name]
        assert node["kind"] == entity.kind
        if listing.shares(name, known.get(name, ())):
            assert node["attributes"].items() >= entity.attributes.items()
        else:
            assert node["attributes"] == entity.attributes
    edges = {
        edge[:3] for edge in topology.graph.edges(keys=True, data=True) if listing.covers(edge[0], edge[3]["sources"])
    }
    left_out = {edge for edge in listing.relations if {*edge[:2]} & {*found.dangling, *found.circular}}
    assert edges <= set(listing.relations)
    assert set(listing.relations) - left_out <= {edge[:3] for edge in topology.graph.edges(keys=True)}


@given(st.lists(changes, max_size=3), scopes, telemetry, st.booleans())
@settings(deadline=None, max_examples=60)
def test_what_lies_outside_the_scope_stays_as_it_was(
    before: list[TopologyChange], snapshot: Inventory, heard: Telemetry, confirmed: bool
) -> None:
    topology, untouched = made(before), made(before)
    listing = whole([snapshot])
    listing.confirmed = confirmed
    _, changed = reconcile(topology, listing, heard)
    for name, node in untouched.graph.nodes.items():
        if node["declared"] and not listing.covers(name, node["sources"]) and name not in listing.entities:
            now = topology.graph.nodes[name]
            assert {k: now[k] for k in ("kind", "declared", "attributes", "sources")} == {
                k: node[k] for k in ("kind", "declared", "attributes", "sources")
            }
    for name in topology.graph.nodes.keys() & untouched.graph.nodes.keys():
        if name not in changed:
            assert topology.graph.nodes[name] == untouched.graph.nodes[name]


@given(st.lists(changes, max_size=3), st.lists(scopes, min_size=1, max_size=3), telemetry, st.sampled_from((0.5, 1.0)))
@settings(deadline=None, max_examples=60)
def test_the_same_inventory_a_second_time_changes_nothing_and_raises_the_same(
    before: list[TopologyChange], snapshots: list[Inventory], heard: Telemetry, share: float
) -> None:
    topology = made(before)
    for snapshot in snapshots:
        listing = whole([snapshot])
        first, _ = reconcile(topology, listing, heard, share)
        once = topology.to_dict()
        second, changed = reconcile(topology, listing, heard, share, revision=60)
        assert not changed
        assert topology.to_dict() == once
        assert second.implausible == first.implausible
        if not first.implausible:
            assert {k: n for k, n in second.counts().items() if k in first.counts()} == second.counts()
            assert (second.dangling, second.newer, second.conflicting) == (
                first.dangling,
                first.newer,
                first.conflicting,
            )
            assert (second.undeclared, second.silent) == (first.undeclared, first.silent)


@given(st.lists(changes, max_size=2), scopes, st.integers(1, 4), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=60)
def test_order_and_parts_make_no_difference(
    before: list[TopologyChange], snapshot: Inventory, parts: int, shuffle: random.Random
) -> None:
    entities, relations = list(snapshot.entities), list(snapshot.relations)
    shuffle.shuffle(entities)
    shuffle.shuffle(relations)
    pieces = [
        inventory(
            entities[k::parts],
            relations[k::parts],
            part=k + 1,
            parts=parts,
            scope=snapshot.scope,
            source=snapshot.source,
        )
        for k in range(parts)
    ]
    shuffle.shuffle(pieces)
    assert applied(before, *pieces).to_dict() == applied(before, snapshot).to_dict()


@given(unique_inventory(st.sampled_from(IN_REGION)), st.integers(1, 400))
@settings(deadline=None, max_examples=60)
def test_an_inventory_that_is_cut_says_the_same_as_the_whole(listed: Inventory, most_bytes: int) -> None:
    cut = parts(listed.entities, listed.relations, NOON, scope=REGION, most_bytes=most_bytes)
    assert [part.part for part in cut] == list(range(1, cut[0].parts + 1))
    assert {part.id for part in cut} == {cut[0].id}
    for part in cut:
        check_part(part)
    both = whole(cut), whole([listed])
    assert both[0].entities == both[1].entities
    assert both[0].relations == both[1].relations
