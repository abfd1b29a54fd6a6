"""A network about to be trained: normalisation of its inputs and outputs, its first weights, its training sets.

The objective is one of `models.debias` ("erm" where there are measured labels only); its training loop and losses are
those of that module, so that every objective is available to every batch model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.batch.keras_model import arrays_of, build, layers_of, loss_of, seeded, targets_of
from models.batch.recipe import LEVELS, TWIN, Fitted, Progress, Recipe, Synthetic, unwatched
from models.batch.samples import Samples
from models.batch.twin_labels import taught
from models.debias import Fixed, KerasLearner, LabelModel, TrainingSet, train_learner, training_set
from models.debias_learner import Learner
from models.debias_objectives import objective_named
from models.debias_shift import Shift, shift_of
from models.layers import FARTHEST

F32 = np.float32
Floats = NDArray[Any]


LAM_FROM = 512
"""Held-out pairs that lam of each context is computed from."""


class Untrained:
    """A network that is about to be trained on some samples, and what it takes to.

    Args:
        samples: All, which `context` is of.
        own: Those that gradients come from.
    """

    def __init__(
        self,
        samples: Samples,
        own: Samples,
        marked: Sequence[int],
        recipe: Recipe,
        context: Floats | None,
        synthetic: Synthetic | None,
    ) -> None:
        self._tf = seeded(recipe.seed)
        self._samples, self._own, self._recipe = samples, own, recipe
        self._context, self._synthetic = context, synthetic
        self._lam: list[Floats] = []
        self._shift: Shift | None = None
        self._mean, self._deviation = _normalisation(own.X)
        if recipe.scale:
            self._mean, self._deviation = np.zeros_like(self._mean), np.full_like(self._deviation, recipe.scale)
        self.inputs = _inputs(self._mean, self._deviation, list(marked))
        self._scales = _scales(own.future)
        self._K, H = len(own.labels), len(own.future)
        self._levels = LEVELS if H else ()
        self._layers = layers_of(recipe.units, self._K + H * len(self._levels))
        self._weight = own.weight / own.weight.mean()
        prevalence = np.array([_mean(row, self._weight) for row in own.labels])
        prior = np.concatenate([np.log(prevalence / (1 - prevalence)), np.zeros(H * len(self._levels))])
        width = len(samples.X) + len(marked)
        self._prior = prior.astype(F32)
        self.model = build(self._tf, self._layers, width, len(marked), self._prior, recipe.decay)

    def as_set(
        self, part: Samples, weight: Floats, origin: Literal["real", "synthetic"], run: str = "", version: str = ""
    ) -> TrainingSet:
        """As `models.debias` takes it."""
        future = part.future
        if len(future):
            future = (future - self._scales[:, 1:]) / self._scales[:, :1]
        groups = None
        if origin == "synthetic":
            groups = None if self._synthetic is None else self._synthetic.context
        elif self._context is not None:
            groups = self._context[_rows_of(self._samples, part)]
        y = targets_of(part.labels, future, weight)
        return training_set(self.inputs(part.X), y, origin, groups, run=run, twin_version=version)

    def learner(self, recipe: Recipe) -> KerasLearner:
        """Of the model, not yet taught."""
        optimizer = self._tf.keras.optimizers.Adam(recipe.rate, clipnorm=5.0)
        return KerasLearner(self.model, self._loss(), optimizer)

    def _loss(self) -> Any:
        return loss_of(self._tf, self._K, self._levels)

    def steps(self) -> int:
        """Steps of an epoch."""
        twin = self._synthetic if objective_named(self._recipe.objective).synthetic else None
        return -(-len((self._own if twin is None else twin.samples).time) // self._recipe.batch)

    def train(
        self,
        learner: Learner,
        epochs: int,
        validation: TrainingSet | Callable[[], float],
        progress: Progress = unwatched,
        lam: Floats | None = None,
    ) -> None:
        """Let it learn; the label model, where it is taught a twin's samples, first.

        The correction grows as if all epochs of the recipe were taken: whoever stops on the way, and whoever takes as
        many again, learns by the same objective.

        Args:
            lam: Of each epoch, where an earlier training has found it, `[epochs, num_contexts]`.
        """
        recipe, twin = self._recipe, self._synthetic
        objective = objective_named(recipe.objective)
        moves = objective.lam in ("tuned", "context")
        real = self.as_set(self._own, self._weight, "real")
        made = real._replace(x=real.x[:0], y=None, origin="synthetic", context=real.context[:0])
        if twin is not None:
            weight = twin.samples.weight / twin.samples.weight.mean()
            made = self.as_set(twin.samples, weight, "synthetic", twin.run, twin.twin_version)
            self._shift = shift_of(real.x, made.x, recipe.seed)
            if objective.lam != "none":  # what is taken off real inputs must be what was added on the twin's
                made = made.weighted(self._shift.weight)
        checked = None
        if isinstance(validation, TrainingSet):
            # Gradients of each of these are computed at every step: some are enough.
            checked = validation.take(np.unique(np.linspace(0, validation.size - 1, LAM_FROM).astype(np.int64)))
        train_learner(
            learner, recipe.objective, real, made, self._label_model(made, progress), epochs=epochs,
            contexts=self._contexts(), batch=recipe.batch, real_batch=min(recipe.batch, real.size), seed=recipe.seed,
            validation=validation, held_out=checked if objective.lam == "context" else None,
            ramp_epochs=recipe.epochs, lam=lam if moves else None, heard=self._lam.append if moves else None,
        )  # fmt: skip

    def _label_model(self, made: TrainingSet, progress: Progress) -> LabelModel | Fixed | None:
        """The twin's, or one that is taught the twin's samples now."""
        twin = self._synthetic
        if twin is None or twin.label_model != TWIN:
            return None if twin is None else twin.label_model  # type: ignore[return-value]
        model = build(self._tf, self._layers, made.x.shape[1], 0, self._prior, self._recipe.decay)
        learner = KerasLearner(model, self._loss(), self._tf.keras.optimizers.Adam(self._recipe.rate, clipnorm=5.0))
        return taught(learner, model, made, self._K, self._recipe, progress)

    def _contexts(self) -> int | None:
        """How many there are, in the real and in the synthetic samples alike."""
        given = [self._context, None if self._synthetic is None else self._synthetic.context]
        most = [int(one.max(initial=0)) for one in given if one is not None]
        return max(most) + 1 if most else None

    def outputs(self, part: Samples) -> Floats:
        """What it says of samples, `[num_outputs, N]`."""
        return np.asarray(self.model(self.inputs(part.X), training=False)).T

    def fitted(self, calibration: Floats, losses: list[float], best: int, ended: str) -> Fitted:
        """Its weights, with the calibration in those of the last layer."""
        arrays = arrays_of(self.model)
        last, K = len(self._layers) - 1, self._K
        arrays[f"{last}/weights"][:K] *= calibration[:, :1].astype(F32)
        arrays[f"{last}/bias"][:K] = arrays[f"{last}/bias"][:K] * calibration[:, 0] + calibration[:, 1]
        arrays |= {"mean": self._mean, "deviation": self._deviation}
        return Fitted(
            arrays, self._layers, self._scales, losses, best, calibration, ended, len(self._own.time), self.model,
            self.inputs, np.stack(self._lam) if self._lam else np.empty((0, 0)),
            {} if self._shift is None else self._shift.told(),
        )  # fmt: skip


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
