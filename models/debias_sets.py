"""Training sets that say where they come from: measured, or made by a twin, in which run and by which version of it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import ConfigurationError

Array = NDArray[Any]
Ints = NDArray[np.int64]

Origin = Literal["real", "synthetic"]


class TrainingSet(NamedTuple):
    """Pairs to learn from.

    Attributes:
        x: Inputs, `[n, ...]`.
        y: Labels, `[n, ...]`; None for synthetic inputs which the label model has yet to label.
        origin: `real` or `synthetic`.
        context: Of each sample, an index from 0, `[n]`: cell class, radio condition, line of sight.
        run: Where the samples were recorded or made.
        twin_version: Of the twin that made them; of real ones, the twin that ran beside.
        weight: Of synthetic samples whose inputs are of another distribution than the real ones: what each counts for,
            mean 1, `[n]`, see `models.debias_shift`. None: all alike.
    """

    x: Array
    y: Array | None
    origin: Origin
    context: Ints
    run: str = ""
    twin_version: str = ""
    weight: Array | None = None

    @property
    def size(self) -> int:
        """Samples."""
        return len(self.x)

    def take(self, rows: Ints) -> TrainingSet:
        """Some of the samples."""
        y, weight = (None if one is None else one[rows] for one in (self.y, self.weight))
        return self._replace(x=self.x[rows], y=y, context=self.context[rows], weight=weight)

    def weighted(self, weight: ArrayLike) -> TrainingSet:
        """The same, each sample with its weight.

        Raises:
            ConfigurationError: It is of measured samples, there are not as many, or one is no weight.
        """
        given = np.asarray(weight, dtype=np.float64)
        if self.origin != "synthetic" or given.shape != (self.size,) or not (np.isfinite(given) & (given >= 0)).all():
            raise ConfigurationError(
                f"weights {given.shape} don't fit {self.size} {self.origin} samples, or aren't any"
            )
        return self._replace(weight=given)

    @property
    def labels(self) -> Array:
        """The labels; raises ConfigurationError where there are none."""
        if self.y is None:
            raise ConfigurationError(f"the {self.origin} set of run {self.run!r} has no labels; give a label model")
        return self.y


def training_set(
    x: ArrayLike,
    y: ArrayLike | None,
    origin: Origin,
    context: ArrayLike | None = None,
    *,
    run: str = "",
    twin_version: str = "",
) -> TrainingSet:
    """A checked set.

    Args:
        context: `[n]`; none: all samples are of one context.

    Raises:
        ConfigurationError: Lengths differ, a value is not finite, or a context is negative.
    """
    inputs = np.asarray(x)
    labels = None if y is None else np.asarray(y)
    contexts = np.zeros(len(inputs), np.int64) if context is None else np.asarray(context).astype(np.int64)
    name = f"the {origin} set of run {run!r}"
    if len(contexts) != len(inputs) or (labels is not None and len(labels) != len(inputs)):
        raise ConfigurationError(f"{name} has {len(inputs)} inputs, but not as many labels and contexts")
    for what, values in (("inputs", inputs), ("labels", labels)):
        if values is not None and not np.isfinite(values.astype(np.float64)).all():
            raise ConfigurationError(f"{name} has {what} that are not finite; leave those samples out")
    if len(contexts) and contexts.min() < 0:
        raise ConfigurationError(f"{name} has a negative context")
    return TrainingSet(inputs, labels, origin, contexts, run, twin_version)
