"""Clocks that run ahead, files that come hours late, days of 23 and 25 hours, silence."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import folding
import pytest
from folding import LOAD, START, A, B, C, new_shard, report, tell

from stream.config import ShardConfig
from stream.decode import TICK, to_ms
from stream.shard import Shard
from stream.zone import local_offset
from twin.errors import ConfigurationError
from twin.log import LogRecord
from twin.rows import AHEAD, CORRECTED, LATE

MANY = [f"SubNetwork=1,ManagedElement=gnb-{i}" for i in range(20)]
SECOND = {"granularity_s": 1}


def channel(shard: Shard, granularity_s: int = 900) -> dict[str, Any]:
    """What a shard has learnt of the load."""
    return {
        name: str(array.tolist()) for name, array in shard.channels[granularity_s * 1000, LOAD].series.state().items()
    }


# Clocks that differ ---------------------------------------------------------------------------------------------------


def test_one_clock_that_runs_ahead_makes_nobody_late() -> None:
    """40 s ahead, reports a second: before there was a pace, the other nineteen would all have been late."""
    shard = new_shard()
    for period in range(20):
        events = [report(e, period, 40.0, **SECOND) for e in MANY[1:]]
        tell(shard, *events, report(MANY[0], period + 40, 40.0, **SECOND) | {"recorded": events[0]["end"]})
    assert shard.counts["late"] == 0
    assert shard.counts["in_order"] == 19 * 20
    assert shard.counts["ahead"] == 20


def test_who_runs_ahead_is_told_once_and_its_rows_are_marked() -> None:
    shard = new_shard()
    tell(shard, *as_of(99, *(report(e, p, 40.0) for p in range(3) for e in MANY)))
    effects = tell(shard, *as_of(99, *(report(MANY[0], 30 + p, 50.0) for p in range(3))))
    assert folding.updates(effects) == [("ahead", [MANY[0]])]
    assert [row[5] & AHEAD for row in folding.history(effects)] == [AHEAD] * 3
    assert not folding.outlets(effects, "congestion")
    # Its clock is set right: it goes on with the others.
    more = tell(shard, *as_of(99, *(report(e, p, 40.0) for p in range(3, 8) for e in MANY)))
    assert {row[5] & (AHEAD | LATE | CORRECTED) for row in folding.history(more)} == {0}


def as_of(period: int, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """Events which the log took in when a period ended, whatever they say themselves."""
    return [event | {"recorded": (START + (period + 1) * timedelta(minutes=15)).isoformat()} for event in events]


def test_after_an_outage_of_all_the_first_report_is_believed() -> None:
    shard = new_shard()
    tell(shard, *(report(e, p, 40.0) for p in range(3) for e in MANY))
    effects = tell(shard, *(report(e, p, 40.0) for p in range(60, 63) for e in MANY))
    assert shard.counts["ahead"] == shard.counts["late"] == 0
    assert len(folding.outlets(effects, "congestion")) == 2 * 3 * len(MANY)


def test_a_backlog_read_unevenly_is_folded_as_if_it_were_even() -> None:
    """Two source partitions, one read six periods ahead of the other, again and again."""
    even, uneven = new_shard(), new_shard()
    tell(even, *(report(e, p, 40.0 + p % 7) for p in range(48) for e in MANY))
    first, second = MANY[:10], MANY[10:]
    tell(uneven, *(report(e, 0, 40.0) for e in MANY))
    for begin in range(1, 43, 6):
        for half in (first, second):
            tell(uneven, *(report(e, p, 40.0 + p % 7) for p in range(begin, begin + 6) for e in half))
    assert uneven.counts["late"] == uneven.counts["ahead"] == 0
    tell(uneven, *(report(e, p, 40.0 + p % 7) for p in range(43, 48) for e in MANY))
    assert channel(uneven) == channel(even)


def test_a_straggler_holds_up_nobody_and_many_are_waited_for() -> None:
    shard = new_shard()
    tell(shard, *(report(e, p, 40.0) for p in range(4) for e in MANY))
    table = shard.tables[900_000]
    before = table.closed
    tell(shard, *(report(e, 4, 40.0) for e in MANY[:17]))
    assert table.closed == before, "three of twenty are on their way"
    tell(shard, report(MANY[17], 4, 40.0))
    assert table.closed == before + 1, "two of twenty are stragglers"


def test_the_fastest_may_not_wait_for_the_others_for_ever() -> None:
    shard = new_shard(ShardConfig(lateness_periods=1, skew_periods=3))
    tell(shard, *(report(e, p, 40.0) for p in range(3) for e in (A, B)))
    tell(shard, *(report(A, p, 40.0) for p in range(3, 9)))
    table = shard.tables[900_000]
    assert table.now - table.closed <= 1 + 3 + 1
    assert folding.history(tell(shard, report(B, 3, 40.0)))[0][5] & LATE


# Files that come late, clocks that step back --------------------------------------------------------------------------


def test_a_file_that_comes_hours_late_is_history_and_changes_nothing() -> None:
    shard = new_shard()
    tell(shard, *(report(e, p, 40.0) for p in range(30) for e in (A, B) if e == A or p < 4 or p >= 20))
    before = channel(shard)
    effects = tell(shard, *(report(B, p, 90.0) for p in range(4, 20)))
    assert [row[5] & LATE for row in folding.history(effects)] == [LATE] * 16
    assert channel(shard) == before


@pytest.mark.parametrize("length_s", [60, 300, 900])
def test_a_recording_that_steps_back_55_minutes_loses_no_row(length_s: int) -> None:
    """What it says of periods it has spoken of before is kept beside the first; the twin goes on where it had been."""
    shard, back = new_shard(), 55 * 60 // length_s
    until, again = 2 * back + 8, back + 8
    first = [report(A, p, 30.0 + p % 9, granularity_s=length_s) for p in range(until)]
    second = [report(A, p, 60.0 + p % 9, granularity_s=length_s) for p in range(again, until + 6)]
    tell(shard, *first)
    effects = tell(shard, *second)
    assert len(folding.history(effects)) == len(second)
    marks = [row[5] & (CORRECTED | LATE) for row in folding.history(effects)]
    assert marks == [CORRECTED] * (until - again) + [0] * 6
    assert not tell(shard, *second).history, "read again, it is known"


# Silence --------------------------------------------------------------------------------------------------------------


def tick(shard: Shard, at: datetime) -> list[tuple[str, list[str]]]:
    record = LogRecord(0, shard.next_offset, "", to_ms(at), TICK, json.dumps({"time": at.isoformat()}).encode())
    return folding.updates(shard.apply([record]))


def test_a_shard_that_falls_silent_as_a_whole_says_so_when_time_passes() -> None:
    shard = new_shard()
    tell(shard, *(report(e, p, 40.0) for p in range(4) for e in (A, B)))
    end = START + timedelta(hours=1)
    assert tick(shard, end + timedelta(minutes=50)) == []
    assert tick(shard, end + timedelta(minutes=80)) == [("stale", [A, B])]
    assert tick(shard, end + timedelta(minutes=110)) == []
    back = tell(shard, report(A, 8, 40.0))
    assert [change for change, _ in folding.updates(back)] == ["fresh"]


def test_an_element_that_changes_the_shape_of_its_reports_has_not_gone_silent() -> None:
    shard = new_shard()
    tell(shard, *(report(e, p, 40.0) for p in range(4) for e in (A, B)))
    two = {"objects": ["NRCellDU=1", "NRCellDU=2"]}
    changed = [r for p in range(4, 16) for r in (report(A, p, [[40.0], [41.0]], **two), report(B, p, 40.0))]
    effects = tell(shard, *changed)
    assert "stale" not in [change for change, _ in folding.updates(effects)]
    silent = tell(shard, *(report(B, p, 40.0) for p in range(16, 22)))
    assert folding.updates(silent).count(("stale", [A])) == 1


def test_of_silent_elements_the_pace_does_not_wait() -> None:
    shard = new_shard()
    tell(shard, *(report(e, p, 40.0) for p in range(3) for e in MANY))
    tell(shard, *(report(e, p, 40.0) for p in range(3, 20) for e in MANY[:12]))
    table = shard.tables[900_000]
    assert shard.counts["stale"] == 8
    assert table.closed == table.now - 2


# Local time -----------------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "moment", "hours"),
    [
        ("UTC", "2026-07-01T00:00:00+00:00", 0),
        ("Europe/Berlin", "2026-01-01T00:00:00+00:00", 1),
        ("Europe/Berlin", "2026-03-29T00:59:59+00:00", 1),
        ("Europe/Berlin", "2026-03-29T01:00:00+00:00", 2),
        ("Europe/Berlin", "2026-10-25T01:00:00+00:00", 1),
        ("Asia/Kathmandu", "2026-01-01T00:00:00+00:00", 5.75),
    ],
)
def test_local_time_is_that_of_the_zone(zone: str, moment: str, hours: float) -> None:
    assert local_offset(zone)(to_ms(datetime.fromisoformat(moment))) == hours * 3_600_000


@pytest.mark.parametrize("zone", ["Europe/Nowhere", "../etc/passwd", "", "/etc/localtime"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ConfigurationError, match="there is no time zone"):
        local_offset(zone)


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 10, 25, tzinfo=BERLIN)])
def test_when_clocks_change_people_and_their_habits_change_with_them(change: datetime) -> None:
    """Busy from eight to nine on the wall: learnt before the change, expected at the right hour after it."""
    first = change - timedelta(days=6)
    shard = new_shard(ShardConfig(time_zone="Europe/Berlin", lateness_periods=0))
    start = int(first.timestamp()) // 3600
    hours = range(start, int((change + timedelta(days=3)).timestamp()) // 3600)

    def load(end_hour: int) -> float:
        local = datetime.fromtimestamp((end_hour - 0.5) * 3600, BERLIN)
        return 80.0 if local.hour == 8 else 20.0

    shift = start - int(START.timestamp()) // 3600
    tell(shard, *(report(A, h - start + shift, load(h + 1), granularity_s=3600) for h in hours))
    series = shard.channels[3_600_000, LOAD].series
    last = hours[-1] + 1
    expected = {h: float(series.expected(slice(None), h)[0]) for h in range(last + 1, last + 25)}
    busiest = max(expected, key=lambda h: expected[h])
    assert load(busiest) == 80.0
    assert expected[busiest] > 60


def test_the_hour_that_is_skipped_and_the_one_that_comes_twice_are_folded() -> None:
    shard = new_shard(ShardConfig(time_zone="Europe/Berlin"))
    for day in (datetime(2026, 3, 28, tzinfo=BERLIN), datetime(2026, 10, 24, tzinfo=BERLIN)):
        begin = (int(day.timestamp()) - int(START.timestamp())) // 900
        tell(shard, *(report(C, p, 40.0) for p in range(begin, begin + 3 * 96)))
    assert shard.counts["in_order"] == 2 * 3 * 96
    assert shard.counts["late"] == shard.counts["ahead"] == 0
