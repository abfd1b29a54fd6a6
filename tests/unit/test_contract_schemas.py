"""The contract is made from the code: its documents are well formed, and complete."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from contract_checks import rules_broken
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from stream.cli import app
from stream.contract import vocabulary
from stream.contract.asyncapi import document
from stream.contract.schemas import schema_id, schema_of, senml_schema
from stream.contract.vocabulary import EVENTS, carried
from stream.contract.wording import field_texts, summary
from stream.topics import INBOX, OUTLETS, SOURCES, TOPICS, Topic
from twin.errors import ConfigurationError
from twin.radio.events import Sounding


@pytest.mark.parametrize("type_", EVENTS)
def test_a_schema_is_one_and_says_what_each_field_is(type_: str) -> None:
    schema = schema_of(type_)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == schema_id(type_) == f"urn:lockstep:schema:{type_}"
    assert "://" not in json.dumps(schema).replace("https://json-schema.org/draft/2020-12/schema", "")
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["description"], part["title"]
        silent = [name for name, field in part["properties"].items() if not field.get("description")]
        assert not silent, f"{part['title']}: say in its docstring what {silent} mean"


def test_what_docstrings_say_of_units_and_shapes_stands_in_the_schema() -> None:
    said = schema_of("lockstep.sounding.v1")["properties"]
    assert said["rsrp"]["description"].startswith("Power of a reference resource element [dBm], `[num_positions, num_")
    assert said["response"]["description"].endswith("null: not heard."), "a text of two lines is whole"
    assert summary(Sounding) == "What receivers at known places heard of some cells, one row a place; enters the log."
    both = field_texts(EVENTS["lockstep.inventory.v1"])
    assert both["part"] == both["parts"], "one text of two fields"
    assert field_texts(EVENTS["lockstep.alarm.v1"])["perceivedSeverity"], "names are those on the wire"


def test_the_document_keeps_the_rules_of_asyncapi_and_lists_every_topic() -> None:
    made = document()
    assert rules_broken(made) == []
    assert [c["address"] for c in made["channels"].values()] == [topic.name for topic in TOPICS]
    acts = {(o["action"], o["channel"]["$ref"].rpartition("/")[2]) for o in made["operations"].values()}
    assert {("send", topic.name) for topic in SOURCES.values()} < acts
    assert {("receive", topic.name) for topic in OUTLETS.values()} < acts
    for name, schema in made["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema["schema"])
        assert name in EVENTS or schema["schema"].get("$schema"), name
    for topic in TOPICS:
        channel = made["channels"][topic.name]
        assert channel["bindings"]["kafka"].get("partitions", 0) == topic.partitions
        assert len(channel["messages"]) == len(carried(topic))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d.pop("info"), "the root lacks info"),
        (lambda d: d.update(topics={}), "the root has topics"),
        (lambda d: d["channels"]["twin.drift"].pop("address"), "channel twin.drift lacks address"),
        (lambda d: d["operations"]["subscriber.drift.receive"].update(action="read"), "action 'read'"),
        (lambda d: d["components"]["messages"].pop("lockstep.drift.v1"), "messages/lockstep.drift.v1 leads nowhere"),
        (
            lambda d: d["components"]["schemas"]["lockstep.topology.v1"]["schema"]["$defs"].pop("Entity"),
            "leads nowhere",
        ),
        (
            lambda d: d["operations"]["subscriber.drift.receive"].update(
                messages=[{"$ref": "#/channels/twin.fidelity/messages/lockstep.fidelity.v1"}]
            ),
            "none of its channel's",
        ),
    ],
)
def test_the_rules_notice_what_is_wrong(change: Any, what: str) -> None:
    broken = deepcopy(document())
    change(broken)
    assert any(what in found for found in rules_broken(broken)), rules_broken(broken)


def test_records_of_the_log_say_when_they_were_taken_in_and_sources_may_say_nothing() -> None:
    messages = document()["components"]["messages"]
    assert "ce_recordedtime" in messages["log.lockstep.report.v1"]["headers"]["required"]
    assert "ce_recordedtime" not in messages["lockstep.drift.v1"]["headers"]["required"]
    assert "required" not in messages["source.lockstep.report.v1"]["headers"]
    assert messages["source.application.senml.json"]["contentType"] == "application/senml+json"


def test_a_topic_with_an_event_that_nobody_has_described_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"add it to OUTLETS"):
        carried(Topic("twin.new", "element", "lockstep.new.v1"))
    assert set(carried(INBOX)) == set(vocabulary.KNOWN)


def test_the_schema_of_senml_takes_a_pack_and_no_other_thing() -> None:
    check = Draft202012Validator(senml_schema())
    assert check.is_valid([{"bn": "ManagedElement=1;", "bt": 1.8e9}, {"n": "temperature", "u": "Cel", "v": 21.5}])
    assert not check.is_valid([{"n": "temperature", "v": "warm"}])
    assert not check.is_valid({"n": "temperature", "v": 1})


def test_the_command_prints_and_writes(tmp_path: Path) -> None:
    run = CliRunner()
    printed = run.invoke(app, ["schema"])
    assert json.loads(printed.stdout) == document()
    assert run.invoke(app, ["schema", "--format", "json-schema", "--out", str(tmp_path)]).exit_code == 0
    files = {path.name: json.loads(path.read_text()) for path in tmp_path.iterdir()}
    assert files == {f"{type_}.schema.json": schema_of(type_) for type_ in EVENTS}
