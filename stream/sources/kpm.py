"""E2SM-KPM: measurements of an E2 node as an indication has them -> reports.

What a name's unit is depends on who sends it, and nothing in the protocol says it: so the sender's kind is taken from
the header's vendor name, or `--set units=` says it, or the indication is refused. Values of single terminals are put
together to one of the cell, as `twin.source_units` says for each counter; no terminal's number is kept.

Source: O-RAN.WG3.E2SM-KPM 3, 8.2.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from stream.sources.account import Account
from stream.sources.pm_names import element_name
from stream.sources.template import escape
from twin.errors import BadInput
from twin.events import Report
from twin.source_units import Meanings, sources
from twin.state import MOST_COUNTERS

OPTIONS: Final = {
    "units": f"who sends E2SM-KPM, and so what its units are: {', '.join(sources())}",
    "counters": "names of an indication that has none: those of the subscription, in its order, with commas",
    "prbs-per-s-dl": "PRBs that the carrier has in all downlink slots of a second, for who counts PRBs",
    "prbs-per-s-ul": "the same in uplink",
    "element": "name of the E2 node, where an indication has none",
}
VENDORS: Final = {"viavi": "viavi", "openairinterface": "oai", "oai": "oai", "eurecom": "oai", "srs": "srsran"}
"""How a vendor's name begins -> whose units."""

LONGEST: Final = timedelta(days=1)
MOST_ROWS: Final = 10_000
"""Periods in one indication."""


class Header(NamedTuple):
    """Of an indication: begin of the first period, and who sent it."""

    begin: datetime
    sender: str = ""
    sender_type: str = ""
    vendor: str = ""


class Measurements(NamedTuple):
    """Of one indication, or of one terminal in it.

    Attributes:
        rows: Periods one after the other; a row has a value for each name; None is missing.
        names: Kinds of measurement, each with its name and labels as often as it has values in a row.
        period_ms: Of one row.
    """

    rows: list[list[float | None]]
    names: list[list[tuple[str, dict[str, str]]]]
    period_ms: int | None


def reports(header: Header, told: Sequence[Measurements], account: Account) -> Iterator[Report]:
    """The reports of one indication, one a period.

    Args:
        told: One: of the node or a cell; several: of so many terminals.

    Raises:
        BadInput: unknown-unit, who sends it isn't known; unknown-counter, values without names; bad-period; shape.
    """
    options = account.options
    meanings = Meanings(_sender(header, options), account.catalogue, _capacity(options))
    element = element_name("", options.get("element") or header.sender)
    length = _period(told)
    values: dict[int, dict[str, list[float]]] = {}
    for one in told:
        names = _names(one, options)
        if len(one.rows) > MOST_ROWS:
            raise BadInput("too-many", f"{len(one.rows)} periods in one indication; {MOST_ROWS} are taken")
        for at, row in enumerate(one.rows):
            if len(row) != len(names):
                raise BadInput("shape", f"{len(row)} values in a period for {len(names)} names")
            for name, value in zip(names, row, strict=True):
                found = values.setdefault(at, {}).setdefault(name, [])
                if value is not None:
                    found.append(value)
    if len(told) > 1:
        account.notes["terminals of an indication put together"] += len(told)
    for at in sorted(values):
        totals: list[str] = []
        kept = _kept(values[at], meanings, length, account, totals)
        begin = header.begin + at * length
        counters = list(kept)
        for first in range(0, len(counters), MOST_COUNTERS):
            chosen = counters[first : first + MOST_COUNTERS]
            yield Report(
                element=element,
                begin=begin,
                end=begin + length,
                objects=[""],
                counters=chosen,
                values=[[kept[name] for name in chosen]],
                source=account.format,
                cumulative=[name for name in chosen if name in totals],
            )


def _kept(
    values: Mapping[str, list[float]], meanings: Meanings, length: timedelta, account: Account, totals: list[str]
) -> dict[str, float | None]:
    kept: dict[str, float | None] = {}
    for name, found in values.items():
        try:
            meaning = meanings.meaning(name)
            change = meanings.conversion(name, length.total_seconds())
        except BadInput as error:
            account.dropped[f"{name[:80]} ({error.reason})"] += max(1, len(found))
            continue
        if meaning.counts_up:
            totals.append(meaning.counter)
        total = sum(found) / (1 if meaning.over_ues == "sum" else max(1, len(found)))
        value = change(total) if found else None
        if value is not None and value - value != 0.0:
            raise BadInput("out-of-range", f"{name[:80]} is {total}")
        kept[meaning.counter] = value
    return kept


def _sender(header: Header, options: Mapping[str, str]) -> str:
    vendor = header.vendor.lower()
    known = next((units for start, units in VENDORS.items() if vendor.startswith(start)), "")
    if not (said := options.get("units") or known):
        raise BadInput(
            "unknown-unit",
            f"who sent it, {header.vendor[:40] or 'nobody'!r}, tells no units, and the same name has several: say "
            f"--set units=, one of {', '.join(sources())}",
        )
    return said


def _capacity(options: Mapping[str, str]) -> tuple[float | None, float | None]:
    def number(name: str) -> float | None:
        try:
            return float(options[name]) if name in options else None
        except ValueError as error:
            raise BadInput("wrong-type", f"--set {name}={options[name][:40]!r} is no number") from error

    return number("prbs-per-s-dl"), number("prbs-per-s-ul")


def _period(told: Sequence[Measurements]) -> timedelta:
    periods = {one.period_ms for one in told}
    if len(periods) != 1 or (ms := periods.pop()) is None or not 0 < ms <= LONGEST / timedelta(milliseconds=1):
        raise BadInput("bad-period", "an indication without one granularity period of at most a day")
    return timedelta(milliseconds=ms)


def _names(one: Measurements, options: Mapping[str, str]) -> list[str]:
    if not one.names:
        said = [name for name in options.get("counters", "").split(",") if name]
        if not said:
            width = len(one.rows[0]) if one.rows else 0
            raise BadInput(
                "unknown-counter", f"{width} values without names: they are the subscription's; say --set counters="
            )
        return said
    return [name + _suffix(label) for kind in one.names for name, label in kind]


def _suffix(label: Mapping[str, str]) -> str:
    """A label as a sub-counter: a 5QI, a slice, a network, or a bin."""
    plain = {key: value for key, value in label.items() if key not in ("noLabel", "sUM", "avg")}
    if not plain:
        return ""
    bins = [plain[axis] for axis in ("distBinX", "distBinY", "distBinZ") if plain.get(axis)]
    if bins and len(plain) == len(bins):
        return f".Bin{'.'.join(bins)}"
    if len(plain) == 1 and (key := next(iter(plain))) in ("fiveQI", "qFI", "sliceID", "plmnID"):
        return f".{plain[key]}"
    # The catalogue knows no such sub-counter: it is dropped, and named.
    return "." + "-".join(escape(f"{key}{value}") for key, value in plain.items())[:100]
