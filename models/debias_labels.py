"""The twin as a source of labels, and which real pairs it may have seen when it labels.

A label model that was fitted on a pair agrees with it better than with the rest of the world: lam would be too large
and the correction too small. So labels of real inputs always come from a model that was fitted without them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from models.debias_objectives import Objective
from models.debias_sets import TrainingSet
from twin.errors import ConfigurationError

Array = NDArray[Any]
Ints = NDArray[np.int64]

Labeller = Callable[[Array], Array]
"""Inputs `[n, ...]` -> labels `[n, ...]`, in the form the loss takes."""


class LabelModel(Protocol):
    """A twin that can be calibrated on real pairs."""

    def fit(self, real: TrainingSet, seed: int) -> Labeller:
        """A labeller calibrated on these pairs."""


class Fixed(NamedTuple):
    """A twin as it is: it has never seen the real pairs, and so may label all of them."""

    label: Labeller


class Labels(NamedTuple):
    """The twin's labels.

    Attributes:
        rows: Real pairs that are left for the objective, `[n]`.
        real: Their labels by a model that hasn't seen them, `[n, ...]`.
        synthetic: Of the synthetic inputs by each of the K models, `[K, N, ...]`.
        held_out: Of the held-out inputs, if there are such.
    """

    rows: Ints
    real: Array
    synthetic: Array
    held_out: Array | None = None


def label(
    objective: Objective,
    real: TrainingSet,
    synthetic: TrainingSet,
    model: LabelModel | Fixed | None,
    *,
    folds: int = 5,
    share: float = 0.5,
    seed: int = 0,
    held_out: TrainingSet | None = None,
    mean: bool = False,
) -> Labels:
    """Labels for an objective.

    Args:
        model: None where the synthetic set brings its labels and nothing labels real inputs: for ERM and P-ERM.
        folds: K of the cross objectives.
        share: Of the real pairs that goes to the label model in PPI.
        held_out: Pairs that no label model may be fitted on.
        mean: Average the labels of the K models.

    Raises:
        ConfigurationError: The objective needs a label model, or there are too few pairs to fit one without some.
    """
    every = np.arange(real.size)
    if not objective.synthetic:
        return Labels(every, real.labels, real.labels[None, :0])
    if model is None:
        if objective.lam != "none":
            raise ConfigurationError(
                f"{objective.name} compares the twin's labels of real inputs with the real ones; give a label model"
            )
        return Labels(every, real.labels, synthetic.labels[None])
    if isinstance(model, Fixed):
        return Labels(every, model.label(real.x), model.label(synthetic.x)[None], _held(model.label, held_out))
    if objective.fit == "all":
        fitted = model.fit(real, seed)
        return Labels(every, real.labels, fitted(synthetic.x)[None])
    order = np.random.default_rng([seed, 17]).permutation(real.size)
    if objective.fit == "split":
        used = round(share * real.size)
        if not 0 < used < real.size:
            raise ConfigurationError(f"{real.size} real pairs can't be divided between label model and objective")
        fitted, left = model.fit(real.take(np.sort(order[:used])), seed), np.sort(order[used:])
        return Labels(left, fitted(real.x[left]), fitted(synthetic.x)[None], _held(fitted, held_out))
    if not 2 <= folds <= real.size:
        raise ConfigurationError(f"{real.size} real pairs can't be divided into {folds} folds")
    parts = [np.sort(order[k::folds]) for k in range(folds)]
    fits = [model.fit(real.take(np.setdiff1d(every, part)), seed + k) for k, part in enumerate(parts)]
    joined = np.concatenate([fit(real.x[part]) for fit, part in zip(fits, parts, strict=True)])
    made = np.stack([fit(synthetic.x) for fit in fits])
    return Labels(
        every,
        joined[np.argsort(np.concatenate(parts))],
        made.mean(axis=0, keepdims=True) if mean else made,
        _held(fits[0], held_out),
    )


def _held(fitted: Labeller, held_out: TrainingSet | None) -> Array | None:
    return None if held_out is None else fitted(held_out.x)
