"""What the fold tells the world, encoded: the same event always gives the same bytes."""

from __future__ import annotations

import msgspec

from stream.decode import from_ms
from twin import events
from twin.errors import BadInput
from twin.log import LogRecord, Outlet

ENCODER = msgspec.json.Encoder()
KEPT_BYTES = 512 * 1024
"""Of a rejected message's original."""

KEPT_TEXT = 1024
"""Of its key, of its type and of what is wrong with it [character]: what tells of a message must fit into one."""


def rejected(
    topic: str,
    record: LogRecord,
    error: BadInput,
    size: int | None = None,
    scrubbed: bool = False,
    number: int | None = None,
) -> Outlet:
    """The outlet for a message that could not be used.

    Args:
        size: Of the original, where `record` no longer holds it whole [byte].
        scrubbed: Identifiers of subscribers were taken out of it.
        number: Which of several messages in one record it is.
    """
    id_ = f"{topic}-{record.partition}-{record.offset}" + ("" if number is None else f"-{number}")
    key = record.key[:KEPT_TEXT]
    body = events.Rejected(
        id=id_,
        time=from_ms(record.time),
        reason=error.reason,
        detail=error.detail[:KEPT_TEXT],
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        size=len(record.value) if size is None else size,
        original=record.value[:KEPT_BYTES],
        key=key,
        type=record.type[:KEPT_TEXT],
        truncated=len(record.value) > KEPT_BYTES or key != record.key or (scrubbed and not record.value),
        scrubbed=scrubbed,
    )
    return Outlet("rejected", key, id_, record.time, ENCODER.encode(body))


def outlet(kind: str, key: str, time: int, body: msgspec.Struct) -> Outlet:
    """An outlet whose id is its body's."""
    return Outlet(kind, key, body.id, time, ENCODER.encode(body))  # type: ignore[attr-defined]
