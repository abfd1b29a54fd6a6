"""One batch model at work in a channel: its network and what it is given, and beside each online model the blends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.batch.features import Sources, batch_features
from models.batch.inference import batch_log_odds
from models.batch.spec import FeatureSpec
from models.blend import Mode
from models.online import CongestionModel
from models.stacked import Stacked
from stream.batch.inputs import Around, Static
from stream.batch.versions_at_work import AtWork, Beside
from twin.companions import Companions
from twin.expectation import Rows, Series

Floats = NDArray[Any]


class CongestionVersion(AtWork):
    """A version of a batch model, with the blends of one online model a horizon."""

    def __init__(
        self, artifact: ModelArtifact, targets: Sequence[str], models: Sequence[CongestionModel], mode: Mode
    ) -> None:
        super().__init__(artifact, targets, beside(models), mode)
        self.spec = _spec(artifact)
        self.static = Static(self.spec)
        self._habits = tuple(model.habits for model in models)

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        self.static.columns.grow(n)
        super().grow(n)

    def log_odds(
        self,
        series: Series,
        companions: Companions | None,
        around: Around,
        rows: Rows | slice,
        period: int,
        oldest: int,
    ) -> Floats:
        """Of every target of the network, `[num_targets, n]` float32; NaN where it has nothing to say.

        Args:
            oldest: The oldest period that isn't yet in the running means.
        """
        sources = self._sources(series, companions, around, period)
        return batch_log_odds(self.network, self.spec, sources, rows, period, oldest)

    def features(
        self, series: Series, companions: Companions | None, around: Around, rows: Rows, period: int, oldest: int
    ) -> Floats:
        """What the network is given, `[num_features, n]` float32; see `log_odds`."""
        return batch_features(self.spec, self._sources(series, companions, around, period), rows, period, oldest)

    def _sources(self, series: Series, companions: Companions | None, around: Around, period: int) -> Sources:
        near = around.get(period, self.spec.scale)
        return Sources(series, self._habits, near, self.static.rows, companions)

    def _parts(self) -> dict[str, Static | Stacked]:
        return {"static": self.static} | {f"{m}": stacked for m, stacked in enumerate(self.stacked)}


def beside(models: Sequence[CongestionModel]) -> list[Beside]:
    """What concerns a batch model of the online models, one a horizon."""
    return [Beside(tuple(target.name for target in model.targets), model.depth) for model in models]


def _spec(artifact: ModelArtifact) -> FeatureSpec:
    assert artifact.spec is not None
    return artifact.spec
