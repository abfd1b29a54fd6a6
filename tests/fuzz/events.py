"""Targets that read events, one a type."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import msgspec
from bad_input import ACCEPTED, REJECTED, SENT

from stream import decode as events
from stream.when import when
from tests.fuzz.codecs import JSON
from tests.fuzz.examples import GOOD, type_of
from tests.fuzz.target import Target
from twin.log import LogRecord

_KINDS = {
    "report": events.REPORT,
    "topology": events.TOPOLOGY,
    "alarm": events.ALARM,
    "sounding": events.SOUNDING,
}


def reader(type_: str) -> Callable[[bytes], None]:
    """Reads events of one type; what it accepts must read as itself when it is written again."""

    def run(data: bytes) -> None:
        event = events.decode(type_, data)
        again = events.decode(type_, msgspec.json.encode(event))
        assert again == event
        end = next(getattr(event, name) for name in ("time", "end", "event_time") if hasattr(event, name))
        told = when(LogRecord(0, 0, "", SENT, type_, data))
        assert told is not None
        assert told.time == events.to_ms(end), "who reads the time alone reads the same"
        events.from_ms(told.time)

    return run


def event_seeds(type_: str) -> Callable[[], Iterable[bytes]]:
    """Messages of one type, good and bad; of a type without any, all: their fields are alike."""

    def seeds() -> list[bytes]:
        bad = [one for one in REJECTED.values() if len(one.value) < 100_000]
        own = [one.value for one in bad if type_ in (one.type, _KINDS.get(one.kind))]
        good = [json.dumps(event).encode() for event in GOOD if type_of(event) == type_]
        return own + good + (list(ACCEPTED.values()) if type_ == events.REPORT or not good else [])

    return seeds


TARGETS = [
    Target(type_.removeprefix("lockstep.").removesuffix(".v1"), reader(type_), event_seeds(type_), JSON)
    for type_ in events._DECODERS
]
