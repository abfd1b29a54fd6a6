"""How many alarms stand, for Prometheus: by severity, how many of them nobody has seen, and how many are kept back."""

from __future__ import annotations

from collections import Counter

from infra import metrics as m
from infra.meters import Metrics
from stream.health.board import Board
from stream.shard import Shard
from twin.alarm_events import HELD

SEVERITIES = ("CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE")


def gauge_alarms(board: Board) -> None:
    """Count the standing alarms of every partition; only the event loop may."""
    for metric in (m.ALARMS, m.ALARMS_UNSEEN, m.ALARMS_HELD):
        board.metrics.clear(metric)
    for progress in board.restored():
        assert progress.shard is not None
        _count(board.metrics, progress.shard, str(progress.partition))


def _count(to: Metrics, shard: Shard, partition: str) -> None:
    standing: Counter[str] = Counter()
    unseen: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for key, alarm in shard.alarms.items():
        life = shard.alarm_desk.lives.get(key)
        if life is not None and life.held:
            held.update(life.held)
            continue
        standing[alarm.perceived_severity] += 1
        unseen[alarm.perceived_severity] += alarm.ack_state != "ACKNOWLEDGED"
    # Zeros, too: an alert on what has gone must see it go.
    for severity in SEVERITIES:
        to.set(m.ALARMS, standing[severity], partition, severity)
        to.set(m.ALARMS_UNSEEN, unseen[severity], partition, severity)
    for reason in HELD:
        to.set(m.ALARMS_HELD, held[reason], partition, reason)
