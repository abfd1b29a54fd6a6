"""When a new model is trained: by schedule, after drift, or when scores have fallen; never too often. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class TrainingRule(msgspec.Struct, frozen=True, kw_only=True):
    """What starts a training.

    Attributes:
        every_ms: Of event time since the last one began [ms]; 0: never by schedule.
        drifts: So many within `drift_ms` [ms]; 0: never by drift.
        least_precision: The average precision of a target's last day lies below this; 0: never by score.
        cooldown_ms: Of event time after one has begun, well or not, in which none is [ms].
        history_ms: Event time that must have been seen before the first [ms].
    """

    every_ms: int = 7 * DAY_MS
    drifts: int = 0
    drift_ms: int = DAY_MS
    least_precision: float = 0.0
    cooldown_ms: int = 12 * HOUR_MS
    history_ms: int = 7 * DAY_MS


class Seen(NamedTuple):
    """What is known at a moment, all times in [ms since 1970] of event time.

    Attributes:
        now, begin: The newest time of the network, and the first that was seen.
        last: When the last training began that went well; -1: there was none.
        running: One is under way.
        drifts: When drift was noticed.
        precision: By target: when it was told, and the average precision.
        tried: When the last training began, well or not; -1: there was none.
    """

    now: int
    begin: int
    last: int
    running: bool
    drifts: Sequence[int]
    precision: dict[str, tuple[int, float]]
    tried: int = -1


def should_train(seen: Seen, rule: TrainingRule) -> str:
    """Why to train now, in words; empty: not now."""
    if seen.now < 0 or seen.running or seen.now - seen.begin < rule.history_ms:
        return ""
    begun = max(seen.last, seen.tried)
    if begun >= 0 and seen.now - begun < rule.cooldown_ms:
        return ""
    # What was noticed before the last training began, it has learnt from.
    since = max(seen.now - rule.drift_ms, seen.last)
    count = sum(since < time <= seen.now for time in seen.drifts)
    if rule.drifts and count >= rule.drifts:
        return f"drift: {count} in the last {rule.drift_ms / HOUR_MS:.0f} h"
    for target, (told, precision) in sorted(seen.precision.items()):
        if told > seen.last and precision < rule.least_precision:
            return f"score: average precision {precision:.3f} of {target} is below {rule.least_precision:g}"
    if rule.every_ms and (seen.last < 0 or seen.now - seen.last >= rule.every_ms):
        return "schedule: " + ("the first" if seen.last < 0 else f"{(seen.now - seen.last) / DAY_MS:.1f} days are over")
    return ""
