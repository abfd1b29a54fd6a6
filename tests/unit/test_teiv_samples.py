"""The samples of TEIV events: each taken with what it says, or refused for what its name says is wrong with it."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stream.decode import TOPOLOGY, decode
from stream.pseudonyms import Pseudonyms
from stream.routing import ALL, entries
from stream.sources import teiv, teiv_kafka
from stream.sources.files import open_reading
from stream.sources.teiv_model import BUILTIN, Model
from tests.teiv_events import model_of_tests, said_by
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.events import TopologyChange
from twin.log import LogRecord
from twin.topology import Topology

DATA = Path(__file__).parents[2].parent / "shared/data/standard_messages/teiv_topology_cloudevents"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="shared/data/standard_messages is not here")
SAMPLES = sorted(file for folder in ("common", "end_to_end") for file in (DATA / folder).glob("*.json"))
SAMPLES += sorted(DATA.glob("validation_*/*.json"))
RAN, OAM = "o-ran-smo-teiv-ran", "o-ran-smo-teiv-rel-oam-ran"
PROVIDES, USES = f"{RAN}:ODUFUNCTION_PROVIDES_NRCELLDU", f"{RAN}:NRSECTORCARRIER_USES_ANTENNACAPABILITY"

REFUSED = {
    # Told by their names; where a name says only "wrong", by the type that the attribute has in the model.
    "common/ce-deprecated": "wrong-type",
    "common/ce-invalid-entity-attribute": "wrong-type",
    "common/ce-relationship-invalid-module-type-pair": "unknown-type",
    "common/ce-relationship-invalid-module": "unknown-type",
    "common/ce-relationship-invalid-type": "unknown-type",
    "common/ce-relationship-missing-a-side": "aSide",
    "common/ce-relationship-missing-b-side": "bSide",
    "common/ce-relationship-missing-both-sides": "aSide",
    "common/ce-relationship-missing-id": "'id'",
    "common/ce-relationship-missing-source-ids": "sourceIds",
    "common/ce-relationship-with-one-source-id": "1 'sourceIds'",
    "common/ce-with-invalid-entity-id": "bad-name",
    "common/ce-with-invalid-relationship-ids": "bad-name",
    "common/ce-with-invalid-relationship-ids2": "bad-name",
    "common/ce-with-invalid-relationship-ids3": "bad-name",
    "common/ce-with-no-source-ids": "sourceIds",
    "end_to_end/ce-unknown-type": "unknown-type",
    "validation_attributes/ce-wrong-attribute-type": "gNBId",
    "validation_attributes/ce-wrong-attribute-type2": "gNBCUName",
    "validation_attributes/ce-wrong-attribute-type3": "gNBCUName",
    "validation_attributes/int-as-string": "mcc",
}


@pytest.fixture(scope="session")
def stretched(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The model of the samples' long names: TEIV's own schemas for tests, here told from the samples."""
    long: set[str] = set()
    for file in SAMPLES:
        text = file.read_text()
        long |= set(re.findall(r'"o-ran-smo-teiv-[a-z-]*:(\w+)"', text)) - BUILTIN.entities.keys()
    names = sorted(
        name
        for name in long
        if not re.search("_(USES|MANAGES|PROVIDES|SERVES|REALISED|DEPLOYED|GROUPS|INSTALLED)_", name)
    )
    kinds = {name: "element" if name.startswith("Managed") else "cell" if "Cell" in name else "asset" for name in names}
    modules = {file: set(re.findall(r'"(o-ran-smo-teiv-[a-z-]*test:\w+_\w+)"', file.read_text())) for file in SAMPLES}

    def side(part: str) -> str:
        stem = re.sub(r"(.)\1*$", r"\1", part).upper()
        return next(name for name in names if re.sub(r"(.)\1*$", r"\1", name).upper() == stem)

    types = {}
    for type_ in sorted(set().union(*modules.values())):
        parts = type_.rpartition(":")[2].split("_")
        many = "one-to-one" if {"USES", "DEPLOYED"} & set(parts) else "one-to-many"
        if "LTESECTOR" in type_:
            many = "many-to-one"
        if "SERVES" in parts:
            many = "many-to-many"
        types[type_] = (side(parts[0]), side(parts[-1]), "connects", many)
    return model_of_tests(tmp_path_factory.mktemp("model"), types, kinds)


def made(file: Path, model: Model) -> TopologyChange:
    return teiv.structured(file.read_bytes(), Counter(), model)


def applied(model: Model, *names: str) -> Topology:
    topology = Topology()
    for revision, name in enumerate(names, 1):
        topology.apply(made(DATA / f"{name}.json", model), revision)
    return topology


def refused(value: bytes, model: Model = BUILTIN) -> BadInput:
    with pytest.raises(BadInput) as caught:
        teiv.structured(value, Counter(), model)
    return caught.value


@needs_data
@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_every_sample_is_taken_with_all_it_says_or_refused_for_what_its_name_says(file: Path, stretched: Model) -> None:
    name = f"{file.parent.name}/{file.stem}"
    if name in REFUSED:
        error = refused(file.read_bytes(), stretched)
        assert REFUSED[name] in f"{error.reason}: {error.detail}"
        return
    found = made(file, stretched)
    assert decode(TOPOLOGY, msgspec.json.encode(found)) == found
    action = json.loads(file.read_text())["type"].rpartition(".")[2]
    if action == "source-entity-delete":
        assert found.removed_having
        assert not found.entities
        assert not found.removed
        return
    entities, relations = said_by(file)
    if action == "delete":
        assert len(found.removed) == sum(entities.values())
        assert Counter(one.attribute for one in found.removed_having) == relations
    else:
        assert len(found.entities) == sum(entities.values())
        assert Counter(name for one in found.relations for name in one.attributes if name != "sourceIds") == relations
    Topology().apply(found, 1)


@needs_data
def test_how_many_samples_there_are() -> None:
    assert len(SAMPLES) == 83
    assert len(REFUSED) == 21
    assert {f"{file.parent.name}/{file.stem}" for file in SAMPLES} >= REFUSED.keys()


@needs_data
@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("exp-create-geo-location", ["ce-create-geo-location"]),
        ("exp-create-inferred", ["ce-create-inferred"]),
        ("exp-create-many-to-many", ["ce-create-many-to-many"]),
        ("exp-create-one-to-one", ["ce-create-one-to-one"]),
        ("exp-create-second-case", ["ce-create-second-case"]),
        ("exp-delete-one-to-one", ["ce-create-one-to-one", "ce-delete-one-to-one"]),
        ("exp-merge-many-to-many", ["ce-create-many-to-many", "ce-merge-many-to-many"]),
        ("exp-merge-one-to-many", ["ce-merge-one-to-many"]),
        ("exp-merge-one-to-many3", ["ce-merge-one-to-many", "ce-merge-one-to-many3"]),
    ],
)
def test_what_is_expected_of_samples_is_so(name: str, events: list[str], stretched: Model) -> None:
    """Each object and relation that the expected result lists is there with these values."""
    topology = applied(stretched, *(f"end_to_end/{one}" for one in events))
    expected = json.loads((DATA / f"expected_results/{name}.json").read_text())
    looked_at = 0
    for table, items in expected.items():
        for item in items:
            if "aSide_AntennaModule" in item:
                a, b = item["aSide_AntennaModule"], item["bSide_AntennaCapability"]
                edge = topology.graph.get_edge_data(f"AntennaModule={a}", f"AntennaCapability={b}", "connects")
                assert edge["attributes"]["ANTENNAMODULE_SERVES_ANTENNACAPABILITY"] == item["id"]
                looked_at += 1
                continue
            looked_at += _as_expected(topology, item, table)
    assert looked_at >= len(expected)


def _of(name: str, table: str) -> bool:
    """Whether a name is of the type of a table; tables of long names have a hash for a name."""
    type_ = name.partition("=")[0]
    return type_ == table.rpartition("_")[2] if "_" in table else type_ not in BUILTIN.entities


def _as_expected(topology: Topology, item: dict[str, Any], table: str) -> int:
    """Of one row of the expected result: its values, and the relation whose key it holds."""
    found = [name for name in topology.graph if name.rpartition("=")[2] == item["id"] and _of(name, table)]
    assert len(found) == 1, item["id"]
    attributes = topology.attributes(found[0])
    seen = 1
    told = dict(item)
    for plmn in ("dUpLMNId", "plmnId"):
        if isinstance(parts := told.pop(plmn, None), dict):
            told |= {f"{plmn}.{name}": value for name, value in parts.items()}
    for name, value in told.items():
        if name == "metadata" and value["reliabilityIndicator"] == "ADVISED":
            assert not topology.declared(found[0])
        elif name.startswith("REL_FK_"):
            other = value
            around = {*topology.graph.successors(found[0]), *topology.graph.predecessors(found[0])}
            assert {one.rpartition("=")[2] for one in around} >= ({other} if other else set())
            assert other or not around
            seen += 1
        elif isinstance(value, list) and name.endswith("FqBands"):
            assert [int(one) for one in json.loads(str(attributes[name]))] == value
        elif name == "geo-location":
            assert [attributes["latitude"], attributes["longitude"]] == value["coordinates"][:2][::-1]
        elif isinstance(value, int | float):
            assert attributes[name] == value
    return seen


@needs_data
@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("not-exp-delete-many-to-many", ["ce-create-many-to-many", "ce-delete-many-to-many"]),
        ("not-exp-delete-one-to-one", ["ce-create-one-to-one", "ce-delete-one-to-one"]),
        ("not-exp-source-entity-delete-cm-handle", ["ce-create-second-case", "ce-source-entity-delete-cm-handle"]),
    ],
)
def test_what_is_deleted_is_gone(name: str, events: list[str], stretched: Model) -> None:
    before = applied(stretched, f"end_to_end/{events[0]}")
    topology = applied(stretched, *(f"end_to_end/{one}" for one in events))
    gone = {id_ for ids in json.loads((DATA / f"expected_results/{name}.json").read_text()).values() for id_ in ids}

    def ids(of: Topology) -> set[str]:
        names = {name.rpartition("=")[2] for name in of.graph}
        return names | {str(value) for *_, data in of.graph.edges(data=True) for value in data["attributes"].values()}

    assert gone <= ids(before)
    assert not gone & ids(topology)


@needs_data
@pytest.mark.parametrize("folder", ["many_to_one", "one_to_many", "one_to_one"])
def test_cardinality_is_kept_with_what_is_known(folder: str, stretched: Model) -> None:
    """2: the id of another relation; 3: the "one" side has one already; 4: both; 5 to 7: a side nobody has created."""
    folders = ("many_to_one", "one_to_many", "one_to_one")
    known = [f"validation_{one}/ce-create-{one.replace('_', '-')}" for one in folders]
    stem = f"validation_{folder}/ce-create-{folder.replace('_', '-')}"
    for number in (2, 3, 4):
        with pytest.raises(BadInput) as caught:
            applied(stretched, *known, f"{stem}{number}")
        assert caught.value.reason == "contradiction", number
    for number in (5, 6, 7):
        applied(stretched, f"{stem}{number}")
    assert applied(stretched, *known, *known).to_dict() == applied(stretched, *known).to_dict()


@needs_data
def test_the_event_in_binary_mode_is_the_same_as_text_and_from_kafka() -> None:
    data = (DATA / "cloudEventExampleMerge.txt").read_bytes()
    found = teiv_kafka.of_text(data, Counter())
    head, _, body = data.partition(b",,,")
    headers = [tuple(pair.split(b":::", 1)) for pair in head.split(b",")]
    document = json.loads(body)
    record = LogRecord(0, 5, "k", 1_700_000_000_000, "ran-logical-topology.merge", body)
    made_of = [(name.decode(), value) for name, value in headers]
    (entry,) = entries("teiv", record, 4, Pseudonyms(), made_of)
    assert (entry.partition, entry.type) == (ALL, TOPOLOGY)
    assert decode(TOPOLOGY, entry.value) == found
    assert found.time == datetime(2023, 11, 30, 9, 5, tzinfo=UTC)
    assert len(found.entities) == sum(len(items) for group in document["entities"] for items in group.values())
    topology = Topology()
    topology.apply(found, 1)
    cell = "ManagedElement=NR01,ODUFunction=1,NRCellDU=1"
    wanted = document["entities"][0]["o-ran-smo-teiv-ran:NRCellDU"][0]["attributes"]
    assert {name: topology.attributes(cell)[name] for name in wanted} == wanted
    assert topology.cells_of_element("ManagedElement=NR01,ODUFunction=1")[0] == cell


@needs_data
def test_numbers_of_64_bits_are_the_same_as_text_and_larger_ones_stay_text() -> None:
    numbers, texts = (
        (DATA / f"common/ce-64bit-numbers-as-{how}.json").read_bytes() for how in ("json-numbers", "string")
    )
    notes: Counter[str] = Counter()
    one, other = teiv.structured(numbers, notes), teiv.structured(texts, notes)
    assert [each.attributes for each in one.entities] == [each.attributes for each in other.entities]
    values = {each.dn: each.attributes for each in one.entities}
    assert values["Sector=entityId_2"]["sectorId"] == "10223372036854775807"
    assert values["OCUCPFunction=entityId_4"]["gNBId"] == -(2**63)
    assert values["Sector=entityId_3"] | {"sourceIds": ""} == {"sectorId": 5, "azimuth": 300.1, "sourceIds": ""}
    assert any("64 bits" in note for note in notes)


@needs_data
def test_files_are_recognised_and_read(tmp_path: Path) -> None:
    def read(path: Path) -> tuple[str, list[Any]]:
        with path.open("rb") as file:
            reading = open_reading(path, file, CATALOGUE)
            return reading.format, list(reading.events)

    for path in (DATA / "cloudEventExampleMerge.txt", DATA / "common/ce-one-entity.json"):
        format, events = read(path)
        assert (format, len(events)) == ("teiv", 1)
