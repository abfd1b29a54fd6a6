"""3GPP alarm records and notifications of fault supervision, in JSON -> alarms and notes on them.

Read are one notification (`notificationType` says which), one AlarmRecord, a list of either, a map of alarmId to
AlarmRecord as `GET /alarms` answers, an AlarmList with `alarmRecords`, and lines of JSON. What each says is understood
in `stream.sources.alarm_told`.

Source: TS 28.111 (Rel-18) and TS 28.532 (Rel-16) 12.2, OpenAPI of both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from stream.sources.alarm_told import Told, understood
from twin.alarm_events import AlarmNote
from twin.alarm_record import Alarm
from twin.errors import BadInput

Notes = Counter[str]
Kind = TypeVar("Kind")

MOST_RECORDS = 50_000

_WRAPPED = re.compile(rb'"alarm"\s*:\s*\{')
"""So TM Forum's events carry an alarm of theirs, also inside a record of something else, such as TMF656's problems."""


def begins(first: bytes, _name: str) -> bool:
    """Whether a file that begins so holds records; those that VES, TM Forum or a recording wraps are theirs."""
    return (
        first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
        and (b'"perceivedSeverity"' in first or b'"notificationType"' in first)
        and (b'"objectInstance"' in first or _WRAPPED.search(first) is None)
        and not any(mark in first for mark in (b'"commonEventHeader"', b'"alarmedObject"', b'"lockstep.'))
    )


def is_ours(value: bytes) -> bool:
    """Whether a message is an alarm as the log has it, and no record or notification as its source wrote it."""
    return b'"eventTime"' in value and b'"notificationType"' not in value and not value.lstrip().startswith(b"[")


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decoded(value: bytes | msgspec.Raw, kind: type[Kind]) -> Kind:
    """JSON as `kind`. Raises BadInput: malformed, wrong-type."""
    try:
        return msgspec.json.decode(value, type=kind)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", str(error)) from error
    except _UNREADABLE as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error


def read(value: bytes, source: str, notes: Notes) -> Iterator[Alarm | AlarmNote]:
    """What all records of a message or file say, in their order.

    Raises:
        BadInput: malformed, wrong-type, no-time-zone, bad-name, too-large, too-many; the detail says which record.
    """
    for number, (name, body) in enumerate(_records(value), 1):
        if number > MOST_RECORDS:
            raise BadInput("too-many", f"more than {MOST_RECORDS} records: send the list in parts")
        try:
            told = decoded(body, Told)
            if name and not told.alarm_id:
                told.alarm_id = name
            yield understood(told, source, notes)
        except BadInput as error:
            raise BadInput(error.reason, f"record {number}: {error.detail}") from error


def _records(value: bytes) -> Iterator[tuple[str, bytes | msgspec.Raw]]:
    """Each record with the name that a map gives it."""
    try:
        whole = msgspec.json.decode(value, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"it is neither a record nor a list of them: {error}") from error
    except _UNREADABLE as error:
        lines = [line for line in value.splitlines() if line.strip()]
        if len(lines) < 2:
            raise BadInput("malformed", f"it is not JSON: {error}") from error
        yield from (("", line) for line in lines)
        return
    if isinstance(whole, list):
        yield from (("", body) for body in whole)
    elif "alarmRecords" in whole:
        yield from _records(bytes(whole["alarmRecords"]))
    elif "attributes" in whole and "notificationType" not in whole:
        yield from _records(bytes(whole["attributes"]))
    elif whole.keys() & {"perceivedSeverity", "notificationType", "alarmType", "objectInstance"}:
        yield "", value
    else:
        yield from whole.items()
