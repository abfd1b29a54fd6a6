"""Fits a network: until the validation part gets no better, calibrated there, then once more on everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.batch.calibration import balance, platt
from models.batch.pacing import Enough, Paced
from models.batch.recipe import Fitted, Progress, Recipe, Synthetic, unwatched
from models.batch.samples import Samples
from models.batch.untrained import Untrained
from models.debias import KerasLearner
from twin.errors import TrainingDataError

Floats = NDArray[Any]


def fit(
    samples: Samples,
    marked: Sequence[int],
    recipe: Recipe,
    progress: Progress = unwatched,
    synthetic: Synthetic | None = None,
    context: Floats | None = None,
) -> Fitted:
    """Train on the first part of the time range, stop and calibrate on the second; the last is not looked at.

    Args:
        samples: All parts.
        marked: Features that have a mark for what is missing.
        context: Class of each sample, for the context-aware objective, `[N]`.

    Raises:
        TrainingDataError: A part is empty, or a target has no positive or no negative label in the first one.
    """
    own, check = samples.part("training"), samples.part("validation")
    _enough(own, check)
    network = Untrained(samples, own, marked, recipe, context, synthetic)
    learner = _Watched(network.learner(recipe), recipe, progress, network.steps())
    try:
        checked = network.as_set(check, check.weight / check.weight.mean(), "real")
        network.train(learner, recipe.epochs, checked, progress)
    except Enough as reason:
        learner.ended = str(reason)
    if not learner.seen:
        raise TrainingDataError("time was up before all had been seen once: give a longer --budget, or fewer --days")
    learner.put(learner.kept)
    progress("calibrate", 0.0)
    out = network.outputs(check)
    calibration = np.array([platt(z, y, check.weight) for z, y in zip(out, check.labels, strict=False)])
    return network.fitted(calibration, learner.seen, int(np.argmin(learner.seen)), learner.ended)


def refit(
    samples: Samples,
    marked: Sequence[int],
    recipe: Recipe,
    first: Fitted,
    progress: Progress = unwatched,
    synthetic: Synthetic | None = None,
    context: Floats | None = None,
) -> Fitted:
    """Train again from the start on the whole time range, for as many epochs as `first` did best with.

    What is rare and moves with the season is worth most where it is newest, and `first` has never learnt from the
    newest three tenths. What comes out can't be scored on them any more: the evidence remains that of `first`.

    It is the same objective, epoch by epoch: the correction of the doubly robust ones grows as in `first`, and lam is
    that of `first`. There is no held-out pair left to find it from, and from pairs that are known by heart it is 0.

    Its slope of the log-odds is fitted to what `first` said of the validation and the held-out part, which lie behind
    all that it had learnt from; the shift then makes the mean probability that of the labels.

    Args: as `fit`.
        first: What `fit` made of the same.

    Returns:
        `first` itself where there is no time left.
    """
    network = Untrained(samples, samples, marked, recipe, context, synthetic)
    epochs = first.best + 1
    done = 0

    def another() -> float:
        nonlocal done
        done += 1
        return -float(done)  # the last epoch is the best

    try:
        learner = Paced(network.learner(recipe), "refit", epochs * network.steps(), progress)
        network.train(learner, epochs, another, progress, first.lam[:epochs])
    except Enough:
        return first
    later = [samples.part("validation"), samples.part("held out")]
    told = np.concatenate([np.asarray(first.model(first.inputs(part.X), training=False)) for part in later]).T
    labels, weight = (np.concatenate(x, axis=-1) for x in zip(*((p.labels, p.weight) for p in later), strict=True))
    out = network.outputs(samples)
    calibration = []
    for k, row in enumerate(samples.labels):
        slope, _ = platt(told[k], labels[k], weight)
        calibration.append((slope, balance(slope * out[k].astype(np.float64), row, samples.weight)))
    return network.fitted(np.array(calibration), first.losses, first.best, first.ended)


class _Watched(Paced):
    """A learner that keeps the best weights, and ends training when there is no gain or no time left."""

    def __init__(self, inner: KerasLearner, recipe: Recipe, progress: Progress, steps: int) -> None:
        super().__init__(inner, "train", recipe.epochs * steps, progress)
        self.recipe = recipe
        self.seen: list[float] = []
        self.kept: list[Floats] = inner.parameters()
        self.ended = "epochs"

    def losses(self, x: Floats, y: Floats) -> Floats:
        """Of the validation part, once an epoch."""
        found = self.inner.losses(x, y)
        now = float(np.mean(found, dtype=np.float64))
        if not np.isfinite(now):
            raise TrainingDataError("the loss is no number any more: the data or the rate are beyond all bounds")
        if not self.seen or now < min(self.seen):
            self.kept = self.inner.parameters()
        self.seen.append(now)
        self.tell()
        if len(self.seen) - 1 - int(np.argmin(self.seen)) >= self.recipe.patience:
            raise Enough("no gain")
        return found


def _enough(own: Samples, check: Samples) -> None:
    for name, part in (("training", own), ("validation", check)):
        if not len(part.time):
            raise TrainingDataError(f"the {name} part has no row: give a longer time range")
    for k, row in enumerate(own.labels):
        if not (row == 1).any() or not (row == 0).any():
            raise TrainingDataError(f"target {k} has labels of one kind only in the training part: nothing to learn")
