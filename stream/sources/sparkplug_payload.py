"""The payload of a Sparkplug B message, read and written with protobuf; its descriptor is made here from field numbers.

Only what the twin uses is declared: other fields are passed over, as protobuf wants.

Source: Eclipse Sparkplug 3.0.0, 6.4 (payload, metric, data types).
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from twin.errors import BadInput

LARGEST: Final = 1 << 20
"""A payload [byte]: every metric takes a hundred in memory, and two on the wire."""

MOST_METRICS: Final = 10_000

_F = descriptor_pb2.FieldDescriptorProto
_PAYLOAD: Final = {"timestamp": (1, _F.TYPE_UINT64), "seq": (3, _F.TYPE_UINT64)}
_METRIC: Final = {
    "name": (1, _F.TYPE_STRING),
    "alias": (2, _F.TYPE_UINT64),
    "timestamp": (3, _F.TYPE_UINT64),
    "datatype": (4, _F.TYPE_UINT32),
    "is_historical": (5, _F.TYPE_BOOL),
    "is_transient": (6, _F.TYPE_BOOL),
    "is_null": (7, _F.TYPE_BOOL),
    "int_value": (10, _F.TYPE_UINT32),
    "long_value": (11, _F.TYPE_UINT64),
    "float_value": (12, _F.TYPE_FLOAT),
    "double_value": (13, _F.TYPE_DOUBLE),
    "boolean_value": (14, _F.TYPE_BOOL),
    "string_value": (15, _F.TYPE_STRING),
}
_VALUES: Final = ("int_value", "long_value", "float_value", "double_value", "boolean_value", "string_value")
SIGNED_BITS: Final = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types Int8 to Int64: they travel as unsigned numbers."""


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: Empty where only the alias tells.
        alias: None where it has none.
        time: [ms since 1970]; 0: the payload's.
        value: None where it is null, or of a kind that is no single value.
    """

    name: str
    alias: int | None
    time: int
    datatype: int
    value: int | float | bool | str | None
    null: bool
    historical: bool
    transient: bool


class Payload(NamedTuple):
    """Attributes: time [ms since 1970], 0: not said; seq: -1: not said."""

    time: int
    seq: int
    metrics: list[Metric]


@cache
def _classes() -> tuple[Any, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="lockstep/sparkplug.proto", package="lockstep", syntax="proto2")
    for name, fields in (("Payload", _PAYLOAD), ("Metric", _METRIC)):
        message = file.message_type.add(name=name)
        for label, (number, kind) in fields.items():
            message.field.add(name=label, number=number, type=kind, label=_F.LABEL_OPTIONAL)
    file.message_type[0].field.add(
        name="metrics", number=2, type=_F.TYPE_MESSAGE, type_name=".lockstep.Metric", label=_F.LABEL_REPEATED
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return (
        message_factory.GetMessageClass(find("lockstep.Payload")),
        message_factory.GetMessageClass(find("lockstep.Metric")),
    )


def read(data: bytes) -> Payload:
    """A payload.

    Raises:
        BadInput: malformed; too-large.
    """
    if len(data) > LARGEST:
        raise BadInput("too-large", f"a Sparkplug payload of {len(data)} bytes; {LARGEST} are read")
    try:
        raw = _classes()[0].FromString(data)
    except DecodeError as error:
        raise BadInput("malformed", f"it is no Sparkplug payload: {error}") from None
    if len(raw.metrics) > MOST_METRICS:
        raise BadInput("too-large", f"{len(raw.metrics)} metrics in one payload; {MOST_METRICS} are read")
    return Payload(raw.timestamp, raw.seq if raw.HasField("seq") else -1, [_metric(one) for one in raw.metrics])


def write(payload: Payload) -> bytes:
    """A payload as bytes: for commands, and for whoever plays an edge node."""
    made = _classes()[0](metrics=[_raw(metric) for metric in payload.metrics])
    if payload.time:
        made.timestamp = payload.time
    if payload.seq >= 0:
        made.seq = payload.seq
    return bytes(made.SerializeToString())


def _metric(raw: Any) -> Metric:
    value: Any = None
    for field in _VALUES:
        if raw.HasField(field):
            value = getattr(raw, field)
    # A text that is no UTF-8 is given as bytes.
    if not isinstance(raw.name, str) or isinstance(value, bytes):
        raise BadInput("malformed", "it is no Sparkplug payload: a text in it is not UTF-8")
    if raw.is_null:
        value = None
    bits = SIGNED_BITS.get(raw.datatype)
    if bits is not None and isinstance(value, int) and not isinstance(value, bool):
        value = _signed(value, bits)
    return Metric(
        raw.name,
        raw.alias if raw.HasField("alias") else None,
        raw.timestamp,
        raw.datatype,
        value,
        raw.is_null,
        raw.is_historical,
        raw.is_transient,
    )


def _signed(value: int, bits: int) -> int:
    """Some senders fill the unused bits with the sign's, others with zeros: the lower ones count."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _raw(metric: Metric) -> Any:
    made = _classes()[1](datatype=metric.datatype)
    if metric.name:
        made.name = metric.name
    if metric.alias is not None:
        made.alias = metric.alias
    if metric.time:
        made.timestamp = metric.time
    for flag in ("null", "historical", "transient"):
        if getattr(metric, flag):
            setattr(made, f"is_{flag}", True)
    value = metric.value
    if isinstance(value, bool):
        made.boolean_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, int):
        bits = SIGNED_BITS.get(metric.datatype, 64)
        field = "long_value" if metric.datatype in (4, 8) else "int_value"
        setattr(made, field, value & ((1 << max(bits, 32)) - 1) if field == "long_value" else value & 0xFFFFFFFF)
    elif isinstance(value, float):
        if metric.datatype == 9:
            made.float_value = value
        else:
            made.double_value = value
    return made
