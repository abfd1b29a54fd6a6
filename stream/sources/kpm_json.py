"""E2SM-KPM indications as the programs on open RICs print them, in JSON: one, a list, or one a line.

Three shapes are read:

* what O-RAN SC's and srsRAN's Python xApps extract: `measData`, name -> values of successive periods, and
  `granulPeriod` [ms]; or `ueMeasData`, terminal -> the same. With it `colletStartTime`, and the node as `e2_node_id`;
* the message itself, as ASN.1 compilers turn it into JSON: `indicationHeader` and `indicationMessage`, choices as
  `{"name": value}` or `["name", value]`;
* a cell's metrics of O-RAN SC's KPI monitor: `CellID`, `AvailPRBDL`, `PDCPBytesDL`, each with its time and period.

Source: O-RAN.WG3.E2SM-KPM 3, 8.2.1; the programs named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from stream.sources import kpm, kpm_compiled
from stream.sources.account import Account
from stream.sources.kpm import Header, Measurements
from stream.sources.kpm_compiled import choice, member_of, number, whole_number
from stream.sources.pm_names import element_name
from stream.sources.pm_time import epoch, stamp
from twin.errors import BadInput
from twin.events import Report
from twin.source_units import Meanings

MOST: int = 100_000
"""Indications in one file."""

_MARKS = (
    b'"measData"',
    b'"ueMeasData"',
    b'"indicationMessage',
    b'"MeasTimestampAvailPRB"',
    b'"MeasTimestampPDCPBytes"',
)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def recognise(first: bytes, _name: str) -> bool:
    """Whether a file holds such indications."""
    return first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and any(mark in first for mark in _MARKS)


def read(value: bytes, account: Account) -> Iterator[Report]:
    """The reports of all indications. One that can't be used is left out, and noted with its reason.

    Raises:
        BadInput: malformed; or the reason, where there is only one.
    """
    said, refused = 0, 0
    last = BadInput("empty", "a list without an indication")
    for said, one in enumerate(_messages(value), 1):
        if said > MOST:
            raise BadInput("too-many", f"more than {MOST} indications in one file: split it")
        try:
            yield from _one(one, account)
        except BadInput as error:
            refused, last = refused + 1, error
            account.notes[f"refused: {error.reason}"] += 1
    if refused == said:
        raise last


def _messages(value: bytes) -> Iterator[Any]:
    try:
        whole = msgspec.json.decode(value)
    except _UNREADABLE:
        lines = [line for line in value.splitlines() if line.strip()]
        if len(lines) < 2:
            raise BadInput("malformed", "it is not JSON") from None
        for at, line in enumerate(lines, 1):
            try:
                yield msgspec.json.decode(line)
            except _UNREADABLE as error:
                raise BadInput("malformed", f"line {at} is not JSON: {error}") from error
        return
    yield from whole if isinstance(whole, list) else [whole]


def _one(one: Any, account: Account) -> Iterator[Report]:
    if not isinstance(one, dict):
        raise BadInput("wrong-type", "an indication is a JSON object")
    if "CellID" in one:
        return _cell_metrics(one, account)
    message = _field(one, "indicationMessage", "meas", default=one)
    header = _header(one)
    if "indicationMessage-formats" in message:
        return kpm.reports(header, kpm_compiled.message(message["indicationMessage-formats"]), account)
    if isinstance(by_ue := message.get("ueMeasData"), dict):
        return kpm.reports(header, [_extracted(body) for body in by_ue.values()], account)
    return kpm.reports(header, [_extracted(message)], account)


def _header(one: dict[str, Any]) -> Header:
    told = _field(one, "indicationHeader", "header", default=one)
    if "indicationHeader-formats" in told:
        told = choice(told["indicationHeader-formats"])[1]
        if not isinstance(told, dict):
            raise BadInput("wrong-type", "an indication's header is an object")
    begin = told.get("colletStartTime", told.get("collectStartTime", one.get("collect_start_ns")))
    sender = told.get("senderName") or one.get("e2_node_id") or one.get("e2NodeId") or ""
    vendor, kind = told.get("vendorName") or "", told.get("senderType") or ""
    if not all(isinstance(text, str) for text in (sender, vendor, kind)):
        raise BadInput("wrong-type", "the names in an indication's header are texts")
    return Header(_time(begin, nanoseconds="collect_start_ns" in one), sender, kind, vendor)


def _time(said: Any, *, nanoseconds: bool) -> datetime:
    """A stamp with a zone; seconds, milliseconds, micro- or nanoseconds since 1970, told apart by their magnitude."""
    if isinstance(said, str):
        return stamp(said)
    if not isinstance(said, int | float) or isinstance(said, bool):
        raise BadInput("wrong-type", "an indication without colletStartTime, or with one that is no time")
    if nanoseconds:
        said = said / 1e9
    return epoch(said * 1e6 if said < 1e11 else said * 1e3 if said < 1e14 else said, Counter())


def _extracted(body: Any) -> Measurements:
    data = member_of(body, "measData", "a measurement")["measData"]
    if not isinstance(data, dict) or not data:
        raise BadInput("wrong-type", "measData is an object, name -> values")
    columns = [value if isinstance(value, list) else [value] for value in data.values()]
    if len({len(column) for column in columns}) != 1:
        raise BadInput("shape", "measData has more periods of one counter than of another")
    rows = [[number(value) for value in row] for row in zip(*columns, strict=True)]
    return Measurements(rows, [[(str(name), {})] for name in data], whole_number(body.get("granulPeriod")))


def _cell_metrics(one: dict[str, Any], account: Account) -> Iterator[Report]:
    meanings = Meanings("kpimon", account.catalogue)
    element = element_name("", str(one["CellID"]))
    for time, length, names in (
        ("MeasTimestampAvailPRB", "MeasPeriodAvailPRB", ("AvailPRBDL", "AvailPRBUL")),
        ("MeasTimestampPDCPBytes", "MeasPeriodPDCPBytes", ("PDCPBytesDL", "PDCPBytesUL")),
    ):
        if time not in one:
            continue
        period_ms = whole_number(one.get(length))
        if period_ms is None or not 0 < period_ms <= kpm.LONGEST / timedelta(milliseconds=1):
            raise BadInput("bad-period", f"{length} is {str(one.get(length))[:40]!r}")
        end, period = _stamped(one[time]), timedelta(milliseconds=period_ms)
        kept = {
            meanings.meaning(name).counter: meanings.conversion(name, period.total_seconds())(value)
            for name in names
            if (value := number(one.get(name))) is not None
        }
        if kept:
            yield Report(
                element=element,
                begin=end - period,
                end=end,
                objects=[""],
                counters=list(kept),
                values=[list(kept.values())],
                source=account.format,
            )


def _stamped(said: Any) -> datetime:
    if isinstance(said, dict) and isinstance(second := said.get("tv_sec"), int):
        return epoch(second * 1e6 + (number(said.get("tv_nsec")) or 0.0) / 1e3, Counter())
    return stamp(str(said))


def _field(one: dict[str, Any], *names: str, default: dict[str, Any]) -> dict[str, Any]:
    return next((one[name] for name in names if isinstance(one.get(name), dict)), default)
