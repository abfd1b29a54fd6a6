"""Inputs that are logs, and the target that prepares them: what is said of a record is said of it alone."""

from __future__ import annotations

import json
from typing import Any

import folding
import radio_region
from bad_input import REJECTED, SENT

from stream import decode as events
from stream.outlets import rejected
from stream.prepare import OtherEvent, PreparedReport, Together, Unusable, prepare
from tests.fuzz.codecs import JSON, UNREADABLE
from tests.fuzz.examples import ANSWER, GOOD, type_of
from tests.fuzz.target import Target
from twin.counters import CATALOGUE
from twin.log import LogRecord


def log_of(data: bytes) -> list[LogRecord]:
    """An input as records of one partition: `[[type, time, key, value], ...]`, or else one report's bytes.

    A value that is text stands for its own bytes.
    """
    try:
        items = json.loads(data)
    except UNREADABLE:
        items = None
    if not isinstance(items, list):
        return [LogRecord(0, 0, "", SENT, events.REPORT, data)]
    made: list[LogRecord] = []
    for item in items[:12]:
        type_, time, key, value = (
            (*item, None, None, None, None)[:4] if isinstance(item, list) else ("", SENT, "", item)
        )
        body = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()
        when = time if isinstance(time, int) and 0 <= time <= events.LATEST_MS else SENT
        made.append(LogRecord(0, len(made), _text(key), when, _text(type_) or events.REPORT, body))
    return made


def _text(value: Any) -> str:
    # As `to_record` makes them of a message: whatever bytes came, it is text that can be written.
    return str(value).encode("utf-8", "replace").decode() if value is not None else ""


def log_seeds() -> list[bytes]:
    """Logs that go together, and single bad records."""
    logs = [
        folding.log([folding.report(e, p, 40.0 + p) for p in range(3) for e in (folding.A, folding.B)]),
        [LogRecord(0, n, "", SENT, type_of(e), json.dumps(e).encode()) for n, e in enumerate(GOOD)],
        folding.log([folding.alarm(), folding.alarm(), folding.alarm("CLEARED")]),
        folding.log([folding.sample(folding.A, s, 20.0) for s in (0, 30, 60, 61)]),
        folding.log([folding.report(folding.A, p, 50.0) for p in (0, 3, 1, 1)]),
        folding.log([radio_region.declared(), *(radio_region.sounding(p, 3) for p in (0, 1, 5)), ANSWER]),
    ]
    logs += [[bad.record()] for bad in REJECTED.values() if len(bad.value) < 1500 and bad.kind != "senml"]
    return [written(log) for log in logs]


def written(log: list[LogRecord]) -> bytes:
    """Records as an input: what `log_of` reads."""
    rows = []
    for record in log:
        try:
            value: Any = json.loads(record.value)
        except UNREADABLE:
            value = record.value.decode("utf-8", "replace")
        rows.append([record.type, record.time, record.key, value])
    return json.dumps(rows).encode()


def _prepare(data: bytes) -> None:
    log = log_of(data)
    together = prepare(log, CATALOGUE, 600_000)
    assert len(together) == len(log)
    for record, item in zip(log, together, strict=True):
        (alone,) = prepare([record], CATALOGUE, 600_000)
        assert _said(alone) == _said(item), "what is said of a record must not depend on its batch"
        if isinstance(item, Unusable):
            rejected("twin.inbox", record, item.error)


def _said(item: PreparedReport | OtherEvent | Together | Unusable) -> Any:
    if isinstance(item, Together):
        return [_said(member) for member in item.members]
    if isinstance(item, Unusable):
        return item.error.reason, item.error.detail
    if isinstance(item, OtherEvent):
        return item.event
    return item.report, item.begin, item.end, item.checksum()


TARGETS = (Target("prepare", _prepare, log_seeds, JSON),)
