"""Batch models of one counter in the fold: who speaks, who runs in shadow, and what each has said of the same events.

On arrival the champions' log-odds are computed, blended with the online model's, and published. When a period closes
the shadows, and beside them the champions again, are run on its complete column, so that what is compared has seen the
same. Their labels are those that the online model learns from; a missing answer is the online model's alone.

A model that no target uses is not run. Nothing but `install`, `crown` and `retire`, which follow events of the log, and
the boundaries change what predictions rest on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.blend import Mode
from models.logit import sigmoid
from models.online import CongestionModel, Predictions
from models.stacked import Ring, Stacked
from stream.batch_inputs import Around
from stream.batch_speaking import Said, Used, blended
from stream.batch_version import Version
from twin.companions import Companions
from twin.expectation import DAY_MS, Rows, Series
from twin.model_events import ONLINE

if TYPE_CHECKING:
    from stream.channel import Channel
    from twin.state import Table
    from twin.topology import Topology

Floats = NDArray[Any]


class Judged(NamedTuple):
    """What was said of one target whose labels have matured with a period.

    Attributes:
        label: `[n]`, of the objects whose label is known and for which the online model had said something.
        said: Published or would-be probabilities by version, `[n]` each; `twin.model_events.ONLINE` is the online model
            alone, the others are blends with it. NaN: nothing.
    """

    target: str
    label: NDArray[np.bool_]
    said: dict[str, NDArray[np.float64]]


class BatchModels:
    """Those of one channel.

    Args:
        companions: Volume, users and throughput beside a load.
        models: The online models, one a horizon.
        mode: See `models.blend`.
    """

    def __init__(
        self, series: Series, companions: Companions | None, models: Sequence[CongestionModel], mode: Mode
    ) -> None:
        self.series = series
        self.companions = companions
        self.models = models
        self.mode = mode
        self._depth = series.depth
        self.versions: dict[str, Version] = {}
        self.judged: list[Judged] = []
        """Of the period that closed last."""
        self._unfit: dict[str, list[str]] = {}
        """Versions for other periods than these: there is nothing to run."""
        self._rest()
        self._n = 0

    def _rest(self) -> None:
        """Hold nothing: there is no version."""
        self._online = [Ring(("online",), len(m.targets), m.depth) for m in self.models]
        self._around = Around(self._depth)
        self._day = -1

    # Events of the log ----------------------------------------------------------------------------------------------

    def installed(self) -> dict[str, list[str]]:
        """Targets of each version that was installed, sorted."""
        return {name: sorted(version.targets) for name, version in self.versions.items()} | self._unfit

    def install(self, model: str, artifact: ModelArtifact, targets: Sequence[str]) -> None:
        """Let a version run in shadow for these targets, from the next record on; see `crown`.

        A version that runs already keeps what it has filed and its blends have learnt.
        """
        own = ("congestion", self.series.counter, self.series.granularity_ms)
        if (artifact.kind, artifact.counter, artifact.granularity_ms) != own:
            self._unfit[model] = sorted(targets)
            return
        version = self.versions.get(model)
        if version is not None:
            version.targets = frozenset(targets)
            version.speaks &= version.targets
            return
        new = Version(artifact, targets, self.models, self.mode)
        self._succeed(model, new)
        self.versions = dict(sorted((self.versions | {model: new}).items()))
        self.grow(self._n)

    def _succeed(self, model: str, new: Version) -> None:
        """Versions of one model err alike: its blends begin where those of the one that speaks have come to."""
        id_ = model.partition("@")[0]
        same = [
            version
            for name, version in self.versions.items()
            if name.partition("@")[0] == id_ and not version.targets.isdisjoint(new.targets)
        ]
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
        self._around.columns.grow(n)
        for version in self.versions.values():
            version.grow(n)

    # On arrival -----------------------------------------------------------------------------------------------------

    def speak(self, rows: Rows, period: int, closed: int) -> dict[str, Floats]:
        """Log-odds of the champions, `[num_outputs, n]` each, for objects that have just reported a period.

        Args:
            closed: The newest closed period.
        """
        return self._ask({n: v for n, v in self.versions.items() if v.speaks}, rows, period, closed + 1)

    def blend(
        self, number: int, rows: Rows, period: int, made: Predictions, spoken: Mapping[str, Floats]
    ) -> tuple[Predictions, list[Used | None]]:
        """What is to be published of one online model's predictions, and which batch model took part, one a target.

        Args:
            number: Of the online model.
            made: By it alone.
            spoken: By `speak`.
        """
        model = self.models[number]
        if not self.versions:
            return made, [None] * len(model.targets)
        self._online[number].slot(period)["online"][:, rows] = made.log_odds
        said: list[Said | None] = [None] * len(model.targets)
        for name, log_odds in spoken.items():
            version = self.versions[name]
            stacked = version.stacked[number]
            combined = stacked.file(period, rows, made.log_odds, log_odds, made.quiet)
            for k, (target, one) in enumerate(zip(model.targets, combined, strict=True)):
                if one is not None and target.name in version.speaks:
                    said[k] = Said(name, stacked.blends[k], log_odds[stacked.outputs[k]], one)
        if not any(said):
            return made, [None] * len(said)
        made, used = blended(made, said, len(model.feature_names))
        model.publish(rows, period, made.probability)
        return made, used

    # At a boundary --------------------------------------------------------------------------------------------------

    def open(self, table: Table, topology: Topology, channel: Channel, period: int) -> None:
        """A period begins: fix what concerns neighbours and configuration until the next one does."""
        if not self.versions:
            return
        relation = channel.relation(table, topology)
        names = channel.names(table)
        self._around.open(next(iter(self.versions.values())).spec, self.series, relation, period)
        for version in self.versions.values():
            version.static.open(topology, names, relation)

    def learn(self, period: int) -> None:
        """A period has closed: learn the labels that mature with it, then ask the shadows.

        To be called before anything else learns the period.
        """
        self.judged = []
        if not self.versions:
            return
        day = period * self.series.granularity_ms // DAY_MS
        if self._day < day:
            for stacked in self._stacked():
                stacked.decay(day - self._day if self._day >= 0 else 0)
            self._day = day
        for number, model in enumerate(self.models):
            self._mature(number, model, self.series.recent(period), period - model.horizon)
        if any(v.targets - v.speaks for v in self.versions.values()):
            self._ask_all(period)

    def _mature(self, number: int, model: CongestionModel, values: Floats, made: int) -> None:
        kept = self._online[number].get(made)
        if kept is None:
            return
        online, quiet, label = kept["online"], model.quiet(made), model.label(values)
        rows = np.flatnonzero(~(np.isnan(values) | np.isnan(online[0])))
        for k, target in enumerate(model.targets):
            said = {ONLINE: online[k]}
            for name, version in self.versions.items():
                filed = version.stacked[number].ring.get(made)
                if filed is not None and target.name in version.targets:
                    said[name] = filed["blended"][k]
            probability = {name: sigmoid(x.take(rows).astype(np.float64)) for name, x in said.items()}
            self.judged.append(Judged(target.name, label[k].take(rows), probability))
        for version in self.versions.values():
            version.stacked[number].learn(made, online, quiet, label, rows)

    def _ask_all(self, period: int) -> None:
        asked = self._ask(self.versions, slice(None), period, period)
        for number, model in enumerate(self.models):
            kept = self._online[number].get(period)
            if kept is None:
                continue
            quiet = model.quiet(period)
            for name, log_odds in asked.items():
                self.versions[name].stacked[number].file(period, slice(None), kept["online"], log_odds, quiet)

    def freeze(self) -> None:
        """Fix what predictions rest on until the next boundary."""
        for stacked in self._stacked():
            stacked.freeze()

    def _ask(self, versions: Mapping[str, Version], rows: Rows | slice, period: int, oldest: int) -> dict[str, Floats]:
        return {
            name: version.log_odds(self.series, self.companions, self._around, rows, period, oldest)
            for name, version in versions.items()
            if version.static.known
        }

    def _stacked(self) -> Iterator[Stacked]:
        return (stacked for version in self.versions.values() for stacked in version.stacked)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Ring | Around | Version]:
        online = {f"online{m}": ring for m, ring in enumerate(self._online)}
        versions = {f"version{k}": version for k, version in enumerate(self.versions.values())}
        return {"around": self._around, **online, **versions}

    def state(self) -> dict[str, Floats]:
        """Everything learnt, as arrays; which versions there are is known to who installs them."""
        if not self.versions:
            return {}
        names = np.frombuffer("\n".join(self.versions).encode(), dtype=np.uint8)
        own = {"day": np.array([self._day]), "names": names}
        return own | {
            f"{part}/{name}": array for part, owner in self._parts().items() for name, array in owner.state().items()
        }

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned, after the same versions have been installed.

        Raises:
            ValueError: They are others.
        """
        named = state["names"].tobytes().decode() if state else ""
        if named != "\n".join(self.versions):
            raise ValueError("the batch models of a channel aren't those that its registry names")
        if not state:
            return
        self._day = int(state["day"][0])
        for part, owner in self._parts().items():
            start = f"{part}/"
            owner.restore({name[len(start) :]: array for name, array in state.items() if name.startswith(start)})
