"""Soundings and answers of bursts as events: what is let in, where it goes, what it may cost."""

from __future__ import annotations

import json
import time
from typing import Any

import folding
import msgspec
import numpy as np
import pytest
from bad_input import MAX_BYTES, SENT
from folding import A, log, new_shard
from radio_region import CELLS, REGION, declared, sounding

from infra.limiter import Limiter
from stream.decode import BURST, SOUNDING, decode, to_ms
from stream.guarding import Guard
from stream.partition import partition_of
from stream.pseudonyms import Pseudonyms
from stream.routing import Entry, entries
from stream.topics import OUTLETS, PROGRESS, SOURCES, TOPICS
from stream.when import when
from twin.errors import BadInput
from twin.log import LogRecord
from twin.radio import soundings
from twin.radio.events import Sounding

ANSWER: dict[str, Any] = {
    "id": "x",
    "time": folding.START.isoformat(),
    "request": "x",
    "partition": 0,
    "region": REGION,
    "base_version": 0,
    "outcome": "done",
    "reason": "",
}


def let_in(event: dict[str, Any], type_: str = SOUNDING, key: bytes | None = None) -> list[Entry]:
    guard = Guard("sounding", MAX_BYTES, Pseudonyms(key), Limiter(0, 1, lambda: 0.0))
    record = LogRecord(0, 0, A, SENT, type_, json.dumps(event).encode())
    guard.admit(record)
    return entries("sounding", record, 5, guard.pseudonyms)


@pytest.mark.parametrize("element", [A, "SubNetwork=2,ManagedElement=q", "ManagedElement=alone"])
def test_a_sounding_goes_where_its_element_s_other_events_go(element: str) -> None:
    event = sounding(0, 2, element)
    (entry,) = let_in(event)
    assert (entry.partition, entry.key, entry.type) == (partition_of(element, 5), element, SOUNDING)
    assert entry.time == to_ms(msgspec.convert(event["time"], folding.datetime))
    assert decode(entry.type, entry.value) == msgspec.convert(event, Sounding)


def test_who_measured_stays_a_secret() -> None:
    event = sounding(0, 2, source="imsi-262011234567890")
    with pytest.raises(BadInput, match="subscriber-id"):
        let_in(event)
    (entry,) = let_in(event, key=b"k" * 32)
    assert b"262011234567890" not in entry.value
    assert SENT - to_ms(msgspec.json.decode(entry.value, type=Sounding).time) > 0, "it still reads"


def test_coordinates_are_no_telephone_numbers() -> None:
    places = [[123456.78901234567, -0.123456789012345, 1.5], [-98765.4321098765, 15.0, 1.5]]
    (entry,) = let_in(sounding(0, 2, positions=places))
    assert json.loads(entry.value)["positions"] == places


def test_answers_of_bursts_come_from_workers_only() -> None:
    with pytest.raises(BadInput, match="unknown-type"):
        let_in(ANSWER, BURST)
    assert decode(BURST, json.dumps(ANSWER).encode())


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"region": "north"}, "bad-name"),
        ({"outcome": "lost"}, "wrong-type"),
        ({"time": "2026-01-05T00:00:00"}, "no-time-zone"),
        ({"map": {"cells": CELLS}}, "wrong-type"),
        ({"before": {"num_soundings": 1, "median_db": "low", "rmse_db": 1.0, "log_score": 1.0}}, "wrong-type"),
        ({"schema_version": 2}, "unknown-schema-version"),
    ],
)
def test_an_answer_that_is_none_is_refused(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        decode(BURST, json.dumps(ANSWER | changed).encode())
    assert caught.value.reason == reason


def test_who_reads_the_time_alone_reads_the_same() -> None:
    for event, type_ in ((sounding(3, 1), SOUNDING), (ANSWER, BURST)):
        told = when(LogRecord(0, 0, A, SENT, type_, json.dumps(event).encode()))
        assert told is not None
        assert told.time == to_ms(msgspec.convert(event["time"], folding.datetime))


def test_arrays_say_what_the_lists_did() -> None:
    event = sounding(0, 3, rsrp=[[-80.0, None], [None, None], [-200.0, 60.0]])
    heard = soundings.check(msgspec.convert(event, Sounding))
    np.testing.assert_array_equal(heard.positions, event["positions"])
    np.testing.assert_array_equal(heard.rsrp, [[-80.0, np.nan], [np.nan, np.nan], [-200.0, 60.0]])
    turned = soundings.columns(heard, [CELLS[1], "NRCellDU=never", CELLS[0]])
    np.testing.assert_array_equal(turned, [[np.nan, np.nan, -80.0], [np.nan] * 3, [60.0, np.nan, -200.0]])


def test_the_largest_that_is_legal_costs_less_than_a_second() -> None:
    most = soundings.MOST_VALUES
    cells = [f"SubNetwork=1,ManagedElement=a,NRCellDU={k}" for k in range(20)]
    n = most // len(cells)
    event = sounding(0, 1, positions=[[1.0, 2.0, 1.5]] * n, cells=cells, rsrp=[[-80.5] * len(cells)] * n)
    shard = new_shard()
    shard.apply(log([declared()]))
    begin = time.thread_time()
    effects = shard.apply(log([event], 1))
    assert time.thread_time() - begin < 1.0
    assert not folding.reasons(effects)
    too_many = sounding(0, 1, positions=[[1.0, 2.0, 1.5]] * (n + 1), cells=cells, rsrp=[[-80.5] * len(cells)] * (n + 1))
    assert folding.reasons(shard.apply(log([too_many], 2))) == ["too-large"]


def test_topics() -> None:
    names = {topic.name: topic for topic in TOPICS}
    assert names["telemetry.soundings"] is SOURCES["sounding"]
    assert names["twin.bursts.requests"] is OUTLETS["bursts"]
    assert names["twin.bursts.progress"] is PROGRESS
    assert PROGRESS not in OUTLETS.values(), "the fold never writes it: it tells of the wall clock"
    assert len(names) == len(TOPICS)
