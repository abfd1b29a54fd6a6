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


def rejected(topic: str, record: LogRecord, error: BadInput) -> Outlet:
    """The outlet for a message that could not be used."""
    id_ = f"{topic}-{record.partition}-{record.offset}"
    body = events.Rejected(
        id=id_,
        time=from_ms(record.time),
        reason=error.reason,
        detail=error.detail,
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        size=len(record.value),
        original=record.value[:KEPT_BYTES],
        key=record.key,
        type=record.type,
        truncated=len(record.value) > KEPT_BYTES,
    )
    return Outlet("rejected", record.key, id_, record.time, ENCODER.encode(body))


def outlet(kind: str, key: str, time: int, body: msgspec.Struct) -> Outlet:
    """An outlet whose id is its body's."""
    return Outlet(kind, key, body.id, time, ENCODER.encode(body))  # type: ignore[attr-defined]
