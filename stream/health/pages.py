"""What a worker says of itself: `/readyz`, `/status` and the gauges of `/metrics`, from its board."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any

from infra import metrics as m
from stream.decode import from_ms
from stream.engine.patience import Waits
from stream.health.board import Board
from stream.health.progress import Progress
from stream.health.watchdog import State, Verdict, away, judge
from stream.monitoring import newest_figures
from stream.stale import StaleElement, count_stale

LAGS = {
    m.EVENT_TIME_LAG: "event_time_lag_s",
    m.POSITION_LAG: "position_lag",
    m.COMMITTED_LAG: "committed_lag",
    m.SNAPSHOT_AGE: "snapshot_age_s",
}
"""Gauges, and what the same is called in `/status`."""


def ready(board: Board, stall_s: float) -> dict[str, Any]:
    """What `/readyz` answers. Names, numbers and what to do; nothing that services have said, which may name hosts."""
    reasons = board.not_ready(stall_s)
    return {"ready": not reasons, "reasons": reasons}


def status(board: Board, stall_s: float, about: dict[str, Any], wall: Callable[[], float] = time) -> dict[str, Any]:
    """What `/status` answers, without the stale elements.

    Args:
        about: What the worker is called, its version, its process.
        wall: Wall clock [s since 1970].
    """
    gone = away(board.services, board.limits)
    return {
        **ready(board, stall_s),
        **about,
        "loop_stall_s": round(stall_s, 1),
        "group": {"state": board.group, "for_s": round(board.now() - board.group_since, 1)},
        "services": [
            {"name": s.name, "answers": s not in gone and s.ever, "silent_s": round(s.silent_s(), 1), "error": s.error}
            for s in board.services
        ],
        "partitions": [
            _partition(p, judge(p, board.limits, gone), wall()) for _, p in sorted(board.partitions.copy().items())
        ],
        "sources": [
            {"source": source.kind, "messages": source.messages, "waits": _waits(source)}
            for source in list(board.sources.values())
        ],
    }


def page(stale: list[StaleElement] | None, first: int, limit: int) -> dict[str, Any]:
    """A page of the stale elements; `total` is null where the event loop could not be asked."""
    if stale is None:
        return {"total": None, "first": first, "items": [], "next": None}
    part = stale[first : first + limit]
    more = first + len(part) < len(stale)
    return {
        "total": len(stale),
        "first": first,
        "items": [one._asdict() for one in part],
        "next": first + len(part) if more else None,
    }


def gauge(board: Board, stall_s: float, wall: Callable[[], float] = time) -> None:
    """Bring the gauges up to date, but for what only the event loop may count."""
    to = board.metrics
    for metric in (m.PROGRESS_AGE, m.STUCK, m.SNAPSHOT_SIZE, *LAGS):
        # What is said of a partition goes with it.
        to.clear(metric)
    to.set(m.READY, not board.not_ready(stall_s))
    to.set(m.LOOP_STALL, stall_s)
    gone = away(board.services, board.limits)
    for service in board.services:
        to.set(m.SERVICE_UP, service.ever and service not in gone, service.name.removeprefix("the "))
    partitions = list(board.partitions.values())
    to.set(m.PARTITIONS, len(partitions))
    for progress in partitions:
        label, verdict = str(progress.partition), judge(progress, board.limits, gone)
        to.set(m.PROGRESS_AGE, verdict.age_s, label)
        to.set(m.STUCK, verdict.state is State.STUCK, label)
        lags = _lags(progress, wall())
        for metric, name in LAGS.items():
            value = lags[name]
            if value is not None:
                to.set(metric, value, label)
        if progress.snapshot_at is not None:
            to.set(m.SNAPSHOT_SIZE, progress.snapshot_bytes, label)


def gauge_stale(board: Board) -> None:
    """Count the stale elements; only the event loop may."""
    board.metrics.clear(m.STALE)
    for progress in board.restored():
        assert progress.shard is not None
        board.metrics.set(m.STALE, count_stale(progress.shard), str(progress.partition))


PREDICTIONS = {
    m.PRECISION: "precision",
    m.RECALL: "recall",
    m.EPISODE_RECALL: "episode_recall",
    m.CALIBRATION_ERROR: "calibration_error",
    m.BRIER: "brier",
    m.LEAD_TIME: "lead_time_s",
    m.FALSE_ALARMS: "false_alarms_per_cell_day",
    m.LABELS: "n",
}
"""Gauges of what is predicted, and the figures of the monitor that they show."""


def gauge_predictions(board: Board) -> None:
    """How good each target's predictions have been, over all cells; only the event loop may."""
    to = board.metrics
    for metric in PREDICTIONS:
        to.clear(metric)
    for progress in board.restored():
        assert progress.shard is not None
        for target, figures in sorted(newest_figures(progress.shard).items()):
            for metric, name in PREDICTIONS.items():
                value = figures[name]
                if value is not None:
                    to.set(metric, value, str(progress.partition), target)


def _lags(progress: Progress, now_s: float) -> dict[str, float | None]:
    end, folded, committed = progress.log_end, progress.folded, progress.committed
    at = progress.event_time
    return {
        "position_lag": None if end is None or folded is None else max(end - folded, 0),
        "committed_lag": None if end is None or committed is None else max(end - committed, 0),
        "event_time_lag_s": None if at is None else round(now_s - at / 1000, 1),
        "snapshot_age_s": _snapshot_age(progress),
    }


def _snapshot_age(progress: Progress) -> float | None:
    if progress.snapshot_at is None:
        return None
    changed = progress.committed != progress.snapshot_offset
    return round(progress.clock() - progress.snapshot_at, 1) if changed else 0.0


def _partition(progress: Progress, verdict: Verdict, now_s: float) -> dict[str, Any]:
    at = progress.event_time
    return {
        "partition": progress.partition,
        "phase": str(progress.phase),
        "state": str(verdict.state),
        "text": verdict.text,
        "advice": verdict.advice,
        "position": progress.folded,
        "committed": progress.committed,
        "log_end": progress.log_end,
        **_lags(progress, now_s),
        "event_time": None if at is None else from_ms(at).isoformat(),
        "progress_age_s": round(verdict.age_s, 1),
        "snapshot_offset": progress.snapshot_offset,
        "snapshot_bytes": progress.snapshot_bytes,
        "waits": _waits(progress),
    }


def _waits(waits: Waits) -> list[dict[str, Any]]:
    return [
        {
            "for": wait.step.service,
            "step": wait.step.name,
            "for_s": round(since, 1),
            "failed": wait.failed,
            "error": wait.error,
        }
        for wait, since in waits.under_way()
    ]
