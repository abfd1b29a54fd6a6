"""Why a shard predicts what it predicts of one object: each prediction taken apart, as plain data.

A state is all that predictions rest on, so they are made again from it, and nothing of it changes. What comes out is
what the twin says now: of a cell's load what it said when the newest report came, of failures what its next message
would say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.artifact import unpack
from models.blend import Blend, Combined
from models.explain_any import of_network
from models.logit import sigmoid
from models.stacked import Stacked
from stream.batch.versions_at_work import AtWork, Spoken
from stream.shard import Shard

Floats = NDArray[Any]
Plain = dict[str, Any]

LEAST = 0.0005
"""Log-odds that a feature must add to be named."""
OF_BATCH = 12
"""Features of a batch model that are named."""


class Voice(NamedTuple):
    """What one batch model says of one target of one object.

    Attributes:
        state: `champion` or `shadow`.
        log_odds: Its own alone, `[1]`.
        combined: With the online model.
    """

    name: str
    state: str
    log_odds: Floats
    blend: Blend
    combined: Combined
    parts: list[Plain]

    def spoken(self) -> Spoken:
        """As the fold has it."""
        return Spoken(self.name, self.blend, self.log_odds, self.combined)

    def plain(self) -> Plain:
        """As it is printed; `counts` is by how much each model's log-odds count for this object."""
        counts = {"online": _one(self.combined.online), "batch": _one(self.combined.batch)}
        return {
            "model": self.name,
            "state": self.state,
            "probability": probability_of(self.log_odds),
            "blended_probability": probability_of(self.combined.log_odds),
            "blend": {row: round(weight, 4) for row, weight in self.blend.weights.items()},
            "counts": counts,
            "contributions": self.parts,
        }


def voice(
    shard: Shard,
    versions: Mapping[str, AtWork],
    model: str,
    which: tuple[int, int],
    target: str,
    X: Floats,
    online: Floats,
    quiet: NDArray[np.bool_],
) -> Voice | None:
    """Ask one version; None where it has learnt another target.

    Args:
        which: Number of the online model, and of the target among those of that.
        target: As the registry names it.
        X: Its features of the object, `[num_features, 1]`.
        online, quiet: Log-odds of the online model, and whether there is no trouble yet, `[1]`.
    """
    version = versions[model]
    stacked: Stacked = version.stacked[which[0]]
    output = stacked.outputs[which[1]]
    if target not in version.targets or output < 0:
        return None
    log_odds = version.network.log_odds(X)[output]
    blend = stacked.blends[which[1]]
    artifact = unpack(shard.models.artifacts[model])
    parts = of_network(version.network, X, artifact.arrays["mean"])[output, :, 0]
    named = contributions(artifact.features, X[:, 0], parts)[:OF_BATCH]
    state = "champion" if target in version.speaks else "shadow"
    return Voice(model, state, log_odds, blend, blend.combine(online, log_odds, quiet), named)


def contributions(names: Sequence[str], values: Floats, parts: Floats) -> list[Plain]:
    """Features that add something to the log-odds, with their values, largest first."""
    parts = np.nan_to_num(np.asarray(parts, dtype=np.float64))
    order = np.argsort(-np.abs(parts), kind="stable")
    return [
        {"feature": names[k], "value": rounded(values[k]), "adds": round(float(parts[k]), 4)}
        for k in order.tolist()
        if abs(parts[k]) >= LEAST
    ]


def probability_of(log_odds: Floats) -> float | None:
    """The probability of one log-odds, `[1]`."""
    return rounded(sigmoid(log_odds.astype(np.float64))[0], 6)


def rounded(value: Any, digits: int = 4) -> float | None:
    """A number for people, None for NaN."""
    found = float(value)
    return None if found != found else round(found, digits)


def _one(values: Floats) -> float:
    return round(float(values[0]), 4)
