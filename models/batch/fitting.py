"""Fits a network: normalises, trains until the validation part gets no better, calibrates there, exports.

The objective is one of `models.debias` ("erm" where there are measured labels only); its training loop and losses are
those of that module, so that every objective is available to every batch model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.calibration import platt
from models.batch.keras_model import arrays_of, build, layers_of, loss_of, seeded, targets_of
from models.batch.samples import Samples
from models.debias import Fixed, KerasLearner, LabelModel, TrainingSet, train_learner, training_set
from models.layers import FARTHEST, Layer
from twin.errors import TrainingDataError

F32 = np.float32
Floats = NDArray[Any]
Progress = Callable[[str, float], bool]
"""Told the stage and how much of it is done [%]; False ends training with the best so far."""

LEVELS = (0.1, 0.5, 0.9)


def unwatched(_stage: str, _percent: float) -> bool:
    """Nobody wants to know."""
    return True


class Recipe(NamedTuple):
    """How to train.

    Attributes:
        units: Of the hidden layers.
        batch: Samples a step.
        patience: Epochs without a gain on the validation part after which training ends.
        decay: L2 penalty of the weights.
    """

    units: tuple[int, ...] = (24, 24)
    epochs: int = 40
    batch: int = 1024
    rate: float = 2e-3
    patience: int = 5
    decay: float = 1e-5
    objective: str = "erm"
    seed: int = 0


class Synthetic(NamedTuple):
    """What a twin adds: inputs that it labels itself, and how.

    Attributes:
        samples: Features, labels and future values by the twin.
        label_model: Gives real inputs the twin's labels, for the objectives that correct it; see `models.debias`.
    """

    samples: Samples
    label_model: LabelModel | Fixed | None = None
    run: str = ""
    twin_version: str = ""


class Fitted(NamedTuple):
    """A trained network.

    Attributes:
        arrays: As an artifact has them: normalisation, layers; the log-odds are calibrated.
        scales: Of each horizon's quantiles: the counter is `scale * output + shift`, `[H, 2]`.
        losses: Mean on the validation part, one an epoch.
        best: The epoch whose weights these are.
        calibration: Slope and shift of each target's log-odds, `[K, 2]`.
        ended: Why training ended.
        samples: Rows that gradients came from.
        model: Of Keras, before the calibration.
        inputs: Makes the network's inputs from features, `[N, inputs]`.
    """

    arrays: dict[str, Floats]
    layers: list[Layer]
    scales: Floats
    losses: list[float]
    best: int
    calibration: Floats
    ended: str
    samples: int
    model: Any
    inputs: Callable[[Floats], Floats]


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
    tf = seeded(recipe.seed)
    mean, deviation = _normalisation(own.X)
    inputs = _inputs(mean, deviation, list(marked))
    scales = _scales(own.future)
    K, H = len(own.labels), len(own.future)
    levels = LEVELS if H else ()
    layers = layers_of(recipe.units, K + H * len(levels))
    weight = own.weight / own.weight.mean()
    prevalence = np.array([_mean(row, weight) for row in own.labels])
    prior = np.concatenate([np.log(prevalence / (1 - prevalence)), np.zeros(H * len(levels))])
    width = len(samples.X) + len(marked)
    model = build(tf, layers, width, len(marked), prior.astype(F32), recipe.decay)

    def as_set(part: Samples, weight: Floats, origin: Any, named: tuple[str, str] = ("", "")) -> TrainingSet:
        future = (part.future - scales[:, 1:]) / scales[:, :1] if H else part.future
        groups = None if context is None or origin != "real" else context[_rows_of(samples, part)]
        y = targets_of(part.labels, future, weight)
        return training_set(inputs(part.X), y, origin, groups, run=named[0], twin_version=named[1])

    real = as_set(own, weight, "real")
    made = real._replace(x=real.x[:0], y=None, origin="synthetic", context=real.context[:0])
    if synthetic is not None:
        s = synthetic.samples
        made = as_set(s, s.weight / s.weight.mean(), "synthetic", (synthetic.run, synthetic.twin_version))
    loss = loss_of(tf, K, levels)
    learner = _Watched(KerasLearner(model, loss, tf.keras.optimizers.Adam(recipe.rate, clipnorm=5.0)), recipe, progress)
    try:
        train_learner(
            learner, recipe.objective, real, made, synthetic.label_model if synthetic else None, epochs=recipe.epochs,
            batch=recipe.batch, real_batch=min(recipe.batch, real.size), seed=recipe.seed,
            validation=as_set(check, check.weight / check.weight.mean(), "real"),
        )  # fmt: skip
    except _Enough as reason:
        learner.ended = str(reason)
    learner.put(learner.kept)
    arrays = arrays_of(model)
    progress("calibrate", 0.0)
    out = np.asarray(model(inputs(check.X), training=False))
    calibration = np.array([platt(out[:, k], check.labels[k], check.weight) for k in range(K)])
    last = len(layers) - 1
    arrays[f"{last}/weights"][:K] *= calibration[:, :1].astype(F32)
    arrays[f"{last}/bias"][:K] = arrays[f"{last}/bias"][:K] * calibration[:, 0] + calibration[:, 1]
    arrays |= {"mean": mean, "deviation": deviation}
    return Fitted(
        arrays, layers, scales, learner.seen, int(np.argmin(learner.seen)), calibration, learner.ended,
        len(own.time), model, inputs,
    )  # fmt: skip


class _Enough(Exception):
    """Training goes no further; never leaves this module."""


class _Watched:
    """A learner that keeps the best weights, and ends training when there is no gain or no time left."""

    def __init__(self, inner: KerasLearner, recipe: Recipe, progress: Progress) -> None:
        self.inner, self.recipe, self.progress = inner, recipe, progress
        self.step, self.moments, self.parameters, self.put = inner.step, inner.moments, inner.parameters, inner.put
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
        if not self.progress("train", 100 * len(self.seen) / self.recipe.epochs):
            raise _Enough("time")
        if len(self.seen) - 1 - int(np.argmin(self.seen)) >= self.recipe.patience:
            raise _Enough("no gain")
        return found


def _enough(own: Samples, check: Samples) -> None:
    for name, part in (("training", own), ("validation", check)):
        if not len(part.time):
            raise TrainingDataError(f"the {name} part has no row: give a longer time range")
    for k, row in enumerate(own.labels):
        if not (row == 1).any() or not (row == 0).any():
            raise TrainingDataError(f"target {k} has labels of one kind only in the training part: nothing to learn")


def _normalisation(X: Floats) -> tuple[Floats, Floats]:
    known = ~np.isnan(X)
    count = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, X, 0).astype(np.float64)
    mean = filled.sum(axis=1) / count
    deviation = np.sqrt((np.where(known, filled - mean[:, None], 0) ** 2).sum(axis=1) / count)
    return mean.astype(F32), np.where(deviation > 1e-6, deviation, 1).astype(F32)


def _inputs(mean: Floats, deviation: Floats, marked: list[int]) -> Callable[[Floats], Floats]:
    def inputs(X: Floats) -> Floats:
        """As `models.network` makes them, `[N, inputs]`."""
        own = (X - mean[:, None]) / deviation[:, None]
        missing = np.isnan(own)
        own = np.clip(np.where(missing, 0, own), -FARTHEST, FARTHEST)
        return np.concatenate([own, missing[marked]]).T.astype(F32)

    return inputs


def _scales(future: Floats) -> Floats:
    """Standard deviation and mean of each horizon's values."""
    made = [(float(np.nanstd(row)) or 1.0, float(np.nanmean(row))) for row in future.astype(np.float64)]
    return np.array(made).reshape(-1, 2)


def _mean(labels: Floats, weight: Floats) -> float:
    known = ~np.isnan(labels)
    return float(np.clip(np.average(labels[known], weights=weight[known]), 1e-5, 1 - 1e-5))


def _rows_of(samples: Samples, part: Samples) -> NDArray[np.int64]:
    """Rows of the whole that a part has: parts are ranges of time."""
    low, high = int(part.time.min()), int(part.time.max())
    return np.flatnonzero((samples.time >= low) & (samples.time <= high))
