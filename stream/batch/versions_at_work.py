"""Versions of batch models at work beside online models: one is champion of a target, the others run in shadow.

What congestion (`stream.batch.counters`) and failures (`stream.failing.batch`) have in common. Each version keeps what
it has said, and for each online model the blends of both, which learn as the labels mature. Champion and shadows are
compared on the same events. A model that no target uses is not run. Nothing but `install`, `crown` and `retire`, which
follow events of the log, and the boundaries change what predictions rest on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.blend import Blend, Combined, Mode
from models.network import Network
from models.stacked import Ring, Stacked
from twin.expectation import Rows
from twin.parts import Part, gathered, scattered

F32 = np.float32
Floats = NDArray[Any]

BATCH = "batch"
"""Stands for the batch model among the drivers of a prediction; its number is the first that no feature has."""


class Beside(NamedTuple):
    """An online model, as far as it concerns a batch model beside it.

    Attributes:
        targets: Their names.
        depth: Steps until a label has surely matured.
    """

    targets: tuple[str, ...]
    depth: int


class Spoken(NamedTuple):
    """What a champion says of one target.

    Attributes:
        name: Of the version.
        blend: Of it and the online model.
        log_odds: Of the batch model alone, `[n]`.
        combined: Of both.
    """

    name: str
    blend: Blend
    log_odds: Floats
    combined: Combined

    def added(self, rows: Rows | slice = slice(None)) -> Floats:
        """Log-odds that it adds, by how much its own differ from what they are on average, `[num_rows]`."""
        moved = self.log_odds[rows] - F32(self.blend.average)
        added: Floats = np.where(np.isnan(moved), F32(0), moved) * self.combined.batch[rows]
        return added


class AtWork(ABC):
    """A version at work: its network, and beside each online model the blends.

    Attributes:
        targets: That it runs for here.
        speaks: Those of them that it is the champion of.
        stacked: One for each online model.
    """

    def __init__(self, artifact: ModelArtifact, targets: Sequence[str], beside: Sequence[Beside], mode: Mode) -> None:
        self.targets = frozenset(targets)
        self.speaks: frozenset[str] = frozenset()
        self.network = Network(artifact)
        at = {name: k for k, name in enumerate(artifact.targets)}
        self.stacked = [Stacked([at.get(t, -1) for t in online.targets], online.depth, mode) for online in beside]

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        for stacked in self.stacked:
            stacked.grow(n)

    @abstractmethod
    def _parts(self) -> Mapping[str, Part]: ...

    def state(self) -> dict[str, Floats]:
        """Everything learnt or looked up, as arrays."""
        return gathered(self._parts())

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), state)


V = TypeVar("V", bound=AtWork)


class VersionsAtWork(ABC, Generic[V]):
    """Those beside some online models.

    Args:
        beside: One an online model.
        mode: See `models.blend`.

    Attributes:
        versions: By name, sorted.
    """

    def __init__(self, beside: Sequence[Beside], mode: Mode) -> None:
        self.beside = beside
        self.mode = mode
        self.versions: dict[str, V] = {}
        self._unfit: dict[str, list[str]] = {}
        """Versions that nothing here can be asked of."""
        self._n = 0
        self._rest()

    def _rest(self) -> None:
        """Hold nothing: there is no version."""
        self._online = [Ring(("online",), len(online.targets), online.depth) for online in self.beside]
        self._day = -1

    # Events of the log ----------------------------------------------------------------------------------------------

    @abstractmethod
    def _fits(self, artifact: ModelArtifact) -> bool:
        """Whether there is anything here to run it on."""

    @abstractmethod
    def _begun(self, artifact: ModelArtifact, targets: Sequence[str]) -> V:
        """A version that has said nothing yet."""

    def installed(self) -> dict[str, list[str]]:
        """Targets of each version that was installed, sorted."""
        return {name: sorted(version.targets) for name, version in self.versions.items()} | self._unfit

    def install(self, model: str, artifact: ModelArtifact, targets: Sequence[str]) -> None:
        """Let a version run in shadow for these targets, from the next record on; see `crown`.

        A version that runs already keeps what it has filed and its blends have learnt.
        """
        if not self._fits(artifact):
            self._unfit[model] = sorted(targets)
            return
        version = self.versions.get(model)
        if version is not None:
            version.targets = frozenset(targets)
            version.speaks &= version.targets
            return
        new = self._begun(artifact, targets)
        self._succeed(model, new)
        self.versions = dict(sorted((self.versions | {model: new}).items()))
        self.grow(self._n)

    def _succeed(self, model: str, new: V) -> None:
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
        """Say which version speaks for each target, from the next record on; the others run in shadow.

        Args:
            champions: By target; a version that isn't installed, or `online`, leaves it to the online model.
        """
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
            version.grow(n)

    # At a boundary --------------------------------------------------------------------------------------------------

    def _stacked(self) -> Iterator[Stacked]:
        return (stacked for version in self.versions.values() for stacked in version.stacked)

    def _age(self, day: int) -> None:
        """What is older than the last weeks is forgotten day by day."""
        if self._day < day:
            for stacked in self._stacked():
                stacked.decay(day - self._day if self._day >= 0 else 0)
            self._day = day

    # Snapshot -------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Part]:
        online: dict[str, Part] = {f"online{k}": ring for k, ring in enumerate(self._online)}
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
            raise ValueError("the batch models of the state aren't those that its registry names")
        if state:
            self._day = int(state["day"][0])
            scattered(self._parts(), state)
