"""The online model corrects the batch model: a stack of their log-odds, its weights learnt from matured labels.

For one target and one batch model, with the log-odds o of the online and b of the batch model, q = 1 where the counter
is not above the threshold now (only there an onset can be predicted) and d = b - o

    log-odds = w_online o + w_batch b + w_quiet q d + w_one

The prior is three parts online, which has learnt until the last hour, and one part batch, which may know little yet
or may be weeks old; a period's labels move it as far as they carry information (`models.logit`, a
River classifier). The features are few because the same labels have already taught the online model a hundred weights.

Weights change in `learn`, predictions follow in `freeze`: both run at period boundaries. Between them `combine` is a
pure function, computed element by element: it doesn't depend on what else is in the batch.

Neither model's weight is published below zero: two models that see the same err alike, and a fit to few labels would
set one against the other.

Source: Wolpert, "Stacked generalization", Neural Networks 5, 1992; Breiman, "Stacked regressions", Machine Learning 24,
1996 (weights that aren't negative).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.logit import BayesLogit
from twin.errors import ConfigurationError

F32 = np.float32
Floats = NDArray[Any]

Mode = Literal["learnt", "online", "batch"]
"""What is published where there is a batch model: the blend, or one of the two alone."""

ROWS = ("online", "batch", "quiet", "one")
PRIOR = {"online": (0.75, 0.25), "batch": (0.25, 0.25), "quiet": (0.0, 0.25), "one": (0.0, 0.25)}
"""Mean and standard deviation of the weights before any label."""

FIXED: dict[Mode, Floats | None] = {
    "learnt": None,
    "online": np.array([1, 0, 0, 0], dtype=F32),
    "batch": np.array([0, 1, 0, 0], dtype=F32),
}
"""Weights of each mode; None: those that are learnt."""

FARTHEST = F32(12)
"""Log-odds beyond this are as good as this: one wrong certainty must not outweigh everything else."""

KEPT_A_DAY = 0.99
"""Information that survives a day of log time: half of it is gone after 69 days."""

REMEMBERED = 20
"""Periods, of as many labels as the largest lately had, that the average of the batch model's log-odds is of."""

INHERITED = 0.1
"""Of the information that an earlier version's labels gave: the next version errs alike, but not the same."""


class Combined(NamedTuple):
    """What `Blend.combine` says of some objects, `[n]` each, float32.

    Attributes:
        log_odds: Those of the online model where the batch model has none.
        online, batch: By how much each of the two counts there.
    """

    log_odds: Floats
    online: Floats
    batch: Floats


class Blend:
    """Weights of one target and one batch model.

    Args:
        mode: Fixed at one of the two, or learnt; what is learnt is learnt in any mode, so that it can be compared.

    Raises:
        ConfigurationError: There is no such mode.
    """

    def __init__(self, mode: Mode = "learnt") -> None:
        if mode not in FIXED:
            raise ConfigurationError(f"no way {mode!r} to blend; choose from {', '.join(FIXED)}")
        self.mode = mode
        self.head = BayesLogit().start(ROWS, PRIOR)
        self.learnt = 0
        """Periods whose labels have been learnt."""
        self.average = 0.0
        """Of the batch model's log-odds, lately: what a contribution of it is compared with. Each label counts alike,
        however many came with it: where something fails, its labels come by themselves."""
        self.rows = 0.0
        """Labels that the average is of, as far as they count yet: at most those of `REMEMBERED` periods."""
        self.freeze()

    def combine(self, online: Floats, batch: Floats, quiet: NDArray[np.bool_]) -> Combined:
        """Blend log-odds, `[n]` each; NaN in `batch` means that it has nothing to say."""
        w_online, w_batch, w_quiet, w_one = self._frozen
        # One alone is published as it is.
        o, b = (_bounded(online), _bounded(batch)) if self.mode == "learnt" else (online, batch)
        lean = w_quiet * quiet
        first, second = w_online - lean, w_batch + lean
        log_odds = first * o
        log_odds += second * b
        log_odds += w_one
        alone = np.isnan(b)
        if alone.any():
            np.copyto(log_odds, online, where=alone)
            np.copyto(first, F32(1), where=alone)
            np.copyto(second, F32(0), where=alone)
        return Combined(log_odds, first, second)

    def learn(self, online: Floats, batch: Floats, quiet: NDArray[np.bool_], label: NDArray[np.bool_]) -> None:
        """Learn one period's matured labels, `[n]` each; rows without log-odds of both teach nothing."""
        known = np.flatnonzero(~(np.isnan(online) | np.isnan(batch)))
        if not len(known):
            return
        o, b = _bounded(online.take(known)), _bounded(batch.take(known))
        X = np.stack([o, b, quiet.take(known) * (b - o), np.ones_like(o)])
        y = label.take(known).astype(F32)
        self.learnt += 1
        n = len(known)
        self.rows = max(self.rows, min(self.rows + n, REMEMBERED * n))
        self.average += n / self.rows * (float(np.mean(b, dtype=np.float64)) - self.average)
        telling = self.head.telling(self.head.log_odds(X), y)
        if len(telling):
            self.head.learn(X.take(telling, axis=1), y[telling])

    def follow(self, before: Blend) -> None:
        """Begin where the blend with an earlier version of the batch model has come to, but less sure of it."""
        prior = np.diag(self.head.a0)
        self.head.m = before.head.m.copy()
        self.head.A = prior + INHERITED * (before.head.A - prior)
        self.average, self.rows = before.average, before.rows
        self.freeze()

    def decay(self, days: int) -> None:
        """Forget what is older than the last weeks."""
        self.head.decay(KEPT_A_DAY**days)
        self.rows *= KEPT_A_DAY**days

    def freeze(self) -> None:
        """Fix what `combine` uses until the next boundary."""
        fixed = FIXED[self.mode]
        self._frozen = _positive(self.head.m).astype(F32) if fixed is None else fixed

    @property
    def weights(self) -> dict[str, float]:
        """By row; see the module."""
        return dict(zip(ROWS, self._frozen.tolist(), strict=True))

    @property
    def version(self) -> str:
        """Names the weights: how they are made and from how many periods of labels."""
        return f"{self.mode}-{self.learnt}" if self.mode == "learnt" else self.mode

    def state(self) -> dict[str, Floats]:
        """Everything learnt, as arrays."""
        scalars = np.array([self.learnt, self.average], dtype=np.float64)
        return self.head.state() | {"scalars": scalars, "rows": np.array([self.rows], dtype=np.float64)}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned at a boundary."""
        self.head.restore(state)
        learnt, self.average = state["scalars"].tolist()
        self.learnt = int(learnt)
        # States from before it was kept don't know what the average is of: the next labels make a new one.
        self.rows = float(state["rows"][0]) if "rows" in state else 0.0
        self.freeze()


def _positive(weights: Floats) -> Floats:
    """The same, with neither model counted below zero, whether it is quiet or not: two that err alike tempt to that."""
    online, batch, quiet, one = weights.tolist()
    online, batch = max(online, 0.0), max(batch, 0.0)
    return np.array([online, batch, min(max(quiet, -batch), online), one])


def _bounded(log_odds: Floats) -> Floats:
    out: Floats = np.clip(log_odds, -FARTHEST, FARTHEST).astype(F32, copy=False)
    return out
