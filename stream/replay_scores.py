"""Scores of failures, and of every batch model that took part, over a whole replay.

Labels are kept as they mature, and scored in the order of their time: in which order partitions were folded must not
change the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.comparing import log_loss
from models.failure.heads import MaturedFailures
from models.failure.names import of_kind
from models.failure.scores import rows_of, scores_of
from models.failure.signals import KINDS
from models.scoring import average_precision
from stream.config import ShardConfig
from stream.registry.desk import Said
from stream.shard import Shard
from twin.model_events import ONLINE

Floats = NDArray[Any]

OF_PARTITION = 1 << 32
"""Rows of one partition's objects lie so far from those of the next."""
LINK = "link"


class Span(NamedTuple):
    """Which labels count: those whose period ends in `(after, until]` [ms since 1970]; None: no bound."""

    after: int | None = None
    until: int | None = None

    def holds(self, end: int) -> bool:
        """Whether a period's labels count."""
        return (self.after is None or end > self.after) and (self.until is None or end <= self.until)


@dataclass(slots=True)
class MaturedLabels:
    """What has matured in a replay, with its time and partition.

    Attributes:
        failures: By name of the target and length of its steps [ms].
        said: By name of the target.
    """

    failures: dict[tuple[str, int], list[tuple[int, int, MaturedFailures]]] = field(default_factory=dict)
    said: dict[str, list[tuple[int, int, Said]]] = field(default_factory=dict)

    def take(self, shard: Shard) -> None:
        """Keep what matured in a shard's last `apply`."""
        for kind, k, end, matured in shard.matured_failures:
            name, step_ms = _named(shard, kind, k, end, matured)
            self.failures.setdefault((name, step_ms), []).append((end, shard.partition, matured))
        for one in shard.models.matured:
            self.said.setdefault(one.target, []).append((one.end, shard.partition, one))

    def of_failures(self, config: ShardConfig, span: Span) -> dict[str, dict[str, float | None]]:
        """Scores of what was published, by target and kind of objects; see `models.failure.scores.scores_of`."""
        lengths: dict[str, list[int]] = {name: [] for name in names_of(config)}
        for name, step_ms in sorted(self.failures):
            lengths.setdefault(name, []).append(step_ms)
        found: dict[str, dict[str, float | None]] = {}
        for name, steps in sorted(lengths.items()):
            for step_ms in steps or [1]:
                told = f"{name} {step_ms // 1000} s" if len(steps) > 1 else name
                ordered = sorted(self.failures.get((name, step_ms), []), key=lambda one: one[:2])
                rows = [_apart(rows_of(m), partition) for end, partition, m in ordered if span.holds(end)]
                found[told] = scores_of(np.concatenate([np.empty((6, 0)), *rows], axis=1), step_ms / 1000)
        return found

    def of_models(self, shards: dict[int, Shard], span: Span) -> dict[str, dict[str, dict[str, Any]]]:
        """Scores of each batch model by target, blended as it would be published, and of the online model beside it.

        Returns:
            By target and version: state (at the end), n, positives, ap, brier, log_loss; the last three also with
            `_online` behind: of the online model alone on the same labels.
        """
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for target, labels in sorted(self.said.items()):
            ordered = [one for end, _, one in sorted(labels, key=lambda each: each[:2]) if span.holds(end)]
            for version in sorted({name for one in ordered for name in one.said} - {ONLINE}):
                both = [(one.label, one.said[version], one.said[ONLINE]) for one in ordered if version in one.said]
                label, own, online = (np.concatenate(part) for part in zip(*both, strict=True))
                known = ~(np.isnan(own) | np.isnan(online))
                scored = {"state": _state(shards, target, version), "n": int(known.sum())}
                scored |= {"positives": int(label[known].sum())}
                scored |= _scores(label[known], own[known], "") | _scores(label[known], online[known], "_online")
                found.setdefault(target, {})[version] = scored
        return found


def names_of(config: ShardConfig) -> list[str]:
    """Failure targets by kind of objects, as scores name them."""
    alarms = [target.name for target in config.failure_targets if target.kind == "alarm"]
    fades = [target.name for target in config.failure_targets if target.kind == "fade"]
    return [of_kind(name, kind) for name in alarms for kind in sorted(KINDS)] + [f"{name} {LINK}" for name in fades]


def _named(shard: Shard, kind: str, k: int, end: int, matured: MaturedFailures) -> tuple[str, int]:
    if kind == LINK:
        fades = [target for target in shard.config.failure_targets if target.kind == "fade"]
        return f"{fades[k].name} {LINK}", end // matured.period
    watched = shard.failing.watched[kind]
    return of_kind(watched.targets[k].name, kind), watched.step_ms


def _apart(rows: Floats, partition: int) -> Floats:
    """The same labels, with rows that no other partition has."""
    rows[4] += partition * OF_PARTITION
    return rows


def _state(shards: dict[int, Shard], target: str, version: str) -> str:
    for _, shard in sorted(shards.items()):
        known = shard.models.registry.versions.get(version)
        if known is not None and target in known.life:
            return known.life[target]
    return "retired"


def _scores(label: NDArray[np.bool_], probability: Floats, suffix: str) -> dict[str, float | None]:
    some = bool(len(label))
    return {
        f"ap{suffix}": average_precision(label, probability),
        f"brier{suffix}": float(np.mean((probability - label) ** 2)) if some else None,
        f"log_loss{suffix}": float(np.mean(log_loss(label, probability))) if some else None,
    }
