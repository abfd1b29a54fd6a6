"""The envelope of ONAP VES 7: one event or a list of them, each with a common header.

Fields are checked by types of our own, made from the names and rules of the standard. Version 7 of the listener is
read; older events are still sent, and refused with that reason.

Source: ONAP VES Event Listener 7.2.1 (`CommonEventFormat_30.2.1_ONAP`).
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, Literal, TypeVar

import msgspec

from stream.sources.pm_names import element_name
from stream.sources.pm_time import epoch
from twin.errors import BadInput

MOST_EVENTS = 1000
"""In one list."""

Kind = TypeVar("Kind")
Priority = Literal["High", "Medium", "Normal", "Low"]


class Header(msgspec.Struct, frozen=True, rename="camel"):
    """`commonEventHeader`: what the standard requires, and what the twin uses."""

    domain: str
    event_id: str
    event_name: str
    last_epoch_microsec: float
    priority: Priority
    reporting_entity_name: str
    sequence: int
    source_name: str
    start_epoch_microsec: float
    version: str
    ves_event_listener_version: str
    nf_vendor_name: str = ""
    stnd_defined_namespace: str | None = None

    def check(self) -> None:
        """Raises BadInput where a rule is broken that a type can't say."""
        if self.ves_event_listener_version.partition(".")[0] != "7":
            raise BadInput(
                "unknown-schema-version",
                f"VES listener version {self.ves_event_listener_version[:20]!r}; versions 7 are read",
            )
        if self.domain == "stndDefined" and not self.stnd_defined_namespace:
            raise BadInput("wrong-type", "a stndDefined event without stndDefinedNamespace")

    def element(self) -> str:
        """Distinguished name of the source. Raises BadInput."""
        return element_name("", self.source_name)

    def period(self, notes: Counter[str]) -> tuple[datetime, datetime]:
        """Begin and end. Raises BadInput."""
        begin, end = epoch(self.start_epoch_microsec, notes), epoch(self.last_epoch_microsec, notes)
        if end < begin:
            raise BadInput("bad-period", f"it ends at {end.isoformat()} and begins at {begin.isoformat()}")
        return begin, end


class _Old(msgspec.Struct):
    header: dict[str, Any] = msgspec.field(name="commonEventHeader")


class _Event(msgspec.Struct):
    header: Header = msgspec.field(name="commonEventHeader")


class _Message(msgspec.Struct, rename="camel"):
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    event_list: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def split(value: bytes) -> list[tuple[Header, bytes]]:
    """The events of a message, headers checked.

    Raises:
        BadInput: malformed; wrong-type; unknown-schema-version; too-many; the detail says which event.
    """
    try:
        message = msgspec.json.decode(value, type=_Message)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"it is no VES event: {error}") from error
    except _UNREADABLE as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
    one, many = message.event, message.event_list
    if (one is msgspec.UNSET) == (many is msgspec.UNSET):
        raise BadInput("wrong-type", "it needs either event or eventList")
    raw = [one] if isinstance(one, msgspec.Raw) else many
    assert isinstance(raw, list)
    if len(raw) > MOST_EVENTS:
        raise BadInput("too-many", f"{len(raw)} events in one list; {MOST_EVENTS} are taken")
    out = []
    for number, body in enumerate(raw, 1):
        try:
            out.append((_header(bytes(body)), bytes(body)))
        except BadInput as error:
            where = f"event {number} of {len(raw)}: " if len(raw) > 1 else ""
            raise BadInput(error.reason, where + error.detail) from error
    return out


def fields(body: bytes, kind: type[Kind]) -> Kind:
    """The fields of an event as `kind`. Raises BadInput."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", str(error)) from error
    except _UNREADABLE as error:  # texts are looked into only now
        raise BadInput("malformed", f"it is not JSON: {error}") from error


def _header(body: bytes) -> Header:
    try:
        header = fields(body, _Event).header
    except BadInput as error:
        if error.reason != "wrong-type":
            raise
        raise _why(body, error) from error
    header.check()
    return header


def _why(body: bytes, error: BadInput) -> BadInput:
    """An older event lacks the listener's version, or has numbers for versions: say that, it is the real reason."""
    try:
        version = fields(body, _Old).header.get("version")
    except BadInput:
        version = None
    if isinstance(version, int | float):
        return BadInput("unknown-schema-version", f"VES with header version {version}, before 7; versions 7 are read")
    return error
