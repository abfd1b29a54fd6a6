"""Fades of links, learnt online: features, one head a target, and what was predicted until its label is known.

Exactly the features that a prediction was made from are learnt, and exactly what was said is scored: both are kept from
a report's arrival until its period closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.heads import FailureHead, FailureTarget, Late, MaturedFailures
from models.kept import Kept
from models.links.evidence import OPEN, LinkFadeFeatures
from twin.columns import Columns
from twin.parts import Part, gathered, scattered

Floats = NDArray[Any]
Rows = NDArray[np.int64]
F32 = np.float32


class Fades(NamedTuple):
    """What is predicted of some links.

    Attributes:
        X: Features, `[num_features, n]`.
        probability: `[num_targets, n]` float32, NaN where a link isn't at risk.
        attenuation: Of the worse channel, `[n]` [dB], NaN where missing.
    """

    X: Floats
    probability: Floats
    attenuation: Floats


class FadeModel:
    """Predicts fades of all links of one granularity.

    Args:
        targets: Of kind `fade`.
        granularity_ms: Of the periods [ms].
        neighbours: Whether neighbours are listened to.
        most_open: Periods that may be open at once.
    """

    name = "online-fade"

    def __init__(
        self,
        targets: Sequence[FailureTarget],
        granularity_ms: int,
        *,
        neighbours: bool = True,
        most_open: int = OPEN,
    ) -> None:
        self.targets = list(targets)
        self.features = LinkFadeFeatures(granularity_ms, neighbours=neighbours, most_open=most_open)
        self.heads = [FailureHead(target, self.features.names, granularity_ms) for target in self.targets]
        self.columns = Columns()
        self.columns.add("used", F32, (most_open, len(self.features.names)), np.nan)
        self.columns.add("down", np.bool_)
        self.columns.add("said", F32, (most_open, len(self.targets)), np.nan)
        self._used_in = Kept(most_open)

    def grow(self, n: int) -> None:
        """Make room for `n` links."""
        self.features.grow(n)
        self.columns.grow(n)

    def write(self, rows: NDArray[np.int64], period: int, loss_db: Floats) -> Fades:
        """Take in what some links measured, and predict. Parameters stay as they are.

        Args:
            loss_db: Transmit minus receive level, `[2, n]` [dB], NaN where missing.
        """
        self.features.write(rows, period, loss_db)
        X = self.features.features(period, rows)
        slot, new = self._used_in.open(period)
        if new:
            self.columns["used"][slot] = np.nan
            self.columns["said"][slot] = np.nan
        self.columns["used"][slot][:, rows] = X
        probability = np.full((len(self.targets), len(rows)), np.nan, F32)
        for k, (head, target) in enumerate(zip(self.heads, self.targets, strict=True)):
            at_risk = (self.features.at_risk(period, target.drop_db) & ~self.columns["down"])[rows]
            probability[k] = np.where(at_risk, head.predict(X), F32(np.nan))
        self.columns["said"][slot][:, rows] = probability
        return Fades(X, probability, self.features.attenuation(period)[rows])

    def close(self, period: int, fallen: Late | None = None, down: Rows | None = None) -> list[MaturedFailures | None]:
        """A period is complete: learn the labels that it brings, file what was predicted in it.

        Args:
            fallen: Links that went down, and when: positives of every target.
            down: Those that are down now: there is nothing to predict of them.

        Returns:
            What has become known, one a target.
        """
        self.features.open(period)
        self.columns["down"][:] = False
        if down is not None:
            self.columns["down"][down] = True
        known = []
        slot = self._used_in.find(period)
        for k, (head, target) in enumerate(zip(self.heads, self.targets, strict=True)):
            known.append(_said(head.learn(period, self.features.happened(period, target.drop_db), late=fallen)))
            if slot is not None:
                used = self.columns["used"][slot]
                at_risk = self.features.at_risk(period, target.drop_db) & ~self.columns["down"]
                head.file(period, used, at_risk & ~np.isnan(used[0]))
                head.publish(period, self.columns["said"][slot][k])
        self.features.close(period)
        return known

    def _parts(self) -> dict[str, Part]:
        return {"features": self.features, **{f"head{k}": head for k, head in enumerate(self.heads)}}

    def state(self) -> dict[str, Floats]:
        """Everything but what `features.describe` says."""
        return gathered(self._parts()) | self.columns.state() | {"used_in": self._used_in.periods}

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), arrays)
        # States from before it was kept don't know what was said in the periods that are open, nor who was down.
        self.columns.restore({name: arrays[name] for name in ("used", "said", "down") if name in arrays})
        self._used_in.periods = np.array(arrays["used_in"])


def _said(matured: MaturedFailures | None) -> MaturedFailures | None:
    """Those of whom something was said: who came to be at risk after its report had come is learnt from, no more."""
    if matured is None or not (told := ~np.isnan(matured.probability)).any():
        return None
    period, *columns = matured
    return MaturedFailures(period, *(column[told] for column in columns))
