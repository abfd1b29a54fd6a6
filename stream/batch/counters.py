"""Batch models of one counter in the fold: who speaks, who runs in shadow, and what each has said of the same events.

On arrival the champions' log-odds are computed, blended with the online model's, and published. When a period closes
the shadows, and beside them the champions again, are run on its complete column, so that what is compared has seen the
same. Their labels are those that the online model learns from; a missing answer is the online model's alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.blend import Mode
from models.logit import sigmoid
from models.online import CongestionModel
from models.predictions import Predictions
from stream.batch.inputs import Around
from stream.batch.speaking import Used, blended
from stream.batch.version import CongestionVersion, beside
from stream.batch.versions_at_work import Spoken, VersionsAtWork
from twin.companions import Companions
from twin.expectation import DAY_MS, Rows, Series
from twin.model_events import ONLINE
from twin.parts import Part

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


class BatchModels(VersionsAtWork[CongestionVersion]):
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
        self.judged: list[Judged] = []
        """Of the period that closed last."""
        super().__init__(beside(models), mode)

    def _rest(self) -> None:
        super()._rest()
        self._around = Around(self.series.depth)

    def _fits(self, artifact: ModelArtifact) -> bool:
        own = ("congestion", self.series.counter, self.series.granularity_ms)
        return (artifact.kind, artifact.counter, artifact.granularity_ms) == own

    def _begun(self, artifact: ModelArtifact, targets: Sequence[str]) -> CongestionVersion:
        return CongestionVersion(artifact, targets, self.models, self.mode)

    def grow(self, n: int) -> None:
        """Make room for `n` objects; takes memory only while there is a batch model."""
        super().grow(n)
        if self.versions:
            self._around.columns.grow(n)

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
        said: list[Spoken | None] = [None] * len(model.targets)
        for name, log_odds in spoken.items():
            version = self.versions[name]
            stacked = version.stacked[number]
            combined = stacked.file(period, rows, made.log_odds, log_odds, made.quiet)
            for k, (target, one) in enumerate(zip(model.targets, combined, strict=True)):
                if one is not None and target.name in version.speaks:
                    said[k] = Spoken(name, stacked.blends[k], log_odds[stacked.outputs[k]], one)
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
        self._age(period * self.series.granularity_ms // DAY_MS)
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

    def inputs(self, name: str, rows: Rows, period: int, closed: int) -> Floats | None:
        """Features that a version sees of objects, `[num_features, n]`; None where it hasn't seen the network yet.

        Args:
            closed: The newest closed period.
        """
        version = self.versions[name]
        if not version.static.known:
            return None
        return version.features(self.series, self.companions, self._around, rows, period, closed + 1)

    def _ask(
        self, versions: Mapping[str, CongestionVersion], rows: Rows | slice, period: int, oldest: int
    ) -> dict[str, Floats]:
        return {
            name: version.log_odds(self.series, self.companions, self._around, rows, period, oldest)
            for name, version in versions.items()
            if version.static.known
        }

    def _parts(self) -> dict[str, Part]:
        around: dict[str, Part] = {"around": self._around}
        return around | super()._parts()
