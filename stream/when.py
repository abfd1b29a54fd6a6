"""When what a record tells of happened, without reading the rest of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from stream.decode import (
    ALARM,
    ALARM_NOTE,
    BURST,
    CANDIDATE,
    INVENTORY,
    NEIGHBOURS,
    ORDER,
    OUTAGE,
    REPORT,
    SOUNDING,
    TICK,
    TOPOLOGY,
    TOPOLOGY_CHANGES,
    TRANSITION,
    to_ms,
)
from twin.events import Time
from twin.log import LogRecord


class When(NamedTuple):
    """An event's time [ms since 1970]; of a report also who measured, and for how long [ms]."""

    time: int
    element: str = ""
    length: int = 0


class _Report(msgspec.Struct):
    element: str
    begin: Time
    end: Time


class _Timed(msgspec.Struct):
    time: Time


class _Alarm(msgspec.Struct):
    event_time: Time = msgspec.field(name="eventTime")


_REPORT = msgspec.json.Decoder(_Report)
_TIMED = msgspec.json.Decoder(_Timed)
_ALARM = msgspec.json.Decoder(_Alarm)


def when(record: LogRecord) -> When | None:
    """The time of a record's event; None where it can't be read: then it was rejected when it came."""
    try:
        if record.type == REPORT:
            report = _REPORT.decode(record.value)
            end = to_ms(report.end)
            return When(end, report.element, end - to_ms(report.begin))
        if record.type in (
            TOPOLOGY,
            TOPOLOGY_CHANGES,
            INVENTORY,
            NEIGHBOURS,
            ALARM_NOTE,
            OUTAGE,
            TICK,
            SOUNDING,
            BURST,
            ORDER,
            CANDIDATE,
            TRANSITION,
        ):
            return When(to_ms(_TIMED.decode(record.value).time))
        if record.type == ALARM:
            return When(to_ms(_ALARM.decode(record.value).event_time))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None
