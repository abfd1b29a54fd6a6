"""What happens at a period boundary: complete columns, in a fixed order, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.scoring import ScoreWindow
from stream.alarms.settling import pass_time
from stream.channel import Channel
from stream.decode import from_ms
from stream.drift_evidence import Alarmed, BinEnd
from stream.outlets import outlet
from stream.radio import kpi
from stream.silence import mark_stale, tell_gaps
from twin.drift_kind import classify
from twin.events import Drift, Fidelity, Score
from twin.model_events import ONLINE
from twin.neighbours import neighbour_mean
from twin.rows import Effects
from twin.state import Table

if TYPE_CHECKING:
    from stream.shard import Shard

LONGEST_GAP = 240
"""Empty periods that are closed one by one; a longer silence of the whole shard is jumped over."""

WORST = 5
DAY_MS = 86_400_000


def enter_period(shard: Shard, table: Table, period: int) -> None:
    """Open the periods up to a new one, closing what the fastest element may not be farther ahead of.

    Args:
        period: Counted in granularities since 1970.
    """
    shard.revision += 1
    channels = _channels(shard, table)
    before = shard.config.lateness_periods + shard.config.skew_periods + 1
    if table.now < 0 or period - table.now > LONGEST_GAP:
        close_until(shard, table, table.now)
        table.now, table.closed = period - 1, period - 1 - before
        for channel in channels:
            channel.series.forget_recent()
            if channel.companions is not None:
                channel.companions.forget_recent()
    if table.pace.pace < period - shard.config.skew_periods - 1:
        # So far behind the fastest that their periods will be closed without them: silent, whatever the pace says.
        mark_stale(shard, table, period - shard.config.skew_periods - 1, period * table.granularity_ms)
    for now in range(table.now + 1, period + 1):
        close_until(shard, table, now - before)
        table.now = now
        for channel in channels:
            channel.series.open(now)
            if channel.companions is not None:
                channel.companions.open(now)
            channel.batch.open(table, shard.topology, channel, now)


def follow_pace(shard: Shard, table: Table, recorded: int, effects: Effects) -> None:
    """Close what all but a few stragglers have left behind.

    Args:
        recorded: When the log took in the report that has moved the elements on [ms].
    """
    if table.pace.advance(table.now, recorded):
        mark_stale(shard, table, table.pace.pace, table.pace.pace * table.granularity_ms)
        # Silent is said soon; but a backlog may be read unevenly, and until it is hopeless the others wait.
        table.discount(shard.config.skew_periods + shard.config.lateness_periods + 1)
        table.pace.advance(table.now, recorded)
    # Those who are ahead may be the most by now, but no period of theirs is open yet: `enter_period` opens it.
    last = min(table.pace.watermark - 1 - shard.config.lateness_periods, table.now)
    if last > table.closed:
        shard.flush(effects)
        close_until(shard, table, last)


def close_until(shard: Shard, table: Table, last: int) -> None:
    """Close every period up to `last` that is still open, one after the other.

    What predictions rest on changes here and nowhere else.
    """
    if last <= table.closed:
        return
    channels = _channels(shard, table)
    for period in range(table.closed + 1, last + 1):
        table.closed = period
        bin_end = BinEnd(shard, table, period)
        shard.failing.follow(shard, table, period, channels)
        shard.fades.follow(shard, table, period)
        shard.handovers.follow(shard, table, period)
        for channel in channels:
            if _close(shard, table, channel, period, bin_end):
                for model in channel.models:
                    model.freeze()
                channel.batch.freeze()
        pass_time(shard, period * table.granularity_ms)
        tell_gaps(shard, table, period)


def _channels(shard: Shard, table: Table) -> list[Channel]:
    """Those of a table. Sorted: what is told must not depend on which report came first, or on a restart."""
    return [c for (g, _), c in sorted(shard.channels.items()) if g == table.granularity_ms]


def _close(shard: Shard, table: Table, channel: Channel, period: int, bin_end: BinEnd) -> bool:
    """One counter's period is complete: learn, compare, then let it into what is usual.

    Returns:
        Whether there was anything to do.
    """
    series = channel.series
    if not series.has(period) and not series.ends_bin(period):
        return False
    end = period * table.granularity_ms
    tag = f"{series.counter}/{table.granularity_ms // 1000}/{shard.partition}/{period}"
    channel.watch.turn(shard, tag, period)
    channel.batch.learn(period)
    for one in channel.matured_losses():
        shard.models.compare(shard, one.target, table.granularity_ms, end, one.label, one.said)
    for model in channel.models:
        for target, labels in zip(model.targets, model.learn(series, period), strict=True):
            channel.scores[target.name].add(labels)
            channel.watch.follow(shard, channel.names(table), target.name, ONLINE, labels, model.horizon)
            if len(labels.label):
                shard.matured.append((target.name, end, labels))
            if end % DAY_MS == 0:
                _emit_score(shard, channel.scores[target.name], target.name, model.version, end, tag)
    closed = series.closing(period)
    channel.fidelity.update(closed.measured, closed.expected, closed.sigma)
    if series.ends_bin(period):
        if channel.companions is not None:
            now = channel.companions.bin(period, series.columns["ring"])
            channel.companions.learn(now)
            if shard.radio:
                kpi.follow(shard, table, channel, now)
                kpi.tell(shard, table, channel, period)
        _detect_drift(shard, table, channel, bin_end)
        _emit_fidelity(shard, table, channel, end, tag)
    series.learn(period)
    return True


def _detect_drift(shard: Shard, table: Table, channel: Channel, bin_end: BinEnd) -> None:
    """Look for drift once a time-of-day bin: shorter means differ too little from the one before to tell more."""
    series, end = channel.series, bin_end.period * table.granularity_ms
    closed = bin_end.closing(channel)
    # Busy hours vary more than quiet ones: the residual is judged by what is usual at its time of day.
    steady = (closed.measured - closed.expected) * (closed.usual_sigma / np.maximum(closed.sigma, 1e-9))
    # Who sleeps to save energy is as different as it should be.
    if (asleep := shard.alarm_desk.asleep.rows(shard, channel.names(table))) is not None:
        steady = np.where(asleep, np.nan, steady)
    alarms = channel.drift.update(steady, -(-end // series.bin_ms))
    if not len(alarms.index):
        return
    names = channel.names(table)
    # Where the neighbours have drifted too, the cause lies between the cells and not in one of them.
    around = neighbour_mean(closed.measured - closed.expected, channel.relation(table, shard.topology))
    columns = (alarms.index, alarms.direction, alarms.since, alarms.size, alarms.evidence)
    for i, direction, since, size, evidence in zip(*(column.tolist() for column in columns), strict=True):
        kind, reasons = classify(bin_end.evidence(channel, Alarmed(i, names[i], since * series.bin_ms, size)))
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
            kind=kind,
            reasons=reasons,
        )
        shard.counts["drift"] += 1
        shard.emit(outlet("drift", names[i], end, body))
        shard.alarm_desk.own.drifted(shard, body)


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
