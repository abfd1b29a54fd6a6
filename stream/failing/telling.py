"""Which failure predictions are told, and what is said of each.

A network has thousands of objects and few of them fail: told is who becomes likelier to fail or less so, who stays
likely once an hour, and everybody once a day, spread over the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.evidence import BLOCK_MS
from models.failure.fault_classes import ORAN_FAULTS
from models.failure.heads import FailureHead
from models.failure.remaining import Life, remaining
from models.failure.signals import KINDS, OF_SIGNAL
from models.failure.usual import DAY_MS
from models.logit import sigmoid
from stream.batch.versions_at_work import BATCH, Spoken
from stream.decode import from_ms
from stream.failing.watched import Watched
from stream.outlets import outlet
from twin.events import Score
from twin.failure_events import FailurePrediction

if TYPE_CHECKING:
    from stream.shard import Shard

Floats = NDArray[Any]

LEVELS = (0.02, 0.1, 0.3, 0.6)
"""Probabilities at which a prediction is told at once."""
BACK = 0.7
"""Of a level: it is left only below this share of it, so that nobody is told every quarter of an hour."""
CHANGE = 1.0
"""Of the log-odds, that is told, at most once an hour."""
UNHEALTHY = 80.0
HOUR_MS = 3_600_000
DRIVERS = 3
WORTH_SAYING = 0.01
"""Log-odds that a driver must add."""
POINTS = 0.5
"""Log-odds that a fault's signals must add to be called the expected fault."""
LONGEST_LIFE_MS = 365 * DAY_MS
BLENDED = "blended-failure"
"""Name of what is published where a batch model takes part."""
NO_PRECURSOR = "no precursor: failures come at random, too, and this is how often objects of this kind fail"
"""Said where nothing speaks for a failure."""
NOT_LEARNT = "this object is not as new, but what that means for this target has not been learnt yet"


class Made(NamedTuple):
    """Predictions of one target.

    Attributes:
        k: Number of the target.
        end: Of the step [ms].
        X: Features, `[num_features, n]`.
        log_odds: `[n]`.
        health: `[n]`.
        at_risk: `[n]`.
        spoken: By a batch model; then `log_odds` are blended.
    """

    k: int
    end: int
    X: Floats
    log_odds: Floats
    health: Floats
    at_risk: NDArray[np.bool_]
    spoken: Spoken | None = None


def tell(shard: Shard, watched: Watched, made: Made, limit_of_error: Floats, direction: Floats) -> None:
    """Tell what is worth telling."""
    rows = _worth(watched, made)
    if not len(rows):
        return
    for body in predictions(shard, watched, made, rows, limit_of_error, direction):
        shard.emit(outlet("failure", body.object, made.end, body))
        shard.alarm_desk.own.foretold(shard, body)
    shard.counts["failure"] += len(rows)


def predictions(
    shard: Shard, watched: Watched, made: Made, rows: NDArray[np.int64], limit_of_error: Floats, direction: Floats
) -> Iterator[FailurePrediction]:
    """What there is to tell of some objects; changes nothing."""
    head, evidence = watched.heads[made.k], watched.evidence
    wears = evidence.wears
    lives = remaining(evidence.lines, limit_of_error[np.ix_(wears, rows)], direction[np.ix_(wears, rows)], rows)
    lives = Life(*(np.where(evidence.missing()[np.ix_(wears, rows)], np.nan, part) for part in lives))
    parts = parts_of(head, made, rows)
    probability = sigmoid(made.log_odds[rows].astype(np.float64))
    for at, row in enumerate(rows.tolist()):
        yield _body(shard, watched, made, row, float(probability[at]), parts[:, at], Life(*(x[:, at] for x in lives)))


def tell_score(shard: Shard, watched: Watched, k: int, end: int) -> None:
    """Tell a target's scores once a day."""
    if end % DAY_MS >= watched.step_ms:
        return
    name = f"{watched.targets[k].name} {watched.kind}"
    scores = watched.windows[k].scores()
    if not scores["n"]:
        return
    body = Score(
        id=f"score/{name}/{shard.partition}/{end}",
        time=from_ms(end),
        target=name,
        model_version=watched.heads[k].version,
        metrics={which: None if x is None else round(x, 6) for which, x in scores.items()},
        revision=shard.revision,
    )
    shard.emit(outlet("scores", name, end, body))


def _worth(watched: Watched, made: Made) -> NDArray[np.int64]:
    """Rows of whom to tell now; remembers that they were told."""
    c, k = watched.columns, made.k
    p = sigmoid(made.log_odds.astype(np.float64))
    level = np.searchsorted(LEVELS, p, side="right")
    before, told_at = c["told_level"][k].astype(np.int64), c["told_at"][k]
    stays = (level < before) & (p >= BACK * np.array((0.0, *LEVELS))[np.maximum(before, 0)])
    level = np.where(stays, before, level)
    hour = made.end - told_at >= HOUR_MS
    known = told_at >= 0
    moved = known & (np.abs(made.log_odds - c["told_log_odds"][k]) > CHANGE) & (p >= LEVELS[0] / 4)
    watching = (level > 0) | (made.health < UNHEALTHY)
    turn = (made.end // watched.step_ms + np.arange(watched.n)) % (DAY_MS // watched.step_ms) == 0
    crossed = np.where(known, level != before, level > 0)
    worth = made.at_risk & (crossed | (hour & (moved | watching)) | (turn & hour))
    rows = np.flatnonzero(worth)
    c["told_level"][k, rows] = level[rows]
    c["told_log_odds"][k, rows] = made.log_odds[rows]
    c["told_at"][k, rows] = made.end
    return rows


def _body(
    shard: Shard, watched: Watched, made: Made, row: int, probability: float, parts: Floats, life: Life
) -> FailurePrediction:
    target, head, name = watched.targets[made.k], watched.heads[made.k], watched.names[row]
    order = np.flatnonzero(np.abs(parts) >= WORTH_SAYING)
    order = order[np.argsort(-np.abs(parts[order]), kind="stable")][:DRIVERS]
    fault = target.fault or _expected_fault(watched, made.k, parts if len(order) else None)
    wearing, wears = _first(life), [signal for signal in watched.evidence.signals if signal.wears]
    left = [None if wearing is None else _seconds(part[wearing]) for part in (life.middle, life.low, life.high)]
    return FailurePrediction(
        id=f"failure/{target.name}/{name}/{made.end // 1000}",
        time=from_ms(made.end),
        object=name,
        kind=watched.kind,
        target=target.name,
        horizon_s=target.horizon_s,
        probability=round(probability, 6),
        base_rate=round(head.base_rate, 6),
        health=round(float(made.health[row]), 1),
        wears=None if wearing is None else wears[wearing].name,
        remaining_life_s=left[0],
        remaining_life_low_s=left[1],
        remaining_life_high_s=left[2],
        drivers=[[*watched.feature_names, BATCH][i] for i in order],
        contributions=np.round(parts[order].astype(np.float64), 4).tolist(),
        fault=fault,
        fault_name=ORAN_FAULTS.get(fault, "") if fault is not None else "",
        note=_note(float(parts.sum()), float(made.health[row])),
        model=head.name if made.spoken is None else BLENDED,
        model_version=_version(head, made.spoken),
        tier="statistical",
        revision=shard.revision,
        batch_model="" if made.spoken is None else made.spoken.name,
        blend={} if made.spoken is None else made.spoken.blend.weights,
    )


def parts_of(head: FailureHead, made: Made, rows: NDArray[np.int64]) -> Floats:
    """What each feature adds to the log-odds of some objects, and in a last row a batch model, `[num_parts, n]`."""
    parts = head.contributions(made.X[:, rows])
    if made.spoken is None:
        return parts
    out: Floats = np.concatenate([parts * made.spoken.combined.online[rows], made.spoken.added(rows)[None]])
    return out


def _version(head: FailureHead, spoken: Spoken | None) -> str:
    return head.version if spoken is None else f"{head.version}+{spoken.name}+{spoken.blend.version}"


def _note(added: float, health: float) -> str:
    if added >= POINTS:
        return ""
    return NO_PRECURSOR if health >= UNHEALTHY else NOT_LEARNT


def _expected_fault(watched: Watched, k: int, parts: Floats | None) -> int | None:
    """The fault that the signals point to; where they don't, the one that was most frequent."""
    seen = watched.faults[k]
    usual = max(sorted(seen), key=lambda one: seen[one]) if seen else None
    if parts is None:
        return usual
    signals = KINDS[watched.kind]
    of_signal = parts[: len(signals) * len(OF_SIGNAL)].reshape(len(signals), -1)[:, :-1].sum(axis=1)
    points: dict[int, float] = {}
    for signal, added in zip(signals, of_signal.tolist(), strict=True):
        points[signal.fault] = points.get(signal.fault, 0.0) + max(added, 0.0)
    fault = max(sorted(points), key=lambda one: points[one])
    return fault if points[fault] >= POINTS else usual


def _first(life: Life) -> int | None:
    """Which indicator reaches its limit first, if one does within a year."""
    if np.isnan(life.middle).all():
        return None
    first = int(np.nanargmin(life.middle))
    return first if float(life.middle[first]) * BLOCK_MS <= LONGEST_LIFE_MS else None


def _seconds(blocks: float) -> float:
    return round(min(float(blocks) * BLOCK_MS, LONGEST_LIFE_MS) / 1000)
