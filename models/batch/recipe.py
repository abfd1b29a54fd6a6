"""How a batch model is trained, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.samples import Samples
from models.debias import Fixed, LabelModel
from models.layers import Layer

Floats = NDArray[Any]
Progress = Callable[[str, float], bool]
"""Told the stage and how much of it is done [%]; False ends training with the best so far."""

LEVELS = (0.1, 0.5, 0.9)
"""Of the quantiles."""


TWIN: Final = "twin"


class Recipe(NamedTuple):
    """How to train.

    Attributes:
        units: Of the hidden layers.
        batch: Samples a step.
        patience: Epochs without a gain on the validation part after which training ends.
        decay: L2 penalty of the weights.
        scale: What counts as one deviation of every feature, whose mean is taken for 0; 0: both are measured.
        apart: AUC of real against synthetic inputs above which the report warns, see `models.debias_shift`.
    """

    units: tuple[int, ...] = (24, 24)
    epochs: int = 40
    batch: int = 1024
    rate: float = 2e-3
    patience: int = 5
    decay: float = 1e-5
    objective: str = "erm"
    seed: int = 0
    scale: float = 0.0
    apart: float = 0.95


class Synthetic(NamedTuple):
    """What a twin adds: inputs that it labels itself, and how.

    Attributes:
        samples: Features, labels and future values by the twin.
        label_model: Gives real inputs the twin's labels, for the objectives that correct it; see `models.debias`.
            `TWIN`: a network that is taught the twin's samples first, see `models.batch.twin_labels`.
        context: Class of each sample, as that of the real ones is told, `[N]`.
    """

    samples: Samples
    label_model: LabelModel | Fixed | Literal["twin"] | None = None
    run: str = ""
    twin_version: str = ""
    context: NDArray[np.int64] | None = None


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
        lam: How much the twin was believed, `[epochs, num_contexts]`; no row where nothing but the objective says it.
        shift: How far the twin's inputs lie from the real ones, see `models.debias_shift`; empty without a twin's.
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
    lam: Floats = np.empty((0, 0))
    shift: Mapping[str, float] = MappingProxyType({})

    def lam_told(self) -> list[dict[str, float]]:
        """lam of each context: in the first epoch, in the one whose weights these are, and their mean up to it."""
        kept = self.lam[: self.best + 1].T
        return [
            {name: round(float(x), 6) for name, x in (("first", row[0]), ("last", row[-1]), ("mean", row.mean()))}
            for row in kept
            if len(row)
        ]


def unwatched(_stage: str, _percent: float) -> bool:
    """Nobody wants to know."""
    return True
