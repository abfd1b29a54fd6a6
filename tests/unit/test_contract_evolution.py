"""What was promised is kept: readers and data of different ages understand each other."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from contract_checks import body_faults, example
from typer.testing import CliRunner

from stream.cli import app
from stream.contract.ledger import Ledger, broken, current, read, write
from stream.contract.schemas import structures
from stream.contract.vocabulary import EVENTS
from twin.errors import ConfigurationError

LEDGER = Path(__file__).parents[2] / "docs" / "contract" / "ledger.json"
RENEW = "it isn't up to date: run `lockstep schema --format ledger --out docs/contract` and commit what changes"


@pytest.fixture(scope="module")
def promised() -> Ledger:
    return read(LEDGER.read_bytes())


# The ledger ----------------------------------------------------------------------------------------------------------


def test_what_the_ledger_promises_is_kept(promised: Ledger) -> None:
    found = broken(promised, current())
    assert not found, "\n".join(found)


def test_the_ledger_is_what_the_code_makes(promised: Ledger) -> None:
    assert write(promised) == write(current()), RENEW
    assert LEDGER.read_text() == write(current()), RENEW


def changed(change: Any) -> list[str]:
    now = current()
    later = deepcopy(now)
    change(later)
    return broken(now, later)


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.events["lockstep.report.v1"]["Report"].update(confidence=["number", 1.0]),
        lambda e: e.events.update({"lockstep.new.v1": {"New": {"id": ["string"]}}}),
        lambda e: e.events["lockstep.drift.v1"]["Drift"].update(
            kind=["one of data, equipment, radio, traffic, unknown, weather", "unknown"]
        ),
        lambda e: e.topics["twin.drift"].types.append("lockstep.drift.v2"),
        lambda e: e.events["lockstep.topology.v1"].update(Port={"name": ["string"]}),
    ],
)
def test_what_is_added_breaks_nothing(change: Any) -> None:
    assert changed(change) == []


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda e: e.events["lockstep.report.v1"]["Report"].pop("suspect"), "removed or renamed: keep it, and add"),
        (lambda e: e.events["lockstep.report.v1"]["Report"].update(begin=["integer"]), "types never change"),
        (lambda e: e.events["lockstep.report.v1"]["Report"].update(zone=["string"]), "give it a default"),
        (lambda e: e.events["lockstep.report.v1"]["Report"].update(suspect=["[integer]"]), "its default again"),
        (lambda e: e.events["lockstep.report.v1"]["Report"].update(source=["string", "me"]), "change their meaning"),
        (lambda e: e.events["lockstep.topology.v1"].pop("Entity"), "Entity is gone or has another name"),
        (lambda e: e.events.pop("lockstep.alarm.v1"), "the event is gone"),
        (
            lambda e: e.events["lockstep.drift.v1"]["Drift"].update(direction=["one of down"]),
            "Drift.direction was 'one of down, up'",
        ),
        (lambda e: e.topics.pop("twin.drift"), "topic twin.drift: is gone"),
        (lambda e: setattr(e.topics["twin.drift"], "key", "element"), "was keyed by object"),
        (lambda e: e.topics["inventory.changes"].types.pop(), "no longer carries lockstep.inventory.v1"),
    ],
)
def test_what_breaks_a_promise_is_told_with_what_to_do(change: Any, what: str) -> None:
    (found,) = changed(change)
    assert what in found


def test_the_command_never_writes_over_a_promise(tmp_path: Path) -> None:
    now = current()
    now.events["lockstep.report.v1"]["Report"]["colour"] = ["string"]
    path = tmp_path / "ledger.json"
    path.write_text(write(now))
    done = CliRunner().invoke(app, ["schema", "--format", "ledger", "--out", str(tmp_path)])
    assert isinstance(done.exception, ConfigurationError)
    assert "Report.colour was removed or renamed" in str(done.exception)
    assert read(path.read_bytes()) == now, "it is as it was"


# Readers and data of different ages -----------------------------------------------------------------------------------


CASES = [(type_, full) for type_ in EVENTS for full in (False, True)]


def with_more(node: Any, names: set[frozenset[str]]) -> Any:
    """A tree in which every structure has a field that nobody knows yet."""
    if isinstance(node, list):
        return [with_more(child, names) for child in node]
    if not isinstance(node, dict):
        return node
    made = {key: with_more(child, names) for key, child in node.items()}
    return made | {"fromTheFuture": {"unit": ["dB", 1, None]}} if frozenset(node) in names else made


@pytest.mark.parametrize(("type_", "full"), CASES)
def test_an_old_reader_skips_what_it_does_not_know(type_: str, full: bool) -> None:
    kind = EVENTS[type_]
    event = example(kind, full)
    known = {frozenset(f.encode_name for f in msgspec.structs.fields(one)) for one in structures(kind)}
    newer = json.dumps(with_more(msgspec.json.decode(msgspec.json.encode(event)), known)).encode()
    assert newer.count(b"fromTheFuture") >= (len(structures(kind)) if full else 1)
    assert msgspec.json.decode(newer, type=kind) == event


@pytest.mark.parametrize(("type_", "full"), CASES)
def test_a_new_reader_fills_in_what_old_data_lack(type_: str, full: bool) -> None:
    """Old data: only what the ledger says is required. What is filled in is what the ledger promised."""
    kind = EVENTS[type_]
    promised = read(LEDGER.read_bytes()).events[type_][kind.__name__]
    whole = msgspec.json.decode(msgspec.json.encode(example(kind, full)))
    oldest = {name: whole[name] for name, told in promised.items() if len(told) == 1}
    event = msgspec.json.decode(json.dumps(oldest).encode(), type=kind)
    written = msgspec.json.decode(msgspec.json.encode(event))
    for name, told in promised.items():
        assert written[name] == (told[1] if len(told) == 2 else oldest[name]), name


@pytest.mark.parametrize(("type_", "full"), CASES)
def test_a_reader_of_the_ledgers_age_finds_every_field_in_new_data(type_: str, full: bool) -> None:
    promised = read(LEDGER.read_bytes()).events[type_][EVENTS[type_].__name__]
    fields: list[Any] = [(f"f{k}", Any, msgspec.field(name=name)) for k, name in enumerate(promised)]
    old = msgspec.defstruct("Old", fields)
    value = msgspec.json.encode(example(EVENTS[type_], full))
    found = msgspec.to_builtins(msgspec.json.decode(value, type=old))
    assert found == {name: msgspec.json.decode(value)[name] for name in promised}


@pytest.mark.parametrize(("type_", "full"), CASES)
def test_what_is_written_keeps_its_schema(type_: str, full: bool) -> None:
    assert body_faults(type_, msgspec.json.encode(example(EVENTS[type_], full))) == []
