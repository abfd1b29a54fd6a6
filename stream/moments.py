"""Times as people type them."""

from __future__ import annotations

from datetime import UTC, datetime

from twin.errors import ConfigurationError


def moment(text: str | None) -> datetime | None:
    """An RFC 3339 time with a zone, or none.

    Raises:
        ConfigurationError: It isn't one.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigurationError(f"{text!r} is no time: write it like 2026-03-01T12:00:00Z") from error
    if time.tzinfo is None:
        raise ConfigurationError(f"{text!r} has no zone: write it like 2026-03-01T12:00:00Z")
    return time.astimezone(UTC)
