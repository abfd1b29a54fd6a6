"""The vocabulary on the wire: zones, missing values, names of others, and readers older or newer than the data."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from twin import events
from twin.events import Alarm, Report, TopologyChange

REPORT: dict[str, Any] = {
    "element": "ManagedElement=gnb-17",
    "begin": "2026-03-01T10:00:00Z",
    "end": "2026-03-01T10:15:00Z",
    "objects": ["NRCellDU=1", "NRCellDU=2"],
    "counters": ["RRU.PrbTotDl", "RRC.ConnMean"],
    "values": [[41.5, None], [0, 12]],
}
ALARM: dict[str, Any] = {
    "objectInstance": "ManagedElement=gnb-17",
    "notificationId": "4711",
    "eventTime": "2026-03-01T10:00:00+01:00",
    "alarmType": "EQUIPMENT_ALARM",
    "probableCause": "powerProblem",
    "perceivedSeverity": "MAJOR",
}


class NewerReport(Report, frozen=True, kw_only=True):
    """A report as a later version may write it."""

    confidence: float = 1.0
    schema_version: int = 2


def read(kind: Any, data: dict[str, Any]) -> Any:
    return msgspec.json.decode(json.dumps(data).encode(), type=kind)


def structs() -> list[type[msgspec.Struct]]:
    return [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]


def test_a_report_reads_as_it_was_written() -> None:
    report = read(Report, REPORT)
    assert report.end - report.begin == timedelta(minutes=15)
    assert report.values == [[41.5, None], [0.0, 12.0]]
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_missing_is_null_and_never_zero() -> None:
    written = json.loads(msgspec.json.encode(read(Report, REPORT)))
    assert written["values"][0][1] is None
    assert written["values"][1][0] == 0


@pytest.mark.parametrize("field", ["begin", "end"])
def test_a_time_without_zone_is_refused(field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="timezone"):
        read(Report, REPORT | {field: "2026-03-01T10:00:00"})


def test_an_alarm_without_zone_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="timezone"):
        read(Alarm, ALARM | {"eventTime": "2026-03-01T10:00:00"})


@pytest.mark.parametrize("text", ["2026-03-01T09:00:00Z", "2026-03-01T10:00:00+01:00", "2026-03-01T03:30:00-05:30"])
def test_a_zone_is_only_a_way_to_write_an_instant(text: str) -> None:
    assert read(Report, REPORT | {"begin": text}).begin == datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_times_are_written_with_their_zone() -> None:
    report = msgspec.structs.replace(
        read(Report, REPORT), begin=datetime(2026, 3, 1, tzinfo=timezone(timedelta(hours=2)))
    )
    assert json.loads(msgspec.json.encode(report))["begin"] == "2026-03-01T00:00:00+02:00"


@pytest.mark.parametrize("kind", structs(), ids=lambda kind: kind.__name__)
def test_every_time_of_every_event_demands_a_zone(kind: type[msgspec.Struct]) -> None:
    schema = msgspec.json.schema(kind)["$defs"][kind.__name__]
    for name, rule in schema["properties"].items():
        if rule.get("format") == "date-time":
            field = next(each for each in msgspec.structs.fields(kind) if each.encode_name == name)
            with pytest.raises(msgspec.ValidationError):
                msgspec.convert("2026-03-01T10:00:00", type=field.type)


def test_an_old_reader_skips_what_new_data_adds() -> None:
    new = NewerReport(**msgspec.structs.asdict(read(Report, REPORT)) | {"schema_version": 2}, confidence=0.5)
    old = msgspec.json.decode(msgspec.json.encode(new), type=Report)
    assert old.schema_version == 2
    assert old.values == new.values


def test_a_new_reader_fills_in_what_old_data_lacks() -> None:
    old = msgspec.json.encode(read(Report, REPORT))
    new = msgspec.json.decode(old, type=NewerReport)
    assert new.confidence == 1.0
    assert new.schema_version == events.SCHEMA_VERSION


def test_an_unknown_field_inside_an_entity_is_skipped() -> None:
    change = read(
        TopologyChange,
        {
            "id": "1",
            "time": "2026-03-01T00:00:00Z",
            "entities": [{"dn": "Site=1", "kind": "site", "reliability": "OK", "attributes": {"latitude": 50.1}}],
        },
    )
    assert change.entities[0].attributes == {"latitude": 50.1}


def test_every_event_that_stands_alone_carries_a_schema_version_with_a_default() -> None:
    parts = {events.Entity, events.Relation, events.Having, events.Cardinality}
    for kind in set(structs()) - parts:
        field = {each.name: each for each in msgspec.structs.fields(kind)}["schema_version"]
        assert field.default == events.SCHEMA_VERSION, kind


@pytest.mark.parametrize(
    "damage",
    [
        {"values": [["41.5"]]},
        {"objects": "NRCellDU=1"},
        {"element": None},
        {"suspect": [1.5]},
        {"schema_version": "1"},
    ],
    ids=lambda damage: next(iter(damage)),
)
def test_a_wrong_type_is_refused_and_the_message_says_where(damage: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"\$\.{next(iter(damage))}"):
        read(Report, REPORT | damage)


@pytest.mark.parametrize("field", REPORT)
def test_a_missing_field_is_refused(field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        read(Report, {name: value for name, value in REPORT.items() if name != field})


def test_an_alarm_has_the_names_of_ts_28_532() -> None:
    written = json.loads(msgspec.json.encode(read(Alarm, ALARM)))
    assert set(ALARM) <= set(written)
    assert {"specificProblem", "additionalText"} <= set(written)
    assert not any("_" in name for name in written)


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="perceivedSeverity"):
        read(Alarm, ALARM | {"perceivedSeverity": "major"})


def test_events_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        read(Report, REPORT).element = "ManagedElement=other"
