"""Batch models of one counter in the fold: who speaks, who runs in shadow, and what each has said of the same events.

On arrival the champions' log-odds are computed, blended with the online model's, and published. When a period closes
the shadows, and beside them the champions again, are run on its complete column, so that what is compared has seen the
same. Their labels are those that the online model learns from; a missing answer is the online model's alone.

A model that no target uses is not run. Nothing but `install`, `crown` and `retire`, which follow events of the log, and
the boundaries change what predictions rest on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.blend import Mode
from models.logit import sigmoid
from models.online import CongestionModel, Predictions
from models.stacked import Ring, Stacked
from stream.batch_speaking import Said, Used, blended
from twin.expectation import DAY_MS, Rows, Series
from twin.model_events import ONLINE

F32 = np.float32
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


class Version:
    """One batch model at work: its network, and beside each online model the blends.

    Attributes:
        targets: That it runs for here.
        speaks: Those of them that it is the champion of.
    """

    def __init__(
        self, artifact: ModelArtifact, targets: Sequence[str], models: Sequence[CongestionModel], mode: Mode
    ) -> None:
        from models.network import Network

        self.artifact = artifact
        self.network = Network(artifact)
        self.targets = frozenset(targets)
        self.speaks: frozenset[str] = frozenset()
        at = {name: k for k, name in enumerate(artifact.targets)}
        self.stacked = [Stacked([at.get(t.name, -1) for t in m.targets], m.depth, mode) for m in models]


class BatchModels:
    """Those of one channel.

    Args:
        models: The online models, one a horizon.
        mode: See `models.blend`.
    """

    def __init__(self, counter: str, granularity_ms: int, models: Sequence[CongestionModel], mode: Mode) -> None:
        self.counter = counter
        self.granularity_ms = granularity_ms
        self.models = models
        self.mode = mode
        self.versions: dict[str, Version] = {}
        self.judged: list[Judged] = []
        """Of the period that closed last."""
        self._unfit: dict[str, list[str]] = {}
        """Versions for other periods than these: there is nothing to run."""
        self._online = [Ring(("online",), len(m.targets), m.depth) for m in models]
        self._day = -1
        self._n = 0

    # Events of the log ----------------------------------------------------------------------------------------------

    def installed(self) -> dict[str, list[str]]:
        """Targets of each version that was installed, sorted."""
        return {name: sorted(version.targets) for name, version in self.versions.items()} | self._unfit

    def install(self, model: str, artifact: ModelArtifact, targets: Sequence[str]) -> None:
        """Let a version run in shadow for these targets, from the next record on; see `crown`.

        A version that runs already keeps what it has filed and its blends have learnt.
        """
        if (artifact.kind, artifact.counter, artifact.granularity_ms) != (
            "congestion",
            self.counter,
            self.granularity_ms,
        ):
            self._unfit[model] = sorted(targets)
            return
        version = self.versions.get(model)
        if version is not None:
            version.targets = frozenset(targets)
            version.speaks &= version.targets
            return
        self.versions = dict(
            sorted((self.versions | {model: Version(artifact, targets, self.models, self.mode)}).items())
        )
        self.grow(self._n)

    def retire(self, model: str) -> None:
        """Let a version rest; with the last one the memory of all is given back."""
        self._unfit.pop(model, None)
        if self.versions.pop(model, None) is not None and not self.versions:
            self._online = [Ring(("online",), len(m.targets), m.depth) for m in self.models]

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
        for ring in self._online:
            ring.columns.grow(n)
        for version in self.versions.values():
            for stacked in version.stacked:
                stacked.grow(n)

    # On arrival -----------------------------------------------------------------------------------------------------

    def speak(self, series: Series, rows: Rows, period: int, closed: int) -> dict[str, Floats]:
        """Log-odds of the champions, `[num_outputs, n]` each, for objects that have just reported a period.

        Args:
            closed: The newest closed period.
        """
        return self._ask({n: v for n, v in self.versions.items() if v.speaks}, series, rows, period, closed + 1)

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

    def learn(self, series: Series, period: int) -> None:
        """A period has closed: learn the labels that mature with it, then ask the shadows.

        To be called before anything else learns the period.
        """
        self.judged = []
        if not self.versions:
            return
        day = period * self.granularity_ms // DAY_MS
        if self._day < day:
            for stacked in self._stacked():
                stacked.decay(day - self._day if self._day >= 0 else 0)
            self._day = day
        for number, model in enumerate(self.models):
            self._mature(number, model, series.recent(period), period - model.horizon)
        if any(v.targets - v.speaks for v in self.versions.values()):
            self._ask_all(series, period)

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

    def _ask_all(self, series: Series, period: int) -> None:
        asked = self._ask(self.versions, series, slice(None), period, period)
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

    def _ask(
        self, versions: Mapping[str, Version], series: Series, rows: Rows | slice, period: int, oldest: int
    ) -> dict[str, Floats]:
        return {}

    def _stacked(self) -> Iterator[Stacked]:
        return (stacked for version in self.versions.values() for stacked in version.stacked)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Ring | Stacked]:
        parts: dict[str, Ring | Stacked] = {f"online{m}": ring for m, ring in enumerate(self._online)}
        for number, version in enumerate(self.versions.values()):
            parts |= {f"version{number}/{m}": stacked for m, stacked in enumerate(version.stacked)}
        return parts

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
