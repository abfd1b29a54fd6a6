"""Standing alarms of a replica."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from infra.api.ports import Listed
from stream.alarms import key_of
from stream.api.conditions import RANK
from stream.decode import to_ms
from stream.shard import Shard
from twin.events import Alarm
from twin.inventory import inside


def of(shard: Shard, name: str) -> list[dict[str, Any]]:
    """Alarms that stand on an object, worst first."""
    found = [alarm for alarm in shard.alarms.values() if alarm.object_instance == name]
    return [item(alarm) for alarm in sorted(found, key=_place)]


def page(shards: Sequence[Shard], severities: Sequence[str], below: str, after: Any, limit: int) -> Listed:
    """A page of all that stand, worst first, then newest."""
    begin = None if after is None else tuple(after)
    chosen = sorted(
        (
            (_place(alarm), alarm)
            for shard in shards
            for alarm in shard.alarms.values()
            if (not severities or alarm.perceived_severity in severities)
            and (not below or inside(alarm.object_instance, below))
        ),
        key=lambda one: one[0],
    )
    left = [one for one in chosen if begin is None or one[0] > begin]
    following = left[limit - 1][0] if len(left) > limit else None
    return Listed([item(alarm) for _, alarm in left[:limit]], following)


def item(alarm: Alarm) -> dict[str, Any]:
    """An alarm as its record has it, and its id."""
    told: dict[str, Any] = msgspec.to_builtins(alarm)
    return {"id": key_of(alarm)} | told


def _place(alarm: Alarm) -> tuple[int, int, str]:
    return RANK.get(alarm.perceived_severity, len(RANK)), -to_ms(alarm.event_time), key_of(alarm)
