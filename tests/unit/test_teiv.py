"""TEIV events: what is wrong with them is said, all spellings are taken, and no order of changes breaks a rule."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sources import teiv
from stream.sources.teiv_model import model_of
from tests.teiv_events import LONG, entity, event, model_of_tests, relation
from twin.errors import BadInput, ConfigurationError
from twin.events import Cardinality, Entity, Having, Relation, TopologyChange
from twin.topology import Topology

RAN = "o-ran-smo-teiv-ran"


def refused(value: bytes) -> BadInput:
    with pytest.raises(BadInput) as caught:
        teiv.structured(value, Counter())
    return caught.value


# What is wrong, and what is kept -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "malformed"),
        (b"{}", "wrong-type"),
        (event("create", entities=3), "wrong-type"),
        (event("create", entities=[{f"{RAN}:Sector": {}}]), "wrong-type"),
        (event("create", entities=[7]), "wrong-type"),
        (event("create", entities=[entity(f"{RAN}:Nothing", "a")]), "unknown-type"),
        (event("create", entities=[entity(f"{RAN}:Sector", "a b")]), "bad-name"),
        (event("create", entities=[entity(f"{RAN}:Sector", "a" * 200)]), "bad-name"),
        (event("create", entities=[entity(f"{RAN}:Sector", "a"), entity(f"{RAN}:Sector", "a")]), "contradiction"),
        (event("create", entities=[entity(f"{RAN}:Sector", "a", azimuth="north")]), "wrong-type"),
        (event("create", entities=[entity(f"{RAN}:Sector", "a", azimuth="nan")]), "wrong-type"),
        (event("create", entities=[entity(f"{RAN}:NRCellDU", "a", nCI=1.5)]), "wrong-type"),
        (event("create", entities=[entity(f"{RAN}:NRCellDU", "a", nCI="9" * 50)]), "wrong-type"),
        (event("create", entities=[entity(f"{RAN}:NRCellDU", "urn:3gpp:dn:nothing")]), "bad-name"),
        (event("create").replace(b"10:00:00Z", b"10:00:00"), "no-time-zone"),
        (event("source-entity-delete", type="cmHandle"), "wrong-type"),
        (event("rename", "ran-logical-topology."), "unknown-type"),
    ],
)
def test_events_that_cannot_be_used_say_why(value: bytes, reason: str) -> None:
    assert refused(value).reason == reason


def test_all_spellings_of_types_and_ids_are_taken() -> None:
    for stem in ("topology-inventory-ingestion.", "topology-inventory-ingestion-", "ran-logical-topology."):
        for action in ("create", "merge"):
            found = teiv.structured(event(action, stem, entities=[entity(f"{RAN}:NRCellDU", "c")]), Counter())
            assert [one.dn for one in found.entities] == ["NRCellDU=c"]
    names = {
        "urn:3gpp:dn:ManagedElement=1,NRCellDU=2": "ManagedElement=1,NRCellDU=2",
        "urn:3gpp:dn:/ManagedElement=1/NRCellDU=2": "ManagedElement=1,NRCellDU=2",
        "urn:oran:smo:teiv:NRCellDU=7": "NRCellDU=7",
        "urn:o-ran:smo:teiv:sha512:NRCellDU=AB12": "NRCellDU=AB12",
        "a=b,c": "NRCellDU=a\\3Db\\2Cc",
    }
    assert {id_: teiv.name_of("NRCellDU", id_) for id_ in names} == names


def test_names_at_the_length_limit_are_whole(tmp_path: Path) -> None:
    type_ = f"mine:{LONG['ManagedElement']}_USES_{LONG['NRCellDU']}"
    sides = LONG["ManagedElement"], LONG["NRCellDU"]
    model = model_of_tests(
        tmp_path, {type_: (*sides, "connects", "one-to-one")}, {sides[0]: "element", sides[1]: "cell"}
    )
    id_ = "x" * 128
    found = teiv.structured(event(relationships=[relation(type_, "r" * 300, id_, id_)]), Counter(), model)
    topology = Topology()
    topology.apply(found, 1)
    assert set(topology.graph) == {f"{side}={id_}" for side in sides}


def test_a_model_that_is_wrong_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no type of entity"):
        model_of_tests(tmp_path, {"m:A_B": ("Nowhere", "Site", "connects", "one-to-one")}, {})
    (tmp_path / "x.toml").write_text("[entities]\nTower = 'castle'\n")
    with pytest.raises(ConfigurationError, match="castle"):
        model_of(tmp_path / "x.toml")


# Laws of what changes -------------------------------------------------------------------------------------------------

RULES = [Cardinality(name="OWNS", one_source=True), Cardinality(name="PAIRS", one_source=True, one_target=True)]
_names = st.sampled_from([f"Site={n}" for n in range(4)])
_relations = st.lists(
    st.builds(
        lambda name, id_, a, b: Relation(source=a, target=b, kind="connects", attributes={name: f"r{id_}"}),
        st.sampled_from(["OWNS", "PAIRS"]),
        st.integers(0, 5),
        _names,
        _names,
    ),
    max_size=3,
)


def _change(relations: list[Relation], gone: list[str]) -> TopologyChange:
    return TopologyChange(
        id="1",
        time=datetime(2026, 3, 1, tzinfo=UTC),
        relations=relations,
        cardinalities=RULES,
        removed_having=[
            Having(attribute=name, value=id_, only="relation") for id_ in gone for name in ("OWNS", "PAIRS")
        ],
    )


@given(st.lists(st.tuples(_relations, st.lists(st.sampled_from([f"r{n}" for n in range(6)]), max_size=1)), max_size=8))
@settings(max_examples=200, deadline=None)
def test_no_order_of_changes_breaks_a_rule_and_a_restored_twin_judges_alike(log: list[Any]) -> None:
    topology, restored = Topology(), Topology()
    for revision, (relations, gone) in enumerate(log, 1):
        change = _change(relations, gone)
        verdicts = []
        for one in (topology, restored):
            try:
                one.apply(change, revision)
                verdicts.append("")
            except BadInput as error:
                verdicts.append(str(error))
        assert verdicts[0] == verdicts[1]
        assert topology.to_dict() == restored.to_dict()
        restored = Topology.from_dict(topology.to_dict())
        edges = [
            (a, b, name, id_)
            for a, b, data in topology.graph.edges(data=True)
            for name, id_ in data["attributes"].items()
        ]
        for name in ("OWNS", "PAIRS"):
            ids = [id_ for *_, each, id_ in edges if each == name]
            assert len(ids) == len(set(ids))
            assert len([b for _, b, each, _ in edges if each == name]) == len(
                {b for _, b, each, _ in edges if each == name}
            )
        pairs = [a for a, _, each, _ in edges if each == "PAIRS"]
        assert len(pairs) == len(set(pairs))


def test_what_has_a_value_goes_with_all_its_relations_and_the_rest_stays() -> None:
    def site(name: str, ids: list[str]) -> Entity:
        return Entity(dn=name, kind="site", attributes={"sourceIds": json.dumps(ids)})

    topology = Topology()
    two = {"OWNS": "r1", "PAIRS": "r2", "sourceIds": '["x"]'}
    first = _change([Relation(source="Site=a", target="Site=b", kind="connects", attributes=two)], [])
    topology.apply(
        msgspec.structs.replace(
            first, entities=[site("Site=a", ["one", "two"]), site("Site=b", ['o"ne']), site("Site=c", ["one"])]
        ),
        1,
    )
    topology.apply(_change([], ["r1"]), 2)
    assert topology.graph.get_edge_data("Site=a", "Site=b", "connects")["attributes"] == {
        "PAIRS": "r2",
        "sourceIds": '["x"]',
    }
    gone = TopologyChange(
        id="2",
        time=first.time,
        removed_having=[Having(attribute="sourceIds", value="one"), Having(attribute="x", value="y")],
    )
    touched = topology.apply(gone, 3)
    assert set(topology.graph) == {"Site=b"}
    assert touched == ["Site=a", "Site=b", "Site=c"]
    assert topology.apply(gone, 4) == []
