"""What a burst worker reads and what it answers: requests checked, results as the child made them, or why not."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from stream.broker import Message
from stream.burst.process import Cause, Ended
from stream.decode import BURST, decode, to_ms
from stream.outlets import ENCODER
from stream.topics import headers
from twin import dn
from twin.errors import BadInput
from twin.events import SCHEMA_VERSION
from twin.log import LogRecord
from twin.radio.answers import result_id, result_of
from twin.radio.events import BurstControl, BurstRequest, BurstResult

REQUEST, CONTROL = "lockstep.burst-request.v1", "lockstep.burst-control.v1"
LONGEST_ID = 4096

_DECODERS: dict[str, msgspec.json.Decoder[BurstRequest] | msgspec.json.Decoder[BurstControl]] = {
    REQUEST: msgspec.json.Decoder(BurstRequest),
    CONTROL: msgspec.json.Decoder(BurstControl),
}
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Answer(NamedTuple):
    """What came of a request, and the bytes that go into the log."""

    outcome: Literal["done", "failed", "cancelled"]
    reason: str
    body: bytes


class _Version(msgspec.Struct):
    schema_version: int = SCHEMA_VERSION


def read(record: LogRecord, partitions: int, max_bytes: int) -> BurstRequest | BurstControl:
    """A message of the requests' topic.

    Args:
        partitions: Of the log: an answer goes into one of them.

    Raises:
        BadInput: too-large, malformed, wrong-type, unknown-type, unknown-schema-version, bad-name or out-of-range.
    """
    if len(record.value) > max_bytes:
        raise BadInput("too-large", f"{len(record.value)} bytes, the limit is {max_bytes}")
    decoder = _DECODERS.get(record.type)
    if decoder is None:
        stem = record.type.rpartition(".v")[0]
        if stem and f"{stem}.v1" in _DECODERS:
            raise BadInput("unknown-schema-version", f"{record.type!r}; this version reads v1: update Lockstep")
        raise BadInput("unknown-type", f"{record.type!r}; known: {', '.join(sorted(_DECODERS))}")
    try:
        found = decoder.decode(record.value)
    except msgspec.ValidationError as error:
        _check_version(_version(record.value))
        raise BadInput("wrong-type", str(error)) from error
    except _UNREADABLE as error:
        raise BadInput("malformed", str(error)) from error
    _check_version(found.schema_version)
    if isinstance(found, BurstRequest):
        dn.check(found.region)
        if not 0 <= found.partition < partitions:
            raise BadInput("out-of-range", f"partition {found.partition}: the log has {partitions}")
        if not 0 < len(found.id) <= LONGEST_ID or found.budget_s <= 0 or found.memory_mib <= 0:
            raise BadInput("out-of-range", "a request has an id, and a budget and memory above 0")
    return found


def _version(value: bytes) -> int:
    try:
        return msgspec.json.decode(value, type=_Version).schema_version
    except _UNREADABLE:  # this reads on where the first attempt gave up
        return SCHEMA_VERSION


def _check_version(version: int) -> None:
    if version != SCHEMA_VERSION:
        raise BadInput("unknown-schema-version", f"{version}; this version reads {SCHEMA_VERSION}: update Lockstep")


def without_result(
    request: BurstRequest, outcome: Literal["failed", "cancelled"], reason: str, seconds: float = 0.0
) -> Answer:
    """The answer to a request that nothing was computed for."""
    return Answer(outcome, reason, ENCODER.encode(result_of(request, outcome, reason, seconds)))


def answer(request: BurstRequest, ended: Ended, max_bytes: int) -> Answer:
    """The answer to a request whose burst has ended.

    Args:
        max_bytes: Of a message.
    """
    if ended.cause is not Cause.DONE:
        word = {Cause.TIME: "time", Cause.MEMORY: "memory", Cause.CRASH: "crashed", Cause.ERROR: "error"}
        return without_result(request, "failed", f"{word[ended.cause]}: {ended.why}", ended.seconds)
    if len(ended.body) > max_bytes:
        why = f"too-large: the result has {len(ended.body)} bytes, the limit is {max_bytes}: take a coarser map"
        return without_result(request, "failed", why, ended.seconds)
    try:
        result = decode(BURST, ended.body)
    except BadInput as error:
        return without_result(request, "failed", f"error: the result can't be read: {error}", ended.seconds)
    assert isinstance(result, BurstResult)
    if said := _other(request, result):
        return without_result(request, "failed", f"error: the result is another request's: {said}", ended.seconds)
    return Answer(result.outcome, result.reason, ended.body)


def _other(request: BurstRequest, result: BurstResult) -> str:
    """What in a result isn't the request's; empty: all is."""
    wanted = {
        "id": result_id(request),
        "request": request.id,
        "partition": request.partition,
        "region": request.region,
        "time": request.time,
        "base_version": request.base_version,
    }
    return ", ".join(
        f"{name} {getattr(result, name)}" for name, value in wanted.items() if getattr(result, name) != value
    )


def into_log(request: BurstRequest, body: bytes, now: int) -> Message:
    """An answer on its way into the log.

    Args:
        now: Wall clock [ms since 1970]: when the log takes it in. Two answers to one request may differ in it, as in
            how long they took; their id is the same.
    """
    time = max(to_ms(request.time), 0)
    head = headers(BURST, result_id(request), request.region, time, "lockstep/bursts", recorded=now)
    return Message(request.partition, request.region, time, body, head)
