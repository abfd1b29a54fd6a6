"""Time stamps of tables -> begin and end of a period, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.targets import parse_duration_s
from stream.sources.profile_spec import TimeSpec
from twin.errors import BadInput, ConfigurationError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
DAY_S = 86_400


class Period(NamedTuple):
    """A granularity period.

    Attributes:
        end_ms: Its end [ms since 1970].
    """

    begin: datetime
    end: datetime
    end_ms: int


def zone(name: str) -> tzinfo | None:
    """The zone of this name; none for an empty one. Raises ConfigurationError."""
    if name in ("", "UTC"):
        return UTC if name else None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"unknown time zone {name!r}; write it like 'Europe/Rome' or 'UTC'") from error


class Stamps:
    """Reads the stamps of one table; the same text is read once.

    In the hour that a zone has twice in autumn a stamp means its first occurrence.

    Raises:
        ConfigurationError: The zone or the granularity can't be read.
    """

    def __init__(self, spec: TimeSpec, granularity: str) -> None:
        self._spec = spec
        self._zone = zone(spec.zone)
        if (length_s := parse_duration_s(granularity)) > DAY_S:
            raise ConfigurationError(f"granularity {granularity!r} is longer than a day")
        self._length = timedelta(seconds=length_s)
        _check_format(spec.format)
        self._known: dict[str, Period] = {}

    def read(self, text: str) -> Period:
        """The period a stamp stands for.

        Raises:
            BadInput: `wrong-type` or `no-time-zone`.
        """
        period = self._known.get(text)
        if period is None:
            stamp = self._stamp(text)
            try:
                begin = stamp if self._spec.stamp == "begin" else stamp - self._length
                end = begin + self._length
            except OverflowError as error:
                raise BadInput("wrong-type", f"the period of {text[:40]!r} leaves the calendar") from error
            period = self._known[text] = Period(begin, end, (end - _EPOCH) // _MS)
        return period

    def _stamp(self, text: str) -> datetime:
        form = self._spec.format
        try:
            if form in ("epoch-s", "epoch-ms"):
                return _EPOCH + timedelta(seconds=float(text) / (1.0 if form == "epoch-s" else 1000.0))
            text = text.strip()
            # A stamp without a zone gets it below.
            stamp = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
            if stamp.tzinfo is None:
                if self._zone is None:
                    raise BadInput("no-time-zone", f"{text[:40]!r} has no zone and the profile declares none")
                stamp = stamp.replace(tzinfo=self._zone)
            return stamp.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise BadInput("wrong-type", f"{text[:40]!r} is not a time of the form {form!r}") from error


def _check_format(form: str) -> None:
    """Refuse what `strptime` can't read at all, before it is tried on every row. Raises ConfigurationError."""
    if form in ("iso", "epoch-s", "epoch-ms"):
        return
    try:
        datetime.strptime("", form)  # noqa: DTZ007
    except re.error as error:
        raise ConfigurationError(f"time format {form!r} names a part twice; see strptime") from error
    except (ValueError, LookupError) as error:
        # An empty text fits no format; the other messages are about the format itself.
        if "does not match" not in str(error):
            raise ConfigurationError(f"time format {form!r}: {error}") from error
