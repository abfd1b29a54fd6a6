"""A shard and a keeper that read what the other writes, in one process: the loop of the promotion gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from folding import differing, fold, log, new_shard, state
from model_network import record

from models.gate import GateRule
from models.retraining import TrainingRule
from stream.config import ShardConfig
from stream.registry.keeping import Keeping
from stream.shard import Shard
from twin.events import Score
from twin.log import LogRecord, Outlet
from twin.model_events import ModelCandidate, ModelComparison, ModelTransition

RULE = GateRule(min_positives=20)


class Loop:
    """Runs a world hour by hour.

    Args:
        horizons: Of the targets [s].

    Attributes:
        decided: By the keeper, with the hour.
        told: Predictions.
    """

    def __init__(self, config: ShardConfig, horizons: Mapping[str, int], predictions: str) -> None:
        self.config, self.horizons, self._kind = config, dict(horizons), predictions
        self.shard: Shard = new_shard(config)
        self.keeping = Keeping(self.horizons, RULE, TrainingRule())
        self.records: list[LogRecord] = []
        self.decided: list[tuple[int, ModelTransition]] = []
        self.told: list[Outlet] = []
        self.hour = 0

    def run(self, hours: Iterable[Sequence[dict[str, Any]]]) -> None:
        """What happens in each hour, one after the other, each followed by a look of the keeper."""
        for events in hours:
            self._fold(log(events, len(self.records)))
            for step in self.keeping.decisions():
                self.send(step)
                self.decided.append((self.hour, step))
            self.hour += 1

    def send(self, event: ModelCandidate | ModelTransition) -> None:
        time = self.records[-1].time if self.records else 0
        assert self.keeping.candidate(event) if isinstance(event, ModelCandidate) else self.keeping.transition(event)
        self._fold([record(event, len(self.records), max(time, int(event.time.timestamp() * 1000)))])

    def _fold(self, records: Sequence[LogRecord]) -> None:
        self.records += records
        for out in self.shard.apply(records).outlets:
            if out.kind == "comparisons":
                self.keeping.comparison(msgspec.json.decode(out.value, type=ModelComparison))
            elif out.kind == "scores":
                self.keeping.score(msgspec.json.decode(out.value, type=Score))
            elif out.kind == self._kind:
                self.told.append(out)
            assert out.kind != "rejected", out.value

    def said(self) -> list[tuple[str, str]]:
        return [(step.model, step.state) for _, step in self.decided]

    def champion(self) -> str:
        (target,) = self.horizons
        assert self.keeping.registry.champion(target) == self.shard.models.registry.champion(target)
        return self.shard.models.registry.champion(target)

    def check_replay(self) -> None:
        """The recording alone, keeper and all, gives the same twin and the same predictions."""
        again = new_shard(self.config)
        told = [out for out in fold(again, self.records, 97).outlets if out.kind == self._kind]
        assert told == self.told
        assert differing(state(again), state(self.shard)) == []
        assert again.digest() == self.shard.digest()
