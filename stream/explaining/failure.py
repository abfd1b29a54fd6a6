"""Why an element or a cell is, or isn't, foretold to fail."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np

from models.failure.features import add_wear
from models.failure.heads import FailureHead, cleaned
from models.logit import sigmoid
from stream.batch.versions_at_work import BATCH, Spoken
from stream.decode import from_ms
from stream.explaining.predictions import Floats, Plain, Voice, contributions, probability_of, rounded, voice
from stream.failing import telling as failing_tell
from stream.failing.failures import Seen
from stream.failing.watched import CALM, Watched
from stream.shard import Shard

TOLD = (
    "target", "object", "horizon_s", "probability", "base_rate", "health", "wears", "remaining_life_s",
    "remaining_life_low_s", "remaining_life_high_s", "fault", "fault_name", "note", "model", "model_version",
)  # fmt: skip
"""Of a prediction's message; the rest is told in full here."""


def failures(shard: Shard, name: str) -> list[Plain]:
    """Every target of alarms, of one element or cell that is watched; empty where it isn't."""
    found: list[Plain] = []
    for watched in shard.failing.watched.values():
        row = watched.rows.get(name)
        if row is None or watched.step < 0:
            continue
        seen = shard.failing.seen(shard, watched)
        found += [_of_head(shard, watched, k, head, row, seen) for k, head in enumerate(watched.heads)]
    return found


def _of_head(shard: Shard, watched: Watched, k: int, head: FailureHead, row: int, seen: Seen) -> Plain:
    of_error, direction = seen.limit_of_error, seen.direction
    X = add_wear(seen.X, watched.evidence, of_error, direction, head.target.horizon_s * 1000)
    online = head.log_odds(X)
    voices = _voices(shard, watched, k, X[:, [row]], online[[row]])
    champion = next((one for one in voices if one.state == "champion"), None)
    spoken = None if champion is None else _of_all(champion.spoken(), len(online), row)
    log_odds = online.copy()
    if champion is not None:
        log_odds[row] = champion.combined.log_odds[0]
    at_risk = seen.observed & (watched.columns["calm"][k] >= CALM)
    end = watched.step * watched.step_ms
    made = failing_tell.Made(k, end, X, log_odds, seen.health, at_risk, spoken)
    (body,) = failing_tell.predictions(shard, watched, made, np.array([row]), of_error, direction)
    told = msgspec.to_builtins(body)
    parts = failing_tell.parts_of(head, made, np.array([row]))[:, 0]
    names, values = list(watched.feature_names), X[:, row]
    if champion is not None:
        names, values = [*names, BATCH], np.append(values, champion.log_odds)
    time = from_ms(end)
    return {key: told[key] for key in TOLD} | {
        "kind": "failure",
        "of_kind": watched.kind,
        "time": time.isoformat(),
        "speaks_of": (time + timedelta(seconds=head.target.horizon_s)).isoformat(),
        "at_risk": bool(at_risk[row]),
        "online_probability": rounded(sigmoid(online[[row]].astype(np.float64))[0], 6),
        "probability": probability_of(log_odds[[row]]),
        "batch": None if champion is None else champion.plain(),
        "shadows": [one.plain() for one in voices if one.state == "shadow"],
        "base": rounded(float(log_odds[row]) - float(np.nansum(parts))),
        "contributions": contributions(names, values, parts),
        "signals": _signals(watched, row, seen),
    }


def _voices(shard: Shard, watched: Watched, k: int, X: Floats, online: Floats) -> list[Voice]:
    batch, quiet = watched.batch, np.zeros(1, dtype=np.bool_)
    asked = (
        voice(shard, batch.versions, name, (k, 0), batch.names[k], cleaned(X), online, quiet) for name in batch.versions
    )
    return [one for one in asked if one is not None]


def _of_all(spoken: Spoken, n: int, row: int) -> Spoken:
    """The same with a place for every object, of which only this one's is filled."""

    def spread(values: Floats) -> Floats:
        out = np.full(n, np.nan, dtype=np.float32)
        out[row] = values[0]
        return out

    combined = type(spoken.combined)(*(spread(one) for one in spoken.combined))
    return spoken._replace(log_odds=spread(spoken.log_odds), combined=combined)


def _signals(watched: Watched, row: int, seen: Seen) -> list[Plain]:
    """Each signal with what an object as new would show, and how far this one is off; those without a value not."""
    evidence = watched.evidence
    c, missing, residual = evidence.columns, evidence.missing()[:, row], evidence.residual()[:, row]
    limit = seen.limit_of_error[:, row] + c["expected"][:, row]
    return [
        {
            "signal": signal.name,
            "counter": signal.counter,
            "expected": rounded(c["expected"][s, row]),
            "off": rounded(c["error"][s, row]),
            "sigma": rounded(c["sigma"][s, row]),
            "residual": rounded(residual[s], 2),
            "limit": rounded(limit[s]),
            "used": rounded(seen.used[s, row], 3),
        }
        for s, signal in enumerate(evidence.signals)
        if not missing[s]
    ]
