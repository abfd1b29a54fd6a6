"""Many records as one Faust message: what Faust does with a message costs the same, whatever is in it.

Records of one partition that were fetched together go through Faust as one message whose value is a `Chunk`, are taken
apart again where an agent gets it (`parts`), and are acknowledged as one: when all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord

MOST = 256
"""Records in a chunk, at most: about what is folded at once."""


class Chunk(NamedTuple):
    """Records of one partition that follow each other.

    Attributes:
        begin: The first offset that is done with when they are: that of the first record, or an earlier one that holds
            no record for us, such as a transaction's marker.
    """

    begin: int
    records: list[Any]


def chunked(fetched: Mapping[Any, list[Any]], read: Mapping[Any, int | None], most: int = MOST) -> dict[Any, list[Any]]:
    """What was fetched, as messages for Faust.

    Args:
        fetched: Records of each partition, in order.
        read: The newest offset that was handed over or, after a seek, the next one; None if there is neither.
    """
    out: dict[Any, list[Any]] = {}
    for partition, records in fetched.items():
        newest = read.get(partition)
        fresh = records if newest is None else [record for record in records if record.offset >= newest]
        for start in range(0, len(fresh), most):
            chunk = fresh[start : start + most]
            begin = chunk[0].offset if newest is None else min(newest + 1, chunk[0].offset)
            newest = chunk[-1].offset
            out.setdefault(partition, []).append(_message(Chunk(begin, chunk)))
    return out


def offsets(message: Any) -> Iterable[int]:
    """The offsets that a message stands for, its own not among them."""
    return range(message.value.begin, message.offset) if isinstance(message.value, Chunk) else ()


class Part:
    """One record of a chunk, as an event: acknowledged with the last of them, it acknowledges the chunk.

    Attributes:
        message: As aiokafka reads it.
    """

    __slots__ = ("_whole", "message")

    def __init__(self, message: Any, whole: _Whole) -> None:
        self.message = message
        self._whole = whole

    def ack(self) -> None:
        """This one is done with."""
        whole = self._whole
        whole.left -= 1
        if not whole.left:
            whole.event.ack()


class _Whole:
    """The event of a chunk, and how many of its records are not acknowledged."""

    __slots__ = ("event", "left")

    def __init__(self, event: Any, left: int) -> None:
        self.event = event
        self.left = left


def parts(event: Any) -> list[Part]:
    """The records of an event, as events."""
    records = event.message.value.records
    whole = _Whole(event, len(records))
    return [Part(record, whole) for record in records]


def _message(chunk: Chunk) -> Any:
    last = chunk.records[-1]
    return ConsumerRecord(
        last.topic, last.partition, last.offset, last.timestamp, last.timestamp_type, None, chunk, None, 0, 0, ()
    )
