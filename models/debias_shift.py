"""How far a twin's inputs lie from the real ones, and what each counts for where it is to stand for real ones.

The objectives of `models.debias` measure the twin's error on real inputs and take it off on the twin's, which is sound
where both are of one distribution. With p the density of real inputs, q that of the twin's, and log loss, `ppi` is
least at a probability of f + (p/q) (y - f): near f where the twin often is and reality seldom, without end the other
way round. Weighted by the ratio of the densities the twin's inputs have the distribution of the real ones:

    w(x) = p(x) / q(x) = (N / n) P(real | x) / P(synthetic | x)            mean 1, at most CAP times the mean

P is told by a logistic regression on the inputs and their squares. Each half of the samples is told by one that was
taught the other half, so that no sample is known by heart.

    effective = (sum w)^2 / sum w^2                                        Kish, "Survey sampling", 1965

Sources: Bickel, Brückner and Scheffer, "Discriminative learning under covariate shift", JMLR 10, 2009 (the ratio by a
classifier); Shimodaira, "Improving predictive inference under covariate shift by weighting the log-likelihood
function", 2000; Sugiyama, Suzuki and Kanamori, "Density ratio estimation in machine learning", 2012.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.logit import BayesLogit

Floats = NDArray[Any]
Ints = NDArray[np.int64]

CAP = 20.0
"""Times the mean: a weight that is larger says that the twin is hardly ever there, and rests on few samples. So what
remains is worth at least one in so many."""
FARTHEST = 60.0
"""Log-odds below the greatest ones that count as never."""
MOST = 10_000
"""Samples of each origin that a classifier is taught."""
LEAST = 40
"""Samples of an origin below which all are taught and told at once."""
CHUNK = 20_000


class Shift(NamedTuple):
    """How two sets of inputs differ.

    Attributes:
        weight: Of the synthetic samples, mean 1, `[N]`.
        auc: How often the classifier holds a real sample for likelier real than a synthetic one: 0.5 where nothing
            tells them apart, 1 where nothing that the twin made could be real.
        effective: As many samples as weigh alike would be worth as much.
    """

    weight: Floats
    auc: float
    effective: float

    def told(self) -> dict[str, float]:
        """For a report."""
        return {"auc": round(self.auc, 4), "effective": round(self.effective, 1), "synthetic": float(len(self.weight))}


def shift_of(real: Floats, synthetic: Floats, seed: int) -> Shift:
    """Compare inputs.

    Args:
        real: Normalised, `[n, inputs]`.
        synthetic: Normalised in the same way, `[N, inputs]`.
        seed: Of what is drawn.
    """
    rng = np.random.default_rng([seed, 53])
    n, N = len(real), len(synthetic)
    folds = 2 if min(n, N) >= LEAST else 1
    ours, theirs = (rng.permutation(count) % folds for count in (n, N))
    a, b = np.zeros(n), np.zeros(N)
    for fold in range(folds):
        taught = [np.flatnonzero((of != fold) | (folds == 1)) for of in (ours, theirs)]
        model, ratio = _taught(real, synthetic, taught[0], taught[1], rng)
        a[ours == fold] = _log_odds(model, real[ours == fold])
        b[theirs == fold] = _log_odds(model, synthetic[theirs == fold]) + np.log(ratio)
        a[ours == fold] += np.log(ratio)
    weight = _capped(np.exp(np.maximum(b - b.max(), -FARTHEST)))  # only ratios matter
    return Shift(weight, _auc(a, b), float(N**2 / np.sum(weight**2)))


def _capped(weight: Floats) -> Floats:
    """Weights of mean 1 and none above CAP: the largest k of them are as large as CAP means are.

    If they are c, then c = CAP (k c + sum of the rest) / N.
    """
    N = len(weight)
    falling = np.sort(weight)[::-1]
    k = np.arange(-(-N // int(CAP)))
    rest = np.cumsum(falling[::-1])[::-1][k]
    most = CAP * rest / (N - CAP * k)
    capped = np.minimum(weight, most[np.argmax(most >= falling[k])])
    out: Floats = capped / capped.mean()
    return out


def _taught(
    real: Floats, synthetic: Floats, ours: Ints, theirs: Ints, rng: np.random.Generator
) -> tuple[BayesLogit, float]:
    """A classifier of some rows, and how many synthetic ones it has seen for each real one."""
    ours, theirs = (np.sort(rng.choice(rows, min(len(rows), MOST), replace=False)) for rows in (ours, theirs))
    X = _features(np.concatenate([real[ours], synthetic[theirs]]))
    y = np.repeat([1.0, 0.0], [len(ours), len(theirs)])
    model = BayesLogit(newton_steps=25).start(range(len(X)), {0: (0.0, 10.0)})
    model.learn(X, y)
    return model, len(theirs) / len(ours)


def _features(x: Floats) -> Floats:
    """One, the inputs and their squares, `[1 + 2 inputs, rows]`."""
    own = x.T.astype(np.float64)
    return np.concatenate([np.ones((1, own.shape[1])), own, own**2])


def _log_odds(model: BayesLogit, x: Floats) -> Floats:
    parts = [model.log_odds(_features(x[begin : begin + CHUNK])) for begin in range(0, len(x), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _auc(a: Floats, b: Floats) -> float:
    """Share of the pairs of a real and a synthetic sample in which the real one has more; even ones count half."""
    known = np.sort(b)
    below = np.searchsorted(known, a, side="left") + np.searchsorted(known, a, side="right")
    return float(below.mean() / (2 * len(b)))
