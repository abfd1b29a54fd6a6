"""Batch models of failures in the fold: those of one kind of objects, who speaks, who runs in shadow.

As with congestion (`stream.batch_models`) the online head corrects what a batch model says, by a blend that learns as
labels mature. Both see the same features at the same step, so champion and shadows are always compared on the same
events. Shadows are asked only at the steps whose predictions wait for their labels (`FailureHead.stride`), the champion
at each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.blend import Blend, Combined, Mode
from models.failure import FailureHead, MaturedFailures, cleaned
from models.failure_names import of_kind
from models.failure_signals import feature_names
from models.logit import sigmoid
from models.network import Network
from models.stacked import Ring, Stacked
from twin.model_events import ONLINE
from twin.parts import gathered, scattered

F32 = np.float32
DAY_MS = 86_400_000
Floats = NDArray[Any]


class Spoken(NamedTuple):
    """What is published of one target where a batch model takes part.

    Attributes:
        name: Of the version.
        blend: Of it and the online head.
        batch: Log-odds of the batch model alone, `[n]`.
        combined: Of both.
    """

    name: str
    blend: Blend
    batch: Floats
    combined: Combined


class FailureVersion:
    """One version at work: its network, and beside each head a blend.

    Attributes:
        targets: Names (of the kind) that it runs for here.
        speaks: Those of them that it is the champion of.
    """

    def __init__(
        self, artifact: ModelArtifact, targets: Sequence[str], names: Sequence[str], depths: Sequence[int], mode: Mode
    ) -> None:
        self.targets = frozenset(targets)
        self.speaks: frozenset[str] = frozenset()
        self.network = Network(artifact)
        at = {name: k for k, name in enumerate(artifact.targets)}
        self.stacked = [Stacked([at.get(name, -1)], depth, mode) for name, depth in zip(names, depths, strict=True)]

    def state(self) -> dict[str, Floats]:
        """Everything learnt, as arrays."""
        return gathered(dict(enumerate_parts(self.stacked)))

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(dict(enumerate_parts(self.stacked)), state)


class FailureBatch:
    """Those of one kind of objects.

    Args:
        heads: Online, one a target.
        step_ms: Between two predictions [ms].
        mode: See `models.blend`.
    """

    def __init__(self, kind: str, heads: Sequence[FailureHead], step_ms: int, mode: Mode) -> None:
        self.kind, self.heads, self.step_ms, self.mode = kind, heads, step_ms, mode
        self.names = [of_kind(head.target.name, kind) for head in heads]
        self.versions: dict[str, FailureVersion] = {}
        self._unfit: dict[str, list[str]] = {}
        self._n = 0
        self._rest()

    def _rest(self) -> None:
        """Hold nothing: there is no version."""
        self._online = [Ring(("online",), 1, _depth(head)) for head in self.heads]
        self._day = -1

    # Events of the log ----------------------------------------------------------------------------------------------

    def installed(self) -> dict[str, list[str]]:
        """Targets of each version that was installed, sorted."""
        return {name: sorted(version.targets) for name, version in self.versions.items()} | self._unfit

    def install(self, model: str, artifact: ModelArtifact, targets: Sequence[str]) -> None:
        """Let a version run in shadow for these targets, from the next step on; see `crown`."""
        fits = artifact.kind == "failure" and artifact.granularity_ms == self.step_ms
        if not fits or artifact.features != feature_names(self.kind):
            self._unfit[model] = sorted(targets)
            return
        version = self.versions.get(model)
        if version is not None:
            version.targets = frozenset(targets)
            version.speaks &= version.targets
            return
        new = FailureVersion(artifact, targets, self.names, [_depth(head) for head in self.heads], self.mode)
        self._succeed(model, new)
        self.versions = dict(sorted((self.versions | {model: new}).items()))
        self.grow(self._n)

    def _succeed(self, model: str, new: FailureVersion) -> None:
        """Versions of one model err alike: its blends begin where those of the one that speaks have come to."""
        same = [v for name, v in self.versions.items() if name.partition("@")[0] == model.partition("@")[0]]
        same = [v for v in same if not v.targets.isdisjoint(new.targets)]
        before = next((v for v in same if v.speaks), same[-1] if same else None)
        if before is not None:
            for own, other in zip(new.stacked, before.stacked, strict=True):
                own.follow(other)

    def retire(self, model: str) -> None:
        """Let a version rest; with the last one the memory of all is given back."""
        self._unfit.pop(model, None)
        if self.versions.pop(model, None) is not None and not self.versions:
            self._rest()

    def crown(self, champions: Mapping[str, str]) -> None:
        """Say which version speaks for each target, from the next step on; the others run in shadow."""
        for name, version in self.versions.items():
            version.speaks = version.targets & {target for target, model in champions.items() if model == name}

    def grow(self, n: int) -> None:
        """Make room for `n` objects; takes memory only while there is a batch model."""
        self._n = n
        if not self.versions:
            return
        for online in self._online:
            online.columns.grow(n)
        for version in self.versions.values():
            for stacked in version.stacked:
                stacked.grow(n)

    # At a step ------------------------------------------------------------------------------------------------------

    def begin(self, step: int) -> None:
        """A step is taken: what is older than the last weeks is forgotten day by day."""
        day = step * self.step_ms // DAY_MS
        if self.versions and self._day < day:
            for version in self.versions.values():
                for stacked in version.stacked:
                    stacked.decay(day - self._day if self._day >= 0 else 0)
            self._day = day

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

    # Snapshot -------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Any]:
        online = {f"online{k}": ring for k, ring in enumerate(self._online)}
        return online | {f"version{k}": version for k, version in enumerate(self.versions.values())}

    def state(self) -> dict[str, Floats]:
        """Everything learnt, as arrays; which versions there are is known to who installs them."""
        if not self.versions:
            return {}
        names = np.frombuffer("\n".join(self.versions).encode(), dtype=np.uint8)
        return {"day": np.array([self._day]), "names": names} | gathered(self._parts())

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned, after the same versions have been installed.

        Raises:
            ValueError: They are others.
        """
        named = state["names"].tobytes().decode() if state else ""
        if named != "\n".join(self.versions):
            raise ValueError("the batch models of failures aren't those that the registry names")
        if state:
            self._day = int(state["day"][0])
            scattered(self._parts(), state)


def enumerate_parts(stacked: Sequence[Stacked]) -> list[tuple[str, Stacked]]:
    """The stacks of a version by name, one a head."""
    return [(f"head{k}", one) for k, one in enumerate(stacked)]


def _depth(head: FailureHead) -> int:
    """Steps that wait for their labels at once."""
    return -(-head.horizon // head.stride)
