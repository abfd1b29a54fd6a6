"""Models on their way into the log: ids tell of content, bytes stay whole, and who may measure may not decide."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import msgspec
import pytest
from folding import START

from stream.decode import CANDIDATE, TRANSITION, decode
from stream.outlets import ENCODER
from stream.pseudonyms import Pseudonyms
from stream.registry.sending import message
from stream.routing import ALL, entries
from stream.topics import OUTLETS, SOURCES, attributes_of
from twin.errors import BadInput
from twin.log import LogRecord
from twin.model_events import MOST_ARTIFACT, ModelCandidate, new_candidate, new_transition

PHONE = b"+4915112345678"
KEYED = Pseudonyms(b"k" * 32)


def record(type_: str, value: bytes) -> LogRecord:
    return LogRecord(0, 0, "m@1", 0, type_, value)


def test_ids_are_functions_of_content() -> None:
    one, same = (new_candidate("m", "1", ["t"], b"bytes", START) for _ in range(2))
    assert one.id == same.id
    assert one.model == "m@1"
    others = [
        new_candidate("m", "1", ["t"], b"other", START),
        new_candidate("m", "2", ["t"], b"bytes", START),
        new_candidate("n", "1", ["t"], b"bytes", START),
    ]
    assert len({one.id, *(other.id for other in others)}) == 4
    steps = [
        new_transition("m@1", state, START + timedelta(hours=h), targets=targets, by=by)
        for state in ("shadow", "champion", "retired")
        for h in (0, 1)
        for targets in ((), ("t",))
        for by in ("keeper", "user x")
    ]
    assert len({step.id for step in steps}) == len(steps)
    swapped = [new_transition("m@1", "champion", START, targets=t) for t in (("a", "b"), ("b", "a"))]
    assert swapped[0] == swapped[1]


def test_events_are_read_as_they_were_written_with_names_of_the_standard() -> None:
    event = new_candidate("m", "1", ["t"], bytes(range(256)), START, {"rows": 3}, "by hand")
    step = new_transition("m@1", "champion", START, targets=["t"], reason="better", evidence={"n": 1})
    assert decode(CANDIDATE, ENCODER.encode(event)) == event
    assert decode(TRANSITION, ENCODER.encode(step)) == step
    assert {"mLModelId", "mLModelVersion"} <= json.loads(ENCODER.encode(event)).keys()


def test_both_go_to_every_partition_through_their_own_topic() -> None:
    for event in (new_candidate("m", "1", ["t"], b"x", START), new_transition("m@1", "champion", START)):
        sent = message(event)
        type_, _ = attributes_of(sent.headers, "")
        (entry,) = entries("models", record(type_, sent.value), 4, Pseudonyms())
        assert (entry.partition, entry.key, entry.type, entry.value) == (ALL, "m@1", type_, sent.value)
        for kind in SOURCES.keys() - {"models", "senml"}:
            with pytest.raises(BadInput) as caught:
                entries(kind, record(type_, sent.value), 4, Pseudonyms())
            assert caught.value.reason == "unknown-type"
    assert SOURCES["models"].partitions == 1, "one order for all shards"
    assert OUTLETS["comparisons"].name == "models.comparisons"


def test_a_models_bytes_are_not_taken_for_a_telephone_number() -> None:
    """Base 64 of random bytes has a plus and eight digits once in a hundred models."""
    rng = random.Random(1)
    body = rng.randbytes(3000)
    # The very characters of a number in base 64, `+` among them.
    unlucky = ModelCandidate(
        id="x", time=START, ml_model_id="m", ml_model_version="1", targets=["t"],
        artifact=body + msgspec.json.decode(b'"+491511234567812"', type=bytes),
    )  # fmt: skip
    value = ENCODER.encode(unlucky)
    assert b"+4915112345678" in value
    for pseudonyms in (Pseudonyms(), KEYED):
        (entry,) = entries("models", record(CANDIDATE, value), 4, pseudonyms)
        assert entry.value == value


def test_all_else_in_a_candidate_is_looked_through() -> None:
    told = ENCODER.encode(new_candidate("m", "1", ["t"], b"xyz", START, source=f"asked by {PHONE.decode()}"))
    with pytest.raises(BadInput, match="subscriber"):
        entries("models", record(CANDIDATE, told), 4, Pseudonyms())
    (entry,) = entries("models", record(CANDIDATE, told), 4, KEYED)
    event = decode(CANDIDATE, entry.value)
    assert isinstance(event, ModelCandidate)
    assert event.artifact == b"xyz"
    assert PHONE not in entry.value
    assert "psn-" in event.source


def test_what_is_heavier_than_the_log_carries_is_refused() -> None:
    least = ENCODER.encode(new_candidate("m", "1", ["t"], bytes(MOST_ARTIFACT), START))
    assert isinstance(decode(CANDIDATE, least), ModelCandidate)
    with pytest.raises(BadInput, match="wrong-type"):
        decode(CANDIDATE, ENCODER.encode(new_candidate("m", "1", ["t"], bytes(MOST_ARTIFACT + 1), START)))
