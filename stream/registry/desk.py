"""What a shard knows of batch models: their registry, their bytes, and the hour's losses that are not told yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.comparing import NUM_BINS, Bins, Floats, Sums, added, compare
from models.registry import Registry
from stream.decode import from_ms
from stream.outlets import outlet
from twin.model_events import Binned, ModelComparison

if TYPE_CHECKING:
    from stream.shard import Shard

HOUR_MS = 3_600_000

Pair = tuple[str, str, str, int]
"""Target, champion, candidate, granularity [s]: each granularity comes to an hour at its own pace."""


class Said(NamedTuple):
    """What each model had said of labels that have matured with one period.

    Attributes:
        end: Of the period [ms since 1970].
        label: `[n]`.
        said: Probabilities by version (`online`: without a batch model), `[n]` each, NaN where it said nothing.
    """

    target: str
    end: int
    label: NDArray[np.bool_]
    said: Mapping[str, Floats]


class ModelDesk:
    """Part of a shard's state.

    Attributes:
        registry: Which versions there are.
        artifacts: Bytes of those that are not retired, by name.
        matured: What was compared since the shard's last `apply` began; no part of its state.
    """

    def __init__(self) -> None:
        self.registry = Registry()
        self.artifacts: dict[str, bytes] = {}
        self.matured: list[Said] = []
        self._open: dict[Pair, tuple[int, Sums]] = {}

    def compare(
        self,
        shard: Shard,
        target: str,
        granularity_ms: int,
        end: int,
        label: NDArray[np.bool_],
        said: Mapping[str, Floats],
    ) -> None:
        """Labels of one target have matured with a period: add what champion and shadows had said of them.

        Args:
            end: Of the period [ms since 1970].
            label: `[n]`.
            said: Probabilities by version (`online`: without a batch model), `[n]` each, NaN where it said nothing.
        """
        if said:
            self.matured.append(Said(target, end, label, said))
        champion = self.registry.champion(target)
        if champion not in said:
            return
        hour, granularity = -(-end // HOUR_MS), granularity_ms // 1000
        self._tell(shard, target, granularity, hour)
        for candidate in sorted(said.keys() - {champion}):
            sums = compare(label, said[champion], said[candidate])
            if not sums.n:
                continue
            pair = (target, champion, candidate, granularity)
            before = self._open.get(pair)
            self._open[pair] = (hour, sums if before is None else added([before[1], sums]))

    def _tell(self, shard: Shard, target: str, granularity: int, hour: int) -> None:
        """Tell what the hours before this one came to."""
        for pair in sorted(self._open):
            if (pair[0], pair[3]) == (target, granularity) and self._open[pair][0] < hour:
                _emit(shard, pair, *self._open.pop(pair))

    def dump(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """All of it, as plain data and arrays."""
        arrays: dict[str, NDArray[Any]] = {}
        names = sorted(self.artifacts)
        for number, name in enumerate(names):
            arrays[f"artifact/{number}"] = np.frombuffer(self.artifacts[name], dtype=np.uint8)
        opened = []
        for number, (pair, (hour, sums)) in enumerate(sorted(self._open.items())):
            opened.append([*pair, hour, sums.n, sums.positives])
            arrays[f"losses/{number}"] = np.array(sums[2:6])
            arrays[f"bins/{number}"] = np.stack([*sums.champion[:2], *sums.candidate[:2]])
            arrays[f"sums/{number}"] = np.stack([sums.champion.probability, sums.candidate.probability])
        return {"registry": self.registry.state(), "artifacts": names, "open": opened}, arrays

    def load(self, data: dict[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` returned."""
        self.registry.restore(data["registry"])
        self.artifacts = {name: arrays[f"artifact/{k}"].tobytes() for k, name in enumerate(data["artifacts"])}
        for number, (target, champion, candidate, granularity, hour, n, positives) in enumerate(data["open"]):
            bins = arrays[f"bins/{number}"].astype(np.int64).reshape(4, NUM_BINS)
            said = arrays[f"sums/{number}"].astype(np.float64).reshape(2, NUM_BINS)
            a, b, c, d = arrays[f"losses/{number}"].tolist()
            sums = Sums(n, positives, a, b, c, d, Bins(bins[0], bins[1], said[0]), Bins(bins[2], bins[3], said[1]))
            self._open[target, champion, candidate, granularity] = (hour, sums)


def _emit(shard: Shard, pair: Pair, hour: int, sums: Sums) -> None:
    target, champion, candidate, granularity = pair
    end = hour * HOUR_MS
    body = ModelComparison(
        id=f"comparison/{target}/{champion}/{candidate}/{shard.partition}/{granularity}/{end // 1000}",
        time=from_ms(end),
        partition=shard.partition,
        target=target,
        champion=champion,
        candidate=candidate,
        n=sums.n,
        positives=sums.positives,
        loss_champion=sums.loss_champion,
        loss_candidate=sums.loss_candidate,
        difference=sums.difference,
        squares=sums.squares,
        champion_bins=_written(sums.champion),
        candidate_bins=_written(sums.candidate),
        granularity_s=granularity,
        revision=shard.revision,
    )
    shard.emit(outlet("comparisons", target, end, body))


def _written(bins: Bins) -> Binned:
    return Binned(
        count=bins.number.tolist(),
        positives=bins.positives.tolist(),
        probability=np.round(bins.probability, 9).tolist(),
    )
