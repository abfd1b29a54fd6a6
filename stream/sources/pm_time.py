"""Times as files and events have them: ISO 8601 durations, stamps with a zone in any spelling, epochs."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from twin.errors import BadInput

_DURATION = re.compile(r"P(?:(\d{1,3})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.\d+)?S)?)?")
_UNITS_S = (86_400, 3_600, 60, 1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEAR_US = 31_556_952_000_000
_FIRST, _LAST = 10 * _YEAR_US, 200 * _YEAR_US
"""From 1980 to 2170: outside, a number of microseconds is something else."""

MILLISECONDS = "epoch in milliseconds, not microseconds"
_SHORT_ZONE = re.compile(r"([+-]\d{2})_?(\d{2})$")


@lru_cache(maxsize=256)
def duration(text: str) -> timedelta:
    """Read `PT900S` and the like.

    Raises:
        BadInput: bad-period, it is none, or zero.
    """
    match = _DURATION.fullmatch(text.strip())
    length_s = sum(int(n or 0) * unit for n, unit in zip(match.groups(), _UNITS_S, strict=True)) if match else 0
    if length_s <= 0:
        raise BadInput("bad-period", f"{text[:40]!r} is not a duration such as 'PT900S'")
    return timedelta(seconds=length_s)


@lru_cache(maxsize=1024)
def stamp(text: str) -> datetime:
    """Read `2000-03-01T14:14:30+02:00`; the zone may also be written `+0200` or `Z`.

    Returns:
        In UTC.

    Raises:
        BadInput: wrong-type, it is no time; no-time-zone.
    """
    try:
        time = datetime.fromisoformat(_SHORT_ZONE.sub(r"\1:\2", text.strip()))
    except ValueError as error:
        raise BadInput("wrong-type", f"{text[:40]!r} is not a time such as '2000-03-01T14:14:30+02:00'") from error
    if time.tzinfo is None:
        raise BadInput("no-time-zone", f"{text[:40]!r} has no zone")
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise BadInput("bad-period", f"{text[:40]!r} leaves the calendar") from error


def epoch(text: float | str, notes: Counter[str]) -> datetime:
    """Read microseconds since 1970, or what says so and is milliseconds by its magnitude; that is noted.

    Raises:
        BadInput: wrong-type, it is no number; bad-period, it is no time either way.
    """
    try:
        number = float(text)
    except ValueError as error:
        raise BadInput("wrong-type", f"{str(text)[:40]!r} is no epoch in microseconds") from error
    if not _FIRST <= number <= _LAST:
        if not _FIRST <= number * 1000 <= _LAST:
            raise BadInput("bad-period", f"{text} is no time of a measurement, in micro- or milliseconds since 1970")
        notes[MILLISECONDS] += 1
        number *= 1000
    return _EPOCH + timedelta(microseconds=number)
