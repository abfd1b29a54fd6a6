"""Who rests now: by what objects say of themselves, and by counters that say that a cell sleeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stream.api.index import Index
from stream.shard import Shard


def resting_now(index: Index, shards: Iterable[Shard]) -> Mapping[str, str]:
    """Objects that are not at work: asleep, as the fold itself has it, or failed.

    Args:
        shards: Of all partitions: a counter sleeps where its table is (`LOCKSTEP_ASLEEP_WHEN`).
    """
    found = index.resting()
    asleep = {name for shard in shards for name in shard.alarm_desk.asleep.names(shard)}
    return {**found, **dict.fromkeys(asleep, "asleep")} if asleep - found.keys() else found
