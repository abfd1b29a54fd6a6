"""A sensor that is dead or silent is marked; nothing is predicted, expected or told from values that are too old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import folding
import msgspec
import numpy as np
from folding import A, B, outlets, sample, tell
from test_failing import FAILING, WORN, fan_alarm, folded, of_worn, when, worn_fan

from models.failure.signals import KINDS
from stream.decode import REPORT, to_ms
from stream.failing.objects import CELL, ELEMENT
from stream.shard import Shard
from stream.state_view import objects
from twin.events import Report
from twin.log import LogRecord
from twin.rows import stable_id
from twin.sync import STALE_AFTER

EVERY_S = 900
QUIET = 20
"""The sample after which one of two sensors says no more."""
STEP = timedelta(seconds=EVERY_S)
WORN_NAME = f"=gnb-{WORN + 1}"


def two_sensors(last: int = 60) -> list[LogRecord]:
    """Two sensors that measure by the quarter of an hour; the second one dies."""
    events: list[dict[str, Any]] = []
    for number in range(last):
        events.append(sample(A, number * EVERY_S, 20.0 + number % 3))
        if number <= QUIET:
            events.append(sample(B, number * EVERY_S, 30.0 + number % 3))
    return folding.log(events)


def test_a_silent_sensor_is_marked_once_and_its_last_value_keeps_its_time() -> None:
    shard = folding.new_shard()
    told = outlets(folding.fold(shard, two_sensors()), "updates")
    # How often a sensor measures has to be learnt first.
    stale = [out for out in told if out["change"] == "stale" and when(out) > folding.START + 4 * STEP]
    assert [out["objects"] for out in stale] == [[B]]
    marked = to_ms(when(stale[0])) - to_ms(folding.START)
    assert marked <= (QUIET + STALE_AFTER + 2) * EVERY_S * 1000, "three times its usual interval, and not later"
    (seen,) = objects(shard, f"{B},Sensor=1", subtree=False)
    assert seen["stale"] is True
    assert [one["as_of"] for one in seen["values"]] == [(folding.START + QUIET * STEP).isoformat()]
    (alive,) = objects(shard, f"{A},Sensor=1", subtree=False)
    assert alive["stale"] is False


def test_nothing_is_stored_expected_or_told_of_a_sensor_that_says_nothing() -> None:
    shard, dead = folding.new_shard(), stable_id(f"{B},Sensor=1")
    before = folding.fold(shard, two_sensors()[: 2 * QUIET + 2])
    after = folding.fold(shard, two_sensors()[2 * QUIET + 2 :])
    assert any(dead in block.object_id for block in before.history)
    assert not any(dead in block.object_id for block in after.history)
    named = [out for out in after.outlets if B.encode() in out.value]
    assert {msgspec.json.decode(out.value)["change"] for out in named} == {"stale"}


def test_its_expectation_is_that_of_its_last_value_and_learns_nothing_from_silence() -> None:
    shard, other = folding.new_shard(), folding.new_shard()
    folding.fold(shard, two_sensors(QUIET + 3))
    folding.fold(other, two_sensors(60))
    (key,) = [key for key in shard.channels if key[1] == "PEE.AvgTemperature"]
    for one in (shard, other):
        assert one.channels[key].series.n == 2

    def learnt(one: Shard) -> list[float]:
        series, table = one.channels[key].series, one.tables[key[0]]
        row = series.table_rows.index(table.row(f"{B},Sensor=1"))  # type: ignore[arg-type]
        return [float(value) for value in series.columns["running"][:, row]]

    assert learnt(shard) == learnt(other)


def silenced(after: timedelta, part: str = "") -> list[LogRecord]:
    """The log of a network with a worn fan, whose element's reports stop a while before its alarm.

    Args:
        part: Only reports with objects of this class stop.
    """
    end = to_ms(fan_alarm() - after)
    kept = []
    for record in worn_fan():
        if record.type == REPORT and record.time > end and f"{WORN_NAME}" in record.key:
            objects_ = msgspec.json.decode(record.value, type=Report).objects
            if not part or any(part in name for name in objects_):
                continue
        kept.append(record._replace(offset=len(kept)))
    return kept


def test_no_failure_is_predicted_from_values_that_are_too_old() -> None:
    quiet = timedelta(hours=9)
    # The slowest of its sensors report by the hour, and an hour is closed when the next one is over.
    limit = fan_alarm() - quiet + (STALE_AFTER + 1) * timedelta(hours=1)
    _, told = folded()
    whole = of_worn(told)
    cut = of_worn(outlets(folding.fold(folding.new_shard(FAILING), silenced(quiet)), "failure"))
    assert [one for one in whole if limit < when(one) < fan_alarm()], "where it reports, it is predicted"
    assert [one for one in cut if when(one) <= limit]
    assert not [one for one in cut if when(one) > limit]


def test_the_load_of_silent_cells_explains_nothing_any_more() -> None:
    shard = folding.new_shard(FAILING)
    folding.fold(shard, silenced(timedelta(hours=12), "NRCellDU"))
    cells, elements = shard.failing.watched[CELL], shard.failing.watched[ELEMENT]
    assert KINDS[CELL][0].counter == "RRU.PrbTotDl"
    load = shard.failing._load(elements, shard.failing._placed(shard))
    silent = np.array([WORN_NAME in name for name in elements.names])
    assert np.isnan(load[silent]).all()
    assert not np.isnan(load[~silent]).any()
    assert np.isnan(cells.evidence.columns["load"][[WORN_NAME in name for name in cells.names]]).all()


def test_a_sensor_that_comes_back_is_told_and_fresh() -> None:
    shard = folding.new_shard()
    folding.fold(shard, two_sensors())
    told = outlets(tell(shard, sample(B, 60 * EVERY_S, 31.0)), "updates")
    assert [(out["change"], out["objects"]) for out in told] == [("fresh", [B])]
    (seen,) = objects(shard, f"{B},Sensor=1", subtree=False)
    assert (seen["stale"], seen["values"][0]["value"]) == (False, 31.0)
