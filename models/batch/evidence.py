"""Scores of an artifact, run as the fold runs it, on a part of the samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.batch.calibration import calibration_error
from models.batch.samples import Samples
from models.logit import sigmoid
from models.network import Network
from models.scoring import average_precision

Floats = NDArray[Any]


def evidence(
    artifact: ModelArtifact, samples: Samples, thresholds: list[float] | None = None
) -> dict[str, float | None]:
    """Scores by name, `{target}/{score}`.

    Every score counts a sample for as many as it stands for: what was drawn says of the whole what the whole would.

    Args:
        thresholds: Of each target, for a congestion model: onsets are what isn't above it now.

    Returns:
        n, positives, ap, ap_persistence, ap_onset, log_loss, brier, brier_prevalence (of always saying the share of
        positives), calibration; of each quantile pinball and coverage. None where nothing can be told.
    """
    out = Network(artifact).outputs(samples.X)
    K = len(artifact.targets)
    found: dict[str, float | None] = {}
    for k, name in enumerate(artifact.targets):
        threshold = None if thresholds is None else thresholds[k]
        scores = _of_target(out[k], samples.labels[k], samples.weight, samples.now, threshold)
        found |= {f"{name}/{score}": _rounded(value) for score, value in scores.items()}
    horizons = sorted({o.horizon_s for o in artifact.outputs if o.kind == "quantile"})
    for row, output in enumerate(artifact.outputs[K:], K):
        y = samples.future[horizons.index(output.horizon_s)]
        known = ~(np.isnan(y) | np.isnan(out[row]))
        if not known.any():
            continue
        error, weight = (y - out[row])[known].astype(np.float64), samples.weight[known]
        pinball = np.maximum(output.level * error, (output.level - 1) * error)
        key = f"{output.target}@{output.horizon_s}s/q{output.level:g}"
        found[f"{key}/pinball"] = _rounded(float(np.average(pinball, weights=weight)))
        found[f"{key}/coverage"] = _rounded(float(np.average(error <= 0, weights=weight)))
    return found


def _of_target(
    log_odds: Floats, labels: Floats, weight: Floats, now: Floats, threshold: float | None
) -> dict[str, float | None]:
    known = ~(np.isnan(labels) | np.isnan(log_odds))
    y, p, w = labels[known].astype(np.float64), sigmoid(log_odds[known].astype(np.float64)), weight[known]
    if not len(y):
        return {"n": 0.0, "positives": 0.0}
    happened = y > 0
    base = float(np.average(y, weights=w))
    safe = np.clip(p, 1e-9, 1 - 1e-9)
    found: dict[str, float | None] = {
        "n": float(len(y)),
        "positives": float(happened.sum()),
        "ap": average_precision(happened, p, w),
        "log_loss": float(np.average(-(y * np.log(safe) + (1 - y) * np.log(1 - safe)), weights=w)),
        "brier": float(np.average((p - y) ** 2, weights=w)),
        "brier_prevalence": base * (1 - base),
        "calibration": calibration_error(p, y, w),
    }
    if threshold is not None:
        quiet = now[known] <= threshold
        found["ap_persistence"] = average_precision(happened, now[known].astype(np.float64), w)
        found["ap_onset"] = average_precision(happened[quiet], p[quiet], w[quiet])
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
