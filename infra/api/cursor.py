"""Cursors: where the next page of a list begins, opaque to whoever carries it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from infra.api.problem import Problem

LONGEST = 4096


def pack(*place: Any) -> str:
    """A place in a list as text for a URL."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def unpack(cursor: str, *types: Any) -> tuple[Any, ...]:
    """The place that `pack` was given.

    Args:
        types: Of its parts.

    Raises:
        Problem: It is not one of ours.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found: tuple[Any, ...] = msgspec.json.decode(raw, type=tuple[types])  # type: ignore[valid-type]
    except (ValueError, UnicodeEncodeError, binascii.Error, msgspec.MsgspecError, RecursionError):
        raise Problem(422, "the cursor is not one that this list has given: begin without one", "bad-cursor") from None
    return found
