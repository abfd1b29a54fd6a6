"""A twin's samples as a source of labels: a network that is taught them, and that then labels real inputs, too.

What the objectives of `models.debias` correct is the twin's word on real inputs. A run of a twin has inputs and labels
of its own only; the network that has learnt them says what the twin would have said elsewhere.

It says so of the targets only. Of a value to come it would have to say how it is distributed, and one label says where
its middle is: taught by that, the 10 % and the 90 % quantile of the model would be the median, too. So quantiles are
learnt from measured values alone, whatever the objective.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.keras_model import MISSING
from models.batch.pacing import Paced
from models.batch.recipe import LEVELS, Progress, Recipe, unwatched
from models.debias import Fixed, KerasLearner, Labeller, LabelModel, TrainingSet
from models.debias_objectives import objective_named
from models.logit import BayesLogit, sigmoid

F32 = np.float32
Floats = NDArray[Any]

EPOCHS = 20
FARTHEST = 12.0
"""Log-odds that a fitted twin is certain at."""


def taught(
    learner: KerasLearner,
    model: Any,
    made: TrainingSet,
    num_labels: int,
    recipe: Recipe,
    progress: Progress = unwatched,
) -> LabelModel | Fixed:
    """A label model that has learnt a twin's samples.

    Args:
        model: Of Keras, that `learner` trains; its outputs are log-odds, then quantiles of each horizon.
        made: Synthetic pairs.
        num_labels: Targets among the outputs.

    Returns:
        Where the objective calibrates its twin on real pairs, one that does; else the twin as it is.
    """
    rng = np.random.default_rng([recipe.seed, 41])
    epochs, steps = min(EPOCHS, recipe.epochs), max(1, -(-made.size // recipe.batch))
    paced = Paced(learner, "teach", epochs * steps, progress)
    for _ in range(epochs):
        order = rng.permutation(made.size)
        for part in np.array_split(order, steps):
            rows = np.sort(part)
            at, share = np.arange(len(rows)), np.full(len(rows), 1 / max(len(rows), 1))
            paced.step(made.x[rows], at, made.labels[rows], share)

    def outputs(x: Floats) -> Floats:
        return np.asarray(model(x.astype(F32), training=False))

    if objective_named(recipe.objective).ramp:
        return Fixed(lambda x: _labels(outputs(x), num_labels))
    return Calibrated(outputs, num_labels)


class Calibrated(NamedTuple):
    """The taught network, its log-odds stretched and shifted as real pairs say."""

    outputs: Labeller
    num_labels: int

    def fit(self, real: TrainingSet, seed: int) -> Labeller:  # noqa: ARG002 - nothing is drawn
        """A labeller that agrees with these pairs on the average."""
        out, K = self.outputs(real.x), self.num_labels
        lines = []
        for k in range(K):
            known = real.labels[:, k] > MISSING / 2
            line = BayesLogit(newton_steps=25).start(["twin", "one"], {"twin": (1.0, 1.0), "one": (0.0, 2.0)})
            if known.any():
                line.learn(_line(out[known, k]), real.labels[known, k].astype(np.float64))
            lines.append(line)

        def labeller(x: Floats) -> Floats:
            raw = self.outputs(x)
            made = _labels(raw, K)
            for k, line in enumerate(lines):
                made[:, k] = sigmoid(line.log_odds(_line(raw[:, k])))
            return made

        return labeller


def _labels(out: Floats, num_labels: int) -> Floats:
    """Outputs as the loss takes labels, `[N, K + H + 1]`: probabilities, no values, and the weight of one sample."""
    probability = sigmoid(np.clip(out[:, :num_labels].astype(np.float64), -FARTHEST, FARTHEST))
    untold = np.full((len(out), (out.shape[1] - num_labels) // len(LEVELS)), MISSING)
    return np.concatenate([probability, untold, np.ones((len(out), 1))], axis=1).astype(F32)


def _line(log_odds: Floats) -> Floats:
    bounded = np.clip(log_odds.astype(np.float64), -FARTHEST, FARTHEST)
    return np.stack([bounded, np.ones_like(bounded)])
