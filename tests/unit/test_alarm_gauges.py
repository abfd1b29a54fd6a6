"""Alarms as Prometheus sees them: standing, unseen, kept back, and what has happened to them."""

from __future__ import annotations

from typing import get_args

from alarm_world import CELLS, E1, E2, alarm, log, new, note, outage, tell

from infra import metrics as m
from infra.meters import Metrics
from stream.alarms.gauges import SEVERITIES, gauge_alarms
from stream.health.board import Board
from stream.health.progress import Phase, Progress
from stream.health.watchdog import Limits
from twin.alarm_events import CHANGES, HELD
from twin.alarm_record import Severity


def test_standing_alarms_are_gauges_by_severity_and_why_they_are_held() -> None:
    shard, board = new(), Board(Limits())
    progress = board.partition(4)
    progress.restored(shard, 0)
    progress.enter(Phase.WORKING)
    tell(shard, outage(0, E2, -60, 3600))
    tell(shard, alarm(1, severity="CRITICAL"), alarm(2, CELLS[0], "MINOR", "2"), alarm(3, E2, "MAJOR", "3"))
    tell(shard, note(4, "acknowledge", by="ann"))
    gauge_alarms(board)
    values = {s: board.metrics.value(m.ALARMS, "4", s) for s in SEVERITIES}
    assert values == {"CRITICAL": 1, "MAJOR": 0, "MINOR": 1, "WARNING": 0, "INDETERMINATE": 0}
    assert board.metrics.value(m.ALARMS_UNSEEN, "4", "CRITICAL") == 0
    assert board.metrics.value(m.ALARMS_UNSEEN, "4", "MINOR") == 1
    held = {reason: board.metrics.value(m.ALARMS_HELD, "4", reason) for reason in HELD}
    assert held == {"qualifying": 0, "flapping": 0, "planned-outage": 1, "energy-saving": 0}
    board.gone(4)
    gauge_alarms(board)
    assert b"lockstep_alarms{" not in board.metrics.text()


def test_what_happens_to_alarms_is_counted() -> None:
    shard, metrics = new(), Metrics()
    progress = Progress(4, metrics)
    progress.restored(shard, shard.next_offset)
    progress.enter(Phase.WORKING)
    events = [
        outage(0, E2, -60, 3600),
        alarm(1),
        alarm(2, E2, "MAJOR", "3"),
        alarm(3, severity="MINOR"),
        note(4, "acknowledge", by="ann"),
        alarm(5, severity="CLEARED"),
    ]
    records = log(events, shard.next_offset)
    progress.applied(shard, records, shard.apply(records))
    counted = {change: metrics.value(m.ALARM_CHANGES, change) for change in CHANGES}
    assert {change: n for change, n in counted.items() if n} == {
        "raised": 2,
        "changed": 1,
        "acknowledged": 1,
        "cleared": 1,
    }
    assert metrics.value(m.ALARMS_SUPPRESSED, "planned-outage") == 1
    later = log([alarm(6)], shard.next_offset)
    progress.applied(shard, later, shard.apply(later))
    assert metrics.value(m.ALARMS_SUPPRESSED, "planned-outage") == 1, "it is not kept back again"
    assert metrics.value(m.ALARM_CHANGES, "raised") == 3
    assert E1 not in metrics.text().decode()


def test_every_severity_that_stands_has_a_gauge() -> None:
    """CLEARED ends an alarm: all others are counted."""
    assert set(get_args(Severity)) == {*SEVERITIES, "CLEARED"}
