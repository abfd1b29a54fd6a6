"""Labels of fades, and average precision of what was said of them, with intervals over blocks of hours."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.scoring import average_precision

Array = NDArray[Any]
HORIZON, FADE_DB, HEALTHY_DB = 15, 10.0, 5.0
"""[min], [dB]: what a fade is, and below what a link is healthy."""
BLOCK, DRAWS, BINS = 360, 1000, 2000


class Labels(NamedTuple):
    """`label` and `known`, `[T, n]` bool; `onset`: rows (minute, link) of fades that begin."""

    label: Array
    known: Array
    faded: Array
    onset: Array


def labels(attenuation: Array) -> Labels:
    """What was to be predicted, from the attenuation that the model itself kept."""
    T, n = attenuation.shape
    faded, measured = attenuation > FADE_DB, ~np.isnan(attenuation)
    sums = [np.vstack([np.zeros((1, n), np.int32), np.cumsum(x, axis=0, dtype=np.int32)]) for x in (faded, measured)]
    ahead = [np.zeros((T, n), np.int32) for _ in sums]
    for total, out in zip(sums, ahead, strict=True):
        out[: T - HORIZON] = total[HORIZON + 1 :] - total[1 : T - HORIZON + 1]
    label = ahead[0] > 0
    known = (label | (ahead[1] >= HORIZON / 2)) & (attenuation < HEALTHY_DB)
    known[T - HORIZON :] = False
    before = np.zeros((T, n), np.int32)
    before[HORIZON:] = sums[0][HORIZON:-1] - sums[0][: -HORIZON - 1]
    before[:HORIZON] = 1
    return Labels(label, known, faded, np.argwhere(faded & (before == 0)))


def ap(truth: Labels, score: Array, part: slice, only: Array | None = None) -> float:
    """Average precision over a part of the minutes."""
    chosen = truth.known[part] if only is None else truth.known[part] & only[part]
    return average_precision(truth.label[part][chosen], score[part][chosen].astype(np.float64)) or 0.0


def gain(truth: Labels, one: Array, other: Array, part: slice, seed: int) -> tuple[float, float, float]:
    """AP of `other` less that of `one`, and its 90 % interval."""
    rng = np.random.default_rng(seed)
    y = np.where(truth.known[part], truth.label[part], False)
    blocks = [(_by_bin(x[part], y, truth.known[part])) for x in (one, other)]
    exact, binned = [ap(truth, x, part) for x in (one, other)], [_ap_of_bins(b.sum(axis=0)) for b in blocks]
    if not np.allclose(exact, binned, atol=0.002):
        raise AssertionError(f"average precision by bins is {binned}, and {exact} without")
    drawn = [rng.integers(0, len(blocks[0]), len(blocks[0])) for _ in range(DRAWS)]
    differences = [_ap_of_bins(blocks[1][d].sum(axis=0)) - _ap_of_bins(blocks[0][d].sum(axis=0)) for d in drawn]
    low, high = np.nanpercentile(differences, [5, 95])
    return exact[1] - exact[0], float(low), float(high)


def interval(
    truth: Labels, score: Array, part: slice, seed: int, only: Array | None = None
) -> tuple[float, float, float]:
    """AP and its 90 % interval, by the same draws for every score."""
    rng = np.random.default_rng(seed)
    known = truth.known[part] if only is None else truth.known[part] & only[part]
    blocks = _by_bin(score[part], truth.label[part] & known, known)
    drawn = rng.integers(0, len(blocks), (DRAWS, len(blocks)))
    low, high = np.nanpercentile([_ap_of_bins(blocks[d].sum(axis=0)) for d in drawn], [5, 95])
    return ap(truth, score, part, only), float(low), float(high)


def _by_bin(score: Array, label: Array, known: Array) -> Array:
    """Positives and all of each block by bins of the score, best first, `[num_blocks, 2, BINS]`: to sum and to rank."""
    highest = score[known & label]
    edges = np.unique(np.quantile(np.concatenate([highest, score[known][::97]]), np.linspace(0, 1, BINS)))
    place = len(edges) - np.searchsorted(edges, score, side="right")
    out = []
    for begin in range(0, len(score), BLOCK):
        s = slice(begin, begin + BLOCK)
        chosen = known[s], known[s] & label[s]
        counts = [np.bincount(place[s][c], minlength=len(edges) + 1) for c in chosen]
        out.append(np.stack([counts[1], counts[0]]))
    return np.array(out)


def _ap_of_bins(counts: Array) -> float:
    true, total = np.cumsum(counts, axis=1)
    if not true[-1]:
        return float("nan")
    return float(np.sum(counts[0] / true[-1] * true / np.maximum(total, 1)))
