"""Standing alarms of a replica: how each stands, as 3GPP and as TMF642 have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from infra.api.ports import Listed
from stream.alarms.telling import state_of
from stream.api.conditions import RANK, SEVERITIES
from stream.decode import to_ms
from stream.shard import Shard
from twin.alarm_record import Alarm, short
from twin.inventory import inside
from twin.tmf642 import number_of, to_tmf642

TMF642 = "/api/v1/tmf642"
Place = tuple[int, int, str]
"""In the order of a list: worst first, then newest, then by key."""


def by_object(shard: Shard, scope: str) -> dict[str, list[dict[str, Any]]]:
    """Alarms that stand on an object or below it by name, those of each object worst first."""
    found = [(_place(key, a), a.object_instance) for key, a in shard.alarms.items() if inside(a.object_instance, scope)]
    grouped: dict[str, list[dict[str, Any]]] = {}
    for place, name in sorted(found):
        grouped.setdefault(name, []).append(item(shard, place[2]))
    return grouped


def page(
    shards: Sequence[Shard], severities: Sequence[str], below: str, held: bool | None, after: Any, limit: int
) -> Listed:
    """A page of all that stand."""
    found = [
        (_place(key, alarm), shard)
        for shard in shards
        for key, alarm in shard.alarms.items()
        if (not severities or alarm.perceived_severity in severities)
        and (not below or inside(alarm.object_instance, below))
        and (held is None or held == is_held(shard, key))
    ]
    begin = None if after is None else tuple(after)
    left = sorted((one for one in found if begin is None or one[0] > begin), key=lambda one: one[0])
    following = left[limit - 1][0] if len(left) > limit else None
    return Listed([item(shard, place[2]) for place, shard in left[:limit]], following)


def find(shards: Iterable[Shard], number: str) -> tuple[Shard, str] | None:
    """The shard and key of the standing alarm of an identifier."""
    return next(((shard, key) for shard in shards for key in shard.alarms if number_of(key) == number), None)


def item(shard: Shard, key: str) -> dict[str, Any]:
    """An alarm as its record has it, with how it stands."""
    state = state_of(shard, key)
    return {
        "id": state.number,
        **short(state.alarm),
        "raised": state.raised,
        "held": list(state.held),
        "rootCause": {"objectInstance": state.root_object, "alarmId": state.root_alarm} if state.root_object else None,
        "correlated": state.correlated,
        "flaps": state.flaps,
        "inDoubt": state.in_doubt,
        "escalates": state.escalates,
    }


def tmf642(shard: Shard, key: str) -> dict[str, Any]:
    """An alarm as a TMF642 Alarm."""
    state = state_of(shard, key)
    root = (state.root_object, state.root_alarm) if state.root_object else None
    return to_tmf642(state.alarm, base=TMF642, root=root)


def standing(shards: Iterable[Shard]) -> Iterator[tuple[Shard, str, Alarm]]:
    """Alarms that are not kept back: what somebody should look at."""
    for shard in shards:
        for key, alarm in shard.alarms.items():
            if not is_held(shard, key):
                yield shard, key, alarm


def is_held(shard: Shard, key: str) -> bool:
    """Whether an alarm is kept back: expected, flapping, or not yet qualified."""
    life = shard.alarm_desk.lives.get(key)
    return life is not None and bool(life.held)


def counts(shards: Sequence[Shard]) -> dict[str, int]:
    """How many stand of each severity; `HELD` are those kept back, which don't count otherwise."""
    found: Counter[str] = Counter(dict.fromkeys((*SEVERITIES, "HELD"), 0))
    total = sum(len(shard.alarms) for shard in shards)
    for _, _, alarm in standing(shards):
        found[alarm.perceived_severity] += 1
    found["HELD"] = total - found.total()
    return dict(found)


def worst_of(shards: Iterable[Shard]) -> dict[str, str]:
    """The worst severity of each object's alarms that are not kept back."""
    worst: dict[str, str] = {}
    for _, _, alarm in standing(shards):
        known = worst.get(alarm.object_instance)
        if known is None or RANK.get(alarm.perceived_severity, 9) < RANK.get(known, 9):
            worst[alarm.object_instance] = alarm.perceived_severity
    return worst


def _place(key: str, alarm: Alarm) -> Place:
    return RANK.get(alarm.perceived_severity, len(RANK)), -to_ms(alarm.event_time), key
