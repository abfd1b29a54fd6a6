"""Updates: what happened in the twin that is not a measured value, told to subscribers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from stream.decode import from_ms, to_ms
from stream.outlets import outlet
from stream.prepare import OtherEvent, PreparedReport
from stream.silence import NAMED
from twin.events import Alarm, TwinUpdate

if TYPE_CHECKING:
    from stream.shard import Shard

MOST_BYTES = 200_000
"""Of the names in one list: names may be long, and an update must fit into a message."""


def tell(
    shard: Shard,
    change: str,
    item: PreparedReport | OtherEvent,
    objects: Sequence[str],
    detail: dict[str, object],
    number: str = "",
) -> None:
    """Queue an update; its time is that of what happened, not of the record that told it.

    Args:
        number: Tells several updates of one kind that one record causes from each other.
    """
    record = item.record
    time = from_ms(event_time(item))
    body = TwinUpdate(
        id="-".join(filter(None, (change, str(record.partition), str(record.offset), number))),
        time=time,
        change=change,  # type: ignore[arg-type]
        objects=some(objects, NAMED),
        detail=detail,
        revision=shard.revision,
    )
    shard.emit(outlet("updates", record.key, to_ms(time), body))


def event_time(item: PreparedReport | OtherEvent) -> int:
    """When what a record tells of happened [ms since 1970]."""
    if isinstance(item, PreparedReport):
        return item.end
    event = item.event
    return to_ms(event.event_time if isinstance(event, Alarm) else event.time)  # type: ignore[union-attr]


def some(names: Sequence[str], most: int) -> list[str]:
    """The first names, so many that a message can carry them."""
    chosen: list[str] = []
    size = 0
    for name in names[:most]:
        size += len(name.encode())
        if size > MOST_BYTES:
            break
        chosen.append(name)
    return chosen
