"""Trains a network on few real pairs and many of a twin that may be wrong.

    from models.debias import Fixed, train, training_set

    real = training_set(x, y, "real", context, run="2026-05")
    synthetic = training_set(x_twin, None, "synthetic", context_twin, run="nightly", twin_version="7")
    history = train(model, "cdr", real, synthetic, Fixed(twin), loss="mse", epochs=40, seed=0)

`erm` ignores the twin, `p-erm` believes it, the others correct it by what it gets wrong on real inputs; see
`models.debias_objectives` for the equations and docs/debias.md for which to take when.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.debias_keras import KerasLearner, Loss
from models.debias_labels import Fixed, Labeller, LabelModel, Labels, label
from models.debias_lam import lam_of
from models.debias_learner import Learner
from models.debias_objectives import OBJECTIVES, Objective, objective_named, weights
from models.debias_sets import TrainingSet, training_set
from twin.errors import ConfigurationError

__all__ = [
    "BATCH",
    "OBJECTIVES",
    "Fixed",
    "History",
    "KerasLearner",
    "LabelModel",
    "Labeller",
    "Learner",
    "Objective",
    "TrainingSet",
    "train",
    "train_learner",
    "training_set",
]

Floats = NDArray[Any]
Ints = NDArray[np.int64]
Validation = TrainingSet | Callable[[], float] | None

BATCH = 1024


class History(NamedTuple):
    """How training went, one row an epoch.

    Attributes:
        loss: The objective, mean over batches, `[epochs]`.
        validation: Mean loss on the validation set, `[epochs]`; NaN without one.
        lam: How much each context's labels were believed, mean over batches, `[epochs, num_contexts]`.
        best: The epoch whose weights were kept: the last without a validation set.
        real, synthetic: Run and version of the twin of what was learnt from.
    """

    loss: Floats
    validation: Floats
    lam: Floats
    best: int
    real: tuple[str, str]
    synthetic: tuple[str, str]


def train(
    model: Any,
    objective: str | Objective,
    real: TrainingSet,
    synthetic: TrainingSet,
    label_model: LabelModel | Fixed | None = None,
    *,
    loss: Loss,
    contexts: int | None = None,
    epochs: int,
    batch: int = BATCH,
    seed: int,
    real_batch: int | None = None,
    validation: Validation = None,
    held_out: TrainingSet | None = None,
    folds: int = 5,
    mean_labels: bool = False,
    optimizer: Any = None,
    last: int | None = None,
) -> History:
    """Train a Keras model in place.

    Args:
        model: Of Keras, built, with one input.
        objective: One of `OBJECTIVES`.
        synthetic: Without labels where `label_model` gives them.
        label_model: The twin: `Fixed`, or one to be calibrated on real pairs; none for `erm`, and for `p-erm` on
            synthetic pairs that have labels.
        loss: One value a sample: a name of Keras, or a function of labels and predictions.
        contexts: How many there are; none: as many as the sets have.
        batch: Synthetic samples a step.
        seed: Of folds and batches; the model's weights are the caller's.
        real_batch: Real samples a step; none: all.
        validation: Real pairs, or a function that gives a loss: the weights of the epoch with the least are kept.
        held_out: Real pairs that lam is computed from; none: from those of the batch, as published. A network that
            knows its own real pairs by heart has no gradient there and would never believe the twin.
        folds: K of the cross objectives.
        mean_labels: The loss is linear in the label (cross-entropy), so the K models' labels may be averaged.
        optimizer: Of Keras; none: AdamW with a rate of 5e-4.
        last: lam from the last so many trainable arrays; none: from all.

    Raises:
        ConfigurationError: Sets, objective and label model don't fit each other.
    """
    learner = KerasLearner(model, loss, optimizer, last)
    return train_learner(
        learner, objective, real, synthetic, label_model, contexts=contexts, epochs=epochs, batch=batch, seed=seed,
        real_batch=real_batch, validation=validation, held_out=held_out, folds=folds, mean_labels=mean_labels,
    )  # fmt: skip


def train_learner(
    learner: Learner,
    objective: str | Objective,
    real: TrainingSet,
    synthetic: TrainingSet,
    label_model: LabelModel | Fixed | None = None,
    *,
    contexts: int | None = None,
    epochs: int,
    batch: int = BATCH,
    seed: int,
    real_batch: int | None = None,
    validation: Validation = None,
    held_out: TrainingSet | None = None,
    folds: int = 5,
    mean_labels: bool = False,
    ramp_epochs: int | None = None,
    lam: Floats | None = None,
    heard: Callable[[Floats], object] | None = None,
) -> History:
    """The same for a network that isn't of Keras; see `train`.

    Args:
        ramp_epochs: Epochs in which the correction grows to 1; none: all there are. A training that takes fewer stops
            on the way, and one that is to repeat it must not climb faster.
        lam: Of each epoch, `[epochs, num_contexts]`, where another training has found it; none: from gradients.
        heard: Hears lam of each epoch, `[num_contexts]`, before the epoch is checked: a learner may end training there.
    """
    chosen = objective_named(objective)
    if not real.size or (chosen.synthetic and not synthetic.size) or epochs < 1 or batch < 1:
        raise ConfigurationError(f"{real.size} real and {synthetic.size} synthetic samples can't train {chosen.name}")
    if real.origin != "real" or synthetic.origin != "synthetic":
        raise ConfigurationError(f"sets of origin {real.origin} and {synthetic.origin} are given; give real, synthetic")
    labels = label(chosen, real, synthetic, label_model, folds=folds, seed=seed, held_out=held_out, mean=mean_labels)
    plan = _Plan(chosen, real.take(labels.rows), synthetic, labels, contexts, batch, real_batch, held_out)
    if lam is not None and np.shape(lam) != (epochs, plan.contexts):
        raise ConfigurationError(f"lam of {np.shape(lam)} was given for {epochs} epochs of {plan.contexts} contexts")
    rng = np.random.default_rng([seed, 29])
    losses, checks, lams = np.zeros(epochs), np.full(epochs, np.nan), np.zeros((epochs, plan.contexts))
    ramp = ramp_epochs or epochs
    best, kept = epochs - 1, None
    for epoch in range(epochs):
        beta = min(1.0, epoch / (ramp - 1)) if ramp > 1 else 1.0
        losses[epoch], lams[epoch] = plan.epoch(learner, beta, rng, None if lam is None else lam[epoch])
        if heard is not None:
            heard(lams[epoch])
        if validation is not None:
            checks[epoch] = _check(learner, validation)
            if kept is None or checks[epoch] < checks[best]:
                best, kept = epoch, learner.parameters()
    if kept is not None:
        learner.put(kept)
    origin = [(one.run, one.twin_version) for one in (real, synthetic)]
    return History(losses, checks, lams, best, *origin)


def _check(learner: Learner, validation: TrainingSet | Callable[[], float]) -> float:
    if isinstance(validation, TrainingSet):
        return float(np.mean(learner.losses(validation.x, validation.labels)))
    return validation()


class _Plan:
    """Batches of one training, and their weights."""

    def __init__(
        self,
        objective: Objective,
        real: TrainingSet,
        synthetic: TrainingSet,
        labels: Labels,
        contexts: int | None,
        batch: int,
        real_batch: int | None,
        held_out: TrainingSet | None,
    ) -> None:
        self._held_out = held_out
        self.objective, self.real, self.synthetic, self.labels = objective, real, synthetic, labels
        used = [s.context for s in ((real, synthetic) if objective.synthetic else (real,))]
        seen = 1 + max(int(c.max()) for c in used)
        self.contexts = contexts or seen
        if seen > self.contexts:
            raise ConfigurationError(f"the sets have {seen} contexts, {self.contexts} were told")
        self._batch, self._real_batch = batch, real_batch or real.size
        self._totals = np.bincount(synthetic.context, minlength=self.contexts)

    def epoch(
        self, learner: Learner, beta: float, rng: np.random.Generator, lam: Floats | None = None
    ) -> tuple[float, Floats]:
        """One pass over the synthetic set, or over the real one where no other counts."""
        if self.objective.synthetic:
            order = rng.permutation(self.synthetic.size)
            parts = np.array_split(order, -(-len(order) // self._batch))  # no small rest, which would weigh too much
            reals = [self._some_real(rng) for _ in parts]
        else:
            order = rng.permutation(self.real.size)
            reals = [np.sort(part) for part in np.array_split(order, -(-len(order) // self._real_batch))]
            parts = [order[:0]] * len(reals)
        found = [self._step(learner, beta, own, part, lam) for own, part in zip(reals, parts, strict=True)]
        return float(np.mean([loss for loss, _ in found])), np.mean([used for _, used in found], axis=0)

    def _some_real(self, rng: np.random.Generator) -> Ints:
        if self._real_batch >= self.real.size:
            return np.arange(self.real.size)
        return np.sort(rng.choice(self.real.size, self._real_batch, replace=False))

    def _step(self, learner: Learner, beta: float, own: Ints, part: Ints, given: Floats | None) -> tuple[float, Floats]:
        real, made, labels = self.real.take(own), self.synthetic.take(part), self.labels
        lam = self._lam(learner, real, labels.real[own], made.context) if given is None else given
        sizes = self.real.size, self.synthetic.size
        w = weights(self.objective, real.context, made.context, lam, beta=beta, sizes=sizes)
        models, n = len(labels.synthetic), len(own)
        at, theirs = np.arange(n), np.arange(n, n + len(part))
        terms = [(at, real.labels, w.real)]
        if w.corrected.any():
            terms.append((at, labels.real[own], -w.corrected))
        if len(part):
            counts = w.synthetic / models if made.weight is None else w.synthetic * made.weight / models
            terms += [(theirs, labels.synthetic[k][part], counts) for k in range(models)]
        rows, y, weight = (np.concatenate([term[i] for term in terms]) for i in range(3))
        x = np.concatenate([real.x, made.x]) if len(part) else real.x
        return learner.step(x, rows, y, weight), lam

    def _lam(self, learner: Learner, real: TrainingSet, f: Floats, unlabelled: Ints) -> Floats:
        kind = self.objective.lam
        if kind in ("none", "one"):
            return np.full(self.contexts, float(kind == "one"))
        labelled = np.bincount(real.context, minlength=self.contexts)
        own = real
        if self._held_out is not None and self.labels.held_out is not None:
            own, f = self._held_out, self.labels.held_out
        seen = learner.moments(own.x, own.labels, f, own.context, self.contexts)
        # The published context-aware rule counts the batch; the tuned estimators speak of the whole sets.
        counts: Floats = np.bincount(unlabelled, minlength=self.contexts)
        if not self.objective.ramp:
            counts = self._totals * real.size / self.real.size
        if kind == "tuned":
            return np.full(
                self.contexts, lam_of(seen.pooled(), labelled.sum(keepdims=True), counts.sum(keepdims=True))[0]
            )
        return lam_of(seen, labelled, counts)
