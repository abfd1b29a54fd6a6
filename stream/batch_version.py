"""One batch model at work in a channel: its network and what it is given, and beside each online model the blends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from models.artifact import ModelArtifact
from models.batch.features import Sources
from models.batch.inference import batch_log_odds
from models.batch.spec import FeatureSpec
from models.blend import Mode
from models.habits import Habits
from models.network import Network
from models.online import CongestionModel
from models.stacked import Stacked
from stream.batch_inputs import Around, Static
from twin.companions import Companions
from twin.expectation import Rows, Series
from twin.parts import gathered, scattered

Floats = NDArray[Any]


class Version:
    """A version of a batch model.

    Attributes:
        targets: That it runs for here.
        speaks: Those of them that it is the champion of.
        stacked: One for each online model.
    """

    def __init__(
        self, artifact: ModelArtifact, targets: Sequence[str], models: Sequence[CongestionModel], mode: Mode
    ) -> None:
        self.targets = frozenset(targets)
        self.speaks: frozenset[str] = frozenset()
        self.spec = _spec(artifact)
        self.static = Static(self.spec)
        self._network = Network(artifact)
        self._habits = _habits(self.spec.horizons, models)
        at = {name: k for k, name in enumerate(artifact.targets)}
        self.stacked = [Stacked([at.get(t.name, -1) for t in m.targets], m.depth, mode) for m in models]

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        self.static.columns.grow(n)
        for stacked in self.stacked:
            stacked.grow(n)

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
        near = around.get(period, self.spec.scale)
        sources = Sources(series, self._habits, near, self.static.rows, companions)
        return batch_log_odds(self._network, self.spec, sources, rows, period, oldest)

    def _parts(self) -> dict[str, Static | Stacked]:
        return {"static": self.static} | {f"{m}": stacked for m, stacked in enumerate(self.stacked)}

    def state(self) -> dict[str, Floats]:
        """Everything learnt or looked up, as arrays."""
        return gathered(self._parts())

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), state)


def _spec(artifact: ModelArtifact) -> FeatureSpec:
    assert artifact.spec is not None
    return artifact.spec


def _habits(horizons: Sequence[int], models: Sequence[CongestionModel]) -> tuple[Habits, ...]:
    """One a horizon: of the online model that looks as far ahead, or else of any."""
    own = {model.horizon: model.habits for model in models}
    return tuple(own.get(horizon, models[0].habits) for horizon in horizons)
