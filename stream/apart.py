"""Changes that went through the log as one record (`stream.together`), one by one again. Pure."""

from __future__ import annotations

import msgspec

from stream.decode import LATEST_MS, TOPOLOGY, decode, from_ms, to_ms
from stream.outlets import ENCODER
from twin.errors import BadInput
from twin.events import SCHEMA_VERSION, Time, Whole
from twin.log import LogRecord


class _Parts(msgspec.Struct):
    changes: list[msgspec.Raw]
    recorded: list[Whole] = []
    schema_version: int = SCHEMA_VERSION


class _Timed(msgspec.Struct):
    time: Time


_PARTS, _TIMED = msgspec.json.Decoder(_Parts), msgspec.json.Decoder(_Timed)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def written(changes: list[bytes], time: int, recorded: list[int]) -> bytes:
    """Changes as the value of one record.

    Args:
        changes: The JSON of each, as it came.
        time: Of the last to happen [ms since 1970].
        recorded: When each was taken in [ms since 1970].
    """
    head = b'{"time":' + ENCODER.encode(from_ms(time)) + b',"recorded":' + ENCODER.encode(recorded)
    return head + b',"changes":[' + b",".join(changes) + b"]}"


def apart(record: LogRecord) -> list[LogRecord]:
    """Each change of a record as a record of its own, at the same position.

    Raises:
        BadInput: malformed, wrong-type, no-time-zone, unknown-schema-version or empty.
    """
    parts = _parts(record)
    if not parts.changes:
        raise BadInput("empty", "no change is in it")
    recorded = [min(max(time, 0), LATEST_MS) for time in parts.recorded[: len(parts.changes)]]
    recorded += [record.time] * (len(parts.changes) - len(recorded))
    return [
        record._replace(type=TOPOLOGY, time=time, value=bytes(value))
        for time, value in zip(recorded, parts.changes, strict=True)
    ]


def until(record: LogRecord, time: int) -> LogRecord | None:
    """A record with those of its changes only that happened by a time [ms since 1970]; None where none did."""
    try:
        parts = _parts(record)
        times = [to_ms(_TIMED.decode(value).time) for value in parts.changes]
    except (BadInput, *_UNREADABLE):
        return record
    chosen = [number for number, happened in enumerate(times) if happened <= time]
    if len(chosen) == len(times):
        return record
    if not chosen:
        return None
    recorded = [parts.recorded[number] for number in chosen if number < len(parts.recorded)]
    return record._replace(
        value=written([bytes(parts.changes[n]) for n in chosen], max(times[n] for n in chosen), recorded)
    )


def _parts(record: LogRecord) -> _Parts:
    try:
        parts = _PARTS.decode(record.value)
    except _UNREADABLE as error:
        decode(record.type, record.value)  # says more exactly what is wrong
        raise BadInput("malformed", str(error)) from error
    if parts.schema_version != SCHEMA_VERSION:
        decode(record.type, record.value)
    return parts
