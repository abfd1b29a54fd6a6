"""Local time: how far the clock on the wall is from UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from twin.errors import ConfigurationError

QUARTER_MS = 900_000
"""Zones change their offset on a quarter of an hour."""


@lru_cache
def local_offset(zone: str) -> Callable[[int], int]:
    """How far a zone's time is ahead of UTC: a function of the moment [ms since 1970], in ms.

    Args:
        zone: An IANA name, such as `Europe/Berlin`.

    Raises:
        ConfigurationError: There is no such zone.
    """
    if zone == "UTC":
        return lambda _: 0
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigurationError(f"there is no time zone {zone!r}: take an IANA name, such as Europe/Berlin") from error

    @lru_cache(maxsize=4096)
    def of_quarter(quarter: int) -> int:
        offset = datetime.fromtimestamp(quarter * QUARTER_MS / 1000, UTC).astimezone(info).utcoffset()
        assert offset is not None
        return int(offset.total_seconds() * 1000)

    return lambda ms: of_quarter(ms // QUARTER_MS)
