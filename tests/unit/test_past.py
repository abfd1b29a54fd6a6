"""A shard at a past time is the fold of what had happened by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import folding
import pytest
from folding import LOAD, START, A, B, alarm, inventory, new_shard, report

from stream.decode import to_ms
from stream.past import fold_until
from stream.shard import Shard
from stream.shard_state import event_time
from stream.state_view import objects
from twin.log import LogRecord

CELL = f"{A},NRCellDU=1"


def at(periods: float) -> int:
    """The end of so many periods after the start [ms]."""
    return to_ms(START + periods * timedelta(seconds=folding.QUARTER))


def when(periods: float) -> str:
    return (START + periods * timedelta(seconds=folding.QUARTER)).isoformat()


def events() -> list[dict[str, Any]]:
    """Two elements, an inventory at the start and a change of it, an alarm raised and cleared."""
    out: list[dict[str, Any]] = [inventory(CELL, kind="cell")]
    for period in range(20):
        if period == 5:
            out.append(alarm(eventTime=when(5)))
        if period == 9:
            out.append(alarm("CLEARED", eventTime=when(9)))
            out.append(inventory(f"{B},NRCellDU=1", id="more", time=when(9)))
        out += [report(A, period, 30.0 + period), report(B, period, 50.0 + period)]
    return out


def slices(records: list[LogRecord], size: int) -> list[list[LogRecord]]:
    return [records[first : first + size] for first in range(0, len(records), size)]


def rebuilt(
    records: list[LogRecord], moment: int | None, size: int = 3, begin: Shard | None = None
) -> tuple[Shard, int]:
    shard = begin or new_shard()

    async def log() -> AsyncIterator[list[LogRecord]]:
        for each in slices(records, size):
            yield [record for record in each if record.offset >= shard.next_offset]

    return shard, asyncio.run(fold_until(shard, log(), moment))


@pytest.mark.parametrize("period", [0.5, 1, 7, 9, 19, 30])
@pytest.mark.parametrize("size", [1, 1000])
def test_the_state_of_a_time_is_that_after_the_records_up_to_it(period: float, size: int) -> None:
    records = folding.log(events())
    upto = [record for record in records if record.time <= at(period)]
    expected = new_shard()
    expected.apply(upto)
    shard, folded = rebuilt(records, at(period), size)
    assert folded == len(upto)
    assert shard.digest() == expected.digest()
    assert (event_time(shard) or 0) <= at(period)


def test_from_a_snapshot_in_between_it_is_the_same() -> None:
    records = folding.log(events())
    early = new_shard()
    early.apply(records[:11])
    assert event_time(early) == max(record.time for record in records[:11])
    again = new_shard()
    again.restore(early.snapshot())
    assert rebuilt(records, at(9), begin=again)[0].digest() == rebuilt(records, at(9))[0].digest()
    assert rebuilt(records, None)[0].digest() == rebuilt(records, at(99))[0].digest()


def test_a_report_that_came_late_counts_and_the_log_is_not_read_to_its_end() -> None:
    records = folding.log([report(A, 0, 1.0), report(A, 1, 2.0), report(B, 1, 3.0), report(B, 0, 4.0)])
    records += folding.log([report(name, p, 5.0) for p in range(2, 200) for name in (A, B)], start=4)
    read = 0

    async def log() -> AsyncIterator[list[LogRecord]]:
        nonlocal read
        for each in slices(records, 4):
            read += len(each)
            yield each

    shard = new_shard()
    assert asyncio.run(fold_until(shard, log(), at(1))) == 2
    assert read < 20
    assert [v["value"] for v in objects(shard, f"{B},NRCellDU=1", subtree=False)[0]["values"]] == [4.0]


def test_one_clock_that_runs_ahead_does_not_end_the_reading() -> None:
    more = [f"SubNetwork=1,ManagedElement={n}" for n in range(20)]
    log = [report(name, 0, 1.0) for name in more] + [report(more[0], p, 9.0) for p in range(1, 12)]
    records = folding.log([*log, *(report(name, 1, 2.0) for name in more[1:])])
    shard, _ = rebuilt(records, at(2))
    values = objects(shard, f"{more[7]},NRCellDU=1", subtree=False)[0]["values"]
    assert [value["value"] for value in values] == [2.0]


def test_what_is_shown_of_an_object() -> None:
    shard, _ = rebuilt(folding.log(events()), at(7))
    above, cell = objects(shard, A, subtree=True)
    assert [a["perceivedSeverity"] for a in above["alarms"]] == ["MAJOR"]
    assert (cell["dn"], cell["kind"], cell["declared"], cell["stale"]) == (CELL, "cell", True, False)
    (value,) = cell["values"]
    assert (value["counter"], value["value"], value["as_of"]) == (LOAD, 36.0, when(7))
    assert cell["modified"] == START.isoformat()
    (other,) = objects(shard, f"{B},NRCellDU=1", subtree=False)
    assert not other["declared"]
    assert not objects(shard, "SubNetwork=9", subtree=True)


def test_desired_reported_and_relations_are_shown_with_their_stamps() -> None:
    entity = {"dn": CELL, "kind": "cell", "attributes": {"tilt": 4}, "reported": {"tilt": 6, "state": "ENABLED"}}
    edge = {"source": A, "target": CELL, "kind": "contains"}
    change = {"id": "1", "time": START.isoformat(), "entities": [entity], "relations": [edge]}
    shard, _ = rebuilt(folding.log([change]), None)
    (shown,) = objects(shard, CELL, subtree=False)
    assert shown["deviations"] == {"tilt": [4, 6]}
    assert shown["relations"] == [edge | {"attributes": {}, "revision": shard.revision, "modified": START.isoformat()}]
