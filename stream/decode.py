"""Bytes of the log -> events; what can't be read is `BadInput` with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from twin import dn
from twin.alarm_events import AlarmNote, PlannedOutage, check_note, check_outage
from twin.alarm_record import check as check_alarm
from twin.errors import BadInput
from twin.events import (
    SCHEMA_VERSION,
    Alarm,
    Inventory,
    NeighboursSeen,
    Report,
    Tick,
    TopologyChange,
    TopologyChanges,
)
from twin.inventory import check_part
from twin.model_events import ModelCandidate, ModelTransition
from twin.radio import soundings
from twin.radio.events import BurstOrder, BurstResult, Sounding

Event = (
    Report
    | TopologyChange
    | TopologyChanges
    | Alarm
    | AlarmNote
    | PlannedOutage
    | Inventory
    | NeighboursSeen
    | Tick
    | Sounding
    | BurstOrder
    | BurstResult
    | ModelCandidate
    | ModelTransition
)

REPORT, TOPOLOGY, ALARM = "lockstep.report.v1", "lockstep.topology.v1", "lockstep.alarm.v1"
TOPOLOGY_CHANGES = "lockstep.topology-changes.v1"
"""Many changes of the topology as one record; see `stream.together`."""

ALARM_NOTE, OUTAGE = "lockstep.alarm-note.v1", "lockstep.planned-outage.v1"
ALARM_STATE = "lockstep.alarm-state.v1"
"""Leaves the twin, and never enters it."""

TICK, NEIGHBOURS = "lockstep.tick.v1", "lockstep.neighbours.v1"
INVENTORY = "lockstep.inventory.v1"
SOUNDING, BURST = "lockstep.sounding.v1", "lockstep.burst.v1"
ORDER = "lockstep.burst-order.v1"
CANDIDATE, TRANSITION = "lockstep.model-candidate.v1", "lockstep.model-transition.v1"

_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {
    REPORT: msgspec.json.Decoder(Report),
    TOPOLOGY: msgspec.json.Decoder(TopologyChange),
    TOPOLOGY_CHANGES: msgspec.json.Decoder(TopologyChanges),
    ALARM: msgspec.json.Decoder(Alarm),
    ALARM_NOTE: msgspec.json.Decoder(AlarmNote),
    OUTAGE: msgspec.json.Decoder(PlannedOutage),
    INVENTORY: msgspec.json.Decoder(Inventory),
    TICK: msgspec.json.Decoder(Tick),
    NEIGHBOURS: msgspec.json.Decoder(NeighboursSeen),
    SOUNDING: msgspec.json.Decoder(Sounding),
    ORDER: msgspec.json.Decoder(BurstOrder),
    BURST: msgspec.json.Decoder(BurstResult),
    CANDIDATE: msgspec.json.Decoder(ModelCandidate),
    TRANSITION: msgspec.json.Decoder(ModelTransition),
}
KNOWN: dict[str, type[Event]] = {type_: decoder.type for type_, decoder in _DECODERS.items()}
"""Every event that the log takes, by its CloudEvents type."""

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
LATEST_MS = 253_402_300_799_000
"""The last second of the year 9999."""


class _Version(msgspec.Struct):
    schema_version: int = SCHEMA_VERSION


def to_ms(time: datetime) -> int:
    """Milliseconds since 1970."""
    return (time - _EPOCH) // _MS


@lru_cache(maxsize=1024)
def from_ms(ms: int) -> datetime:
    """The reverse of `to_ms`, in UTC; what is before 1970 or after the year 9999 is moved there."""
    return _EPOCH + min(max(ms, 0), LATEST_MS) * _MS


def decode(type_: str, value: bytes) -> Event:
    """Read one event.

    Args:
        type_: Its CloudEvents type.

    Raises:
        BadInput: malformed, wrong-type, no-time-zone, unknown-type, unknown-schema-version, bad-name or out-of-scope.
    """
    decoder = _DECODERS.get(type_)
    if decoder is None:
        stem = type_.rpartition(".v")[0]
        if stem and f"{stem}.v1" in _DECODERS:
            raise BadInput("unknown-schema-version", f"{type_!r}; this version reads v1: update Lockstep")
        raise BadInput("unknown-type", f"{type_!r}; known: {', '.join(sorted(_DECODERS))}")
    try:
        event = decoder.decode(value)
    except msgspec.ValidationError as error:
        raise _why(value, error) from error
    except _UNREADABLE as error:
        raise BadInput("malformed", str(error)) from error
    if event.schema_version != SCHEMA_VERSION:
        raise BadInput("unknown-schema-version", _version_text(event.schema_version))
    if isinstance(event, Alarm):
        check_alarm(event)
    elif isinstance(event, AlarmNote):
        check_note(event)
    elif isinstance(event, PlannedOutage):
        check_outage(event)
    elif isinstance(event, TopologyChange):
        _check_names(event)
    elif isinstance(event, Inventory):
        check_part(event)
    elif isinstance(event, NeighboursSeen):
        for name in {name for pair in (*event.made, *event.gone) for name in pair}:
            dn.check(name)
    elif isinstance(event, Sounding):
        soundings.check(event)
    elif isinstance(event, BurstResult | BurstOrder):
        dn.check(event.region)
    return event


def _why(value: bytes, error: msgspec.ValidationError) -> BadInput:
    """A newer schema may have other types: say that first, since it is the real reason."""
    try:
        version = msgspec.json.decode(value, type=_Version).schema_version
    except _UNREADABLE:  # this reads on where the first attempt gave up
        version = SCHEMA_VERSION
    if version != SCHEMA_VERSION:
        return BadInput("unknown-schema-version", _version_text(version))
    text = str(error)
    return BadInput("no-time-zone" if "timezone component" in text else "wrong-type", text)


def _version_text(version: int) -> str:
    return f"{version}; this version reads {SCHEMA_VERSION}: update Lockstep, then replay the rejected messages"


def _check_names(change: TopologyChange) -> None:
    for entity in change.entities:
        dn.check(entity.dn)
    for relation in change.relations:
        dn.check(relation.source)
        dn.check(relation.target)
