"""What happens at a period boundary: complete columns, in a fixed order, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.scoring import ScoreWindow
from stream.channel import Channel
from stream.decode import from_ms
from stream.outlets import outlet
from twin.events import Drift, Fidelity, Score, TwinUpdate
from twin.neighbours import neighbour_mean
from twin.state import Table

if TYPE_CHECKING:
    from stream.shard import Shard

LONGEST_GAP = 2000
"""Empty periods that are closed one by one; a longer silence of the whole shard is jumped over."""

NAMED = 1000
"""Names that one update lists at most."""

WORST = 5
DAY_MS = 86_400_000


def enter_period(shard: Shard, table: Table, period: int, end: int) -> None:
    """Enter a period: close those whose lateness has run out by that, then freeze what predictions rest on.

    Args:
        period: Counted in granularities since 1970.
        end: Of the period [ms].
    """
    # Sorted: the order of what is told must not depend on which report came first, or on a restart.
    channels = [c for (g, _), c in sorted(shard.channels.items()) if g == table.granularity_ms]
    lateness = shard.config.lateness_periods
    if table.now < 0 or period - table.now > LONGEST_GAP:
        table.now, table.closed = period - 1, period - 2 - lateness
        for channel in channels:
            channel.series.forget_recent()
    for now in range(table.now + 1, period + 1):
        table.now, table.closed = now, now - 1 - lateness
        for channel in channels:
            if _close(shard, table, channel, table.closed):
                # Each period is closed on top of the one before, entered one by one or at a leap.
                for model in channel.models:
                    model.freeze()
            channel.series.open(now)
    _mark_stale(shard, table, end)


def _close(shard: Shard, table: Table, channel: Channel, period: int) -> bool:
    """One counter's period is complete: learn, compare, then let it into what is usual.

    Returns:
        Whether there was anything to do.
    """
    series = channel.series
    if not series.has(period) and not series.ends_bin(period):
        return False
    end = period * table.granularity_ms
    tag = f"{series.counter}/{table.granularity_ms // 1000}/{shard.partition}/{period}"
    for model in channel.models:
        for target, labels in zip(model.targets, model.learn(series, period), strict=True):
            channel.scores[target.name].add(labels)
            if len(labels.label):
                shard.matured.append((target.name, end, labels))
            if end % DAY_MS == 0:
                _emit_score(shard, channel.scores[target.name], target.name, model.version, end, tag)
    closed = series.closing(period)
    channel.fidelity.update(closed.measured, closed.expected, closed.sigma)
    if series.ends_bin(period):
        _detect_drift(shard, table, channel, period, end)
        _emit_fidelity(shard, table, channel, end, tag)
    series.learn(period)
    return True


def _detect_drift(shard: Shard, table: Table, channel: Channel, period: int, end: int) -> None:
    """Look for drift once a time-of-day bin: shorter means differ too little from the one before to tell more."""
    series = channel.series
    closed = series.closing_bin(period)
    # Busy hours vary more than quiet ones: the residual is judged by what is usual at its time of day.
    steady = (closed.measured - closed.expected) * (closed.usual_sigma / np.maximum(closed.sigma, 1e-9))
    alarms = channel.drift.update(steady, -(-end // series.bin_ms))
    if not len(alarms.index):
        return
    names = channel.names(table)
    # Where the neighbours have drifted too, the cause lies between the cells and not in one of them.
    around = neighbour_mean(closed.measured - closed.expected, channel.relation(table, shard.topology))
    columns = (alarms.index, alarms.direction, alarms.since, alarms.size, alarms.evidence)
    for i, direction, since, size, evidence in zip(*(column.tolist() for column in columns), strict=True):
        body = Drift(
            id=f"drift/{names[i]}/{series.counter}/{table.granularity_ms // 1000}/{end}",
            time=from_ms(end),
            since=from_ms(since * series.bin_ms),
            object=names[i],
            counter=series.counter,
            direction="up" if direction > 0 else "down",
            size=round(size, 4),
            evidence=round(evidence, 3),
            neighbours=None if np.isnan(around[i]) else round(float(around[i]), 4),
            tier="statistical",
            revision=shard.revision,
        )
        shard.counts["drift"] += 1
        shard.emit(outlet("drift", names[i], end, body))


def _emit_fidelity(shard: Shard, table: Table, channel: Channel, end: int, tag: str) -> None:
    score = channel.fidelity.score()
    known = np.flatnonzero(~np.isnan(score))
    if not len(known):
        return
    worst = known[np.argsort(score[known], kind="stable")[:WORST]]
    names = channel.names(table)
    body = Fidelity(
        id=f"fidelity/{tag}",
        time=from_ms(end),
        counter=channel.series.counter,
        granularity_s=table.granularity_ms // 1000,
        partition=shard.partition,
        score=round(float(np.mean(score[known])), 4),
        worst=[names[i] for i in worst],
        worst_scores=np.round(score[worst], 4).tolist(),
        num_objects=len(known),
        tier="statistical",
        revision=shard.revision,
    )
    shard.emit(outlet("fidelity", str(shard.partition), end, body))


def _emit_score(shard: Shard, window: ScoreWindow, target: str, version: str, end: int, tag: str) -> None:
    body = Score(
        id=f"score/{target}/{tag}",
        time=from_ms(end),
        target=target,
        model_version=version,
        metrics={name: None if x is None else round(x, 6) for name, x in window.scores().items()},
        revision=shard.revision,
    )
    shard.emit(outlet("scores", target, end, body))


def _mark_stale(shard: Shard, table: Table, end: int) -> None:
    """Say once that an element has gone silent; it is marked, not invented."""
    newly = []
    for layouts in table.layouts.values():
        for layout in layouts:
            if not layout.stale and layout.arrivals.silent(table.now):
                layout.stale = True
                newly.append(layout.element)
    shard.counts["stale"] += len(newly)
    for first in range(0, len(newly), NAMED):
        body = TwinUpdate(
            id=f"stale/{shard.partition}/{table.granularity_ms // 1000}/{table.now}/{first}",
            time=from_ms(end),
            change="stale",
            objects=newly[first : first + NAMED],
            detail={"granularity_s": table.granularity_ms // 1000},
            revision=shard.revision,
        )
        shard.emit(outlet("updates", newly[first], end, body))
