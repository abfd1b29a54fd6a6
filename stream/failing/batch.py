"""Batch models of failures in the fold: those of one kind of objects, who speaks, who runs in shadow.

As with congestion (`stream.batch.counters`) the online head corrects what a batch model says, by a blend that learns as
labels mature. Both see the same features at the same step, so champion and shadows are always compared on the same
events. Shadows are asked only at the steps whose predictions wait for their labels (`FailureHead.stride`), the champion
at each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.blend import Mode
from models.failure.heads import FailureHead, MaturedFailures, cleaned
from models.failure.names import of_kind
from models.failure.signals import feature_names
from models.failure.usual import DAY_MS
from models.logit import sigmoid
from models.stacked import Stacked
from stream.batch.versions_at_work import AtWork, Beside, Spoken, VersionsAtWork
from twin.model_events import ONLINE

Floats = NDArray[Any]


class FailureVersion(AtWork):
    """One version at work, with one blend beside each head."""

    def _parts(self) -> dict[str, Stacked]:
        return {f"head{k}": stacked for k, stacked in enumerate(self.stacked)}


class FailureBatch(VersionsAtWork[FailureVersion]):
    """Those of one kind of objects.

    Args:
        heads: Online, one a target.
        step_ms: Between two predictions [ms].
        mode: See `models.blend`.
    """

    def __init__(self, kind: str, heads: Sequence[FailureHead], step_ms: int, mode: Mode) -> None:
        self.kind, self.heads, self.step_ms = kind, heads, step_ms
        self.names = [of_kind(head.target.name, kind) for head in heads]
        super().__init__([Beside((name,), _depth(head)) for name, head in zip(self.names, heads, strict=True)], mode)

    def _fits(self, artifact: ModelArtifact) -> bool:
        if artifact.kind != "failure" or artifact.granularity_ms != self.step_ms:
            return False
        return artifact.features == feature_names(self.kind)

    def _begun(self, artifact: ModelArtifact, targets: Sequence[str]) -> FailureVersion:
        return FailureVersion(artifact, targets, self.beside, self.mode)

    # At a step ------------------------------------------------------------------------------------------------------

    def begin(self, step: int) -> None:
        """A step is taken."""
        if self.versions:
            self._age(step * self.step_ms // DAY_MS)

    def learn(self, k: int, matured: MaturedFailures) -> dict[str, NDArray[np.float64]]:
        """Labels of target `k` have matured: the blends learn them.

        Returns:
            Probabilities that each version would have published, `[num_labels]` each; those of the online head alone
            under `twin.model_events.ONLINE`. NaN: it had said nothing. Empty where there is no version.
        """
        if not self.versions:
            return {}
        stride, name = self.heads[k].stride, self.names[k]
        said = {ONLINE: np.full(len(matured.row), np.nan)}
        said |= {n: np.full(len(matured.row), np.nan) for n, v in self.versions.items() if name in v.targets}
        for made in np.unique(matured.made).tolist():
            at = np.flatnonzero(matured.made == made)
            kept = self._online[k].get(made // stride)
            if kept is None:
                continue
            rows, online = matured.row[at], kept["online"]
            said[ONLINE][at] = sigmoid(online[0].take(rows).astype(np.float64))
            label = np.zeros(online.shape, dtype=np.bool_)
            label[0, rows] = matured.label[at]
            for n, version in self.versions.items():
                stacked = version.stacked[k]
                filed = stacked.ring.get(made // stride)
                if filed is not None and n in said:
                    said[n][at] = sigmoid(filed["blended"][0].take(rows).astype(np.float64))
                known = rows[~np.isnan(online[0].take(rows))]
                stacked.learn(made // stride, online, np.zeros_like(label), label, known)
        for version in self.versions.values():
            version.stacked[k].freeze()
        return said

    def speak(self, k: int, step: int, X: Floats, online: Floats) -> Spoken | None:
        """Ask the versions about target `k`, and keep what they say until the labels are known.

        Args:
            X: Features with the wear of this target's horizon, `[num_features, n]`.
            online: Log-odds of the head, `[n]`.

        Returns:
            What the champion says, blended; None: there is none, and the head speaks alone.
        """
        if not self.versions:
            return None
        filed, name, spoken = step % self.heads[k].stride == 0, self.names[k], None
        slot, quiet, inputs = step // self.heads[k].stride, np.zeros(len(online), dtype=np.bool_), cleaned(X)
        if filed:
            self._online[k].slot(slot)["online"][0] = online
        for model, version in self.versions.items():
            stacked = version.stacked[k]
            output = stacked.outputs[0]
            if name not in version.targets or output < 0 or not (filed or name in version.speaks):
                continue
            log_odds = version.network.log_odds(inputs)
            if filed:
                (combined,) = stacked.file(slot, slice(None), online[None], log_odds, quiet[None])
            else:
                combined = stacked.blends[0].combine(online, log_odds[output], quiet)
            if combined is not None and name in version.speaks:
                spoken = Spoken(model, stacked.blends[0], log_odds[output], combined)
        return spoken


def _depth(head: FailureHead) -> int:
    """Steps that wait for their labels at once."""
    return -(-head.horizon // head.stride)
