"""Folds a recording in-process, without a broker, at full speed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from time import perf_counter
from typing import Any

from models.scoring import Matured, scores
from stream.config import ShardConfig
from stream.replay_scores import MaturedLabels, Span
from stream.shard import Shard
from twin.counters import Catalogue
from twin.log import LogRecord, Outlet
from twin.rows import Effects
from twin.sync import Arrival


@dataclass(slots=True)
class Replayed:
    """What a replay leaves behind.

    Attributes:
        outlet_digest: BLAKE2b-128 over all outlets, partition by partition.
    """

    shards: dict[int, Shard]
    matured: dict[str, list[tuple[int, Matured]]] = field(default_factory=dict)
    labels: MaturedLabels = field(default_factory=MaturedLabels)
    kinds: Counter[str] = field(default_factory=Counter)
    predictions: int = 0
    outlet_digest: str = ""
    seconds: float = 0.0

    def digest(self) -> str:
        """A fingerprint of the state of all shards."""
        parts = "".join(f"{p}:{shard.digest()}" for p, shard in sorted(self.shards.items()))
        return blake2b(parts.encode(), digest_size=16).hexdigest()

    def result(self, score_after_ms: int | None = None, score_until_ms: int | None = None) -> dict[str, Any]:
        """The object that `lockstep replay --json` prints.

        Args:
            score_after_ms: Score only labels whose period ends after this [ms].
            score_until_ms: And not after this [ms].
        """
        counts: Counter[str] = Counter()
        for shard in self.shards.values():
            counts.update(shard.counts)
        span = Span(score_after_ms, score_until_ms)
        scored: dict[str, Any] = {"congestion": {}, "failures": {}, "models": self.labels.of_models(self.shards, span)}
        for target, labels in sorted(self.matured.items()):
            scored["congestion"][target] = scores([m for end, m in labels if span.holds(end)])
        for shard in self.shards.values():
            scored["failures"] = self.labels.of_failures(shard.config, span)
            break
        tables = [table for shard in self.shards.values() for table in shard.tables.values()]
        return {
            "reports": sum(counts[kind.value] for kind in Arrival),
            "cells": len({name for table in tables for name in table.names if "Cell" in name}),
            "objects": len({name for table in tables for name in table.names}),
            "rejected": {
                k.removeprefix("rejected."): n for k, n in sorted(counts.items()) if k.startswith("rejected.")
            },
            "sync": {k: counts[k] for k in (*(kind.value for kind in Arrival), "missing_periods", "stale")},
            "predictions": self.predictions,
            "drifts": counts["drift"],
            "outlets": dict(sorted(self.kinds.items())),
            "digest": self.digest(),
            "outlet_digest": self.outlet_digest,
            "seconds": round(self.seconds, 3),
            "scores": scored,
        }


def replay(
    records: Iterable[LogRecord],
    config: ShardConfig,
    catalogue: Catalogue,
    *,
    batch: int = 500,
    on_effects: Callable[[int, Effects], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Replayed:
    """Fold records, partition by partition as they come.

    Args:
        batch: Records folded at once; it doesn't change the result.
        on_effects: Called with partition and effects of every batch.
        on_progress: Called with the number of records folded by now.
    """
    done = Replayed({})
    matured: dict[str, list[tuple[int, int, Matured]]] = {}
    hashes: dict[int, Any] = {}
    begin, folded = perf_counter(), 0
    for partition, group in _batches(records, batch):
        shard = done.shards.get(partition)
        if shard is None:
            shard = done.shards[partition] = Shard(partition, config, catalogue)
            hashes[partition] = blake2b(digest_size=16)
        effects = shard.apply(group)
        for target, end, labels in shard.matured:
            matured.setdefault(target, []).append((end, partition, labels))
        done.labels.take(shard)
        _count(done, hashes[partition], effects.outlets)
        done.predictions += sum(int((block.probability == block.probability).sum()) for block in effects.history)
        if on_effects is not None:
            on_effects(partition, effects)
        folded += len(group)
        if on_progress is not None:
            on_progress(folded)
    for name in {target.name for target in config.targets} | matured.keys():
        # In the order of time: which partition was folded first must not change the last digit of a score.
        ordered = sorted(matured.get(name, []), key=lambda one: one[:2])
        done.matured[name] = [(end, labels) for end, _, labels in ordered]
    done.outlet_digest = blake2b(
        b"".join(p.to_bytes(4, "big") + h.digest() for p, h in sorted(hashes.items())), digest_size=16
    ).hexdigest()
    done.seconds = perf_counter() - begin
    return done


def _count(done: Replayed, digest: Any, outlets: list[Outlet]) -> None:
    for out in outlets:
        done.kinds[out.kind] += 1
        digest.update(f"{out.kind}\0{out.key}\0{out.id}\0{out.time}\0".encode() + out.value)


def _batches(records: Iterable[LogRecord], size: int) -> Iterator[tuple[int, list[LogRecord]]]:
    waiting: dict[int, list[LogRecord]] = {}
    for record in records:
        group = waiting.setdefault(record.partition, [])
        group.append(record)
        if len(group) >= size:
            yield record.partition, group
            waiting[record.partition] = []
    yield from ((partition, group) for partition, group in sorted(waiting.items()) if group)
