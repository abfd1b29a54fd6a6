"""Nested JSON -> attributes: plain values under names with dots; what an attribute can't hold becomes its text."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any

import msgspec

from twin.errors import BadInput
from twin.topology_edit import Attributes, Value

MOST, DEEPEST, LONGEST = 512, 8, 65_536
"""Attributes of one object, levels of nesting, characters of one value."""

WHOLE = 2**63


def flatten(value: Any, into: Attributes, notes: Counter[str], name: str = "", depth: int = 0) -> None:
    """Put a value and all below it into attributes; a YANG module before a name is left out, as in `m:name`.

    Raises:
        BadInput: too-large, there is too much of it.
    """
    if isinstance(value, dict):
        if depth >= DEEPEST:
            raise BadInput("too-large", f"{name[:60]!r} is nested deeper than {DEEPEST}")
        for key, below in value.items():
            own = str(key).rpartition(":")[2]
            flatten(below, into, notes, f"{name}.{own}" if name else own, depth + 1)
        return
    if len(into) >= MOST and name not in into:
        raise BadInput("too-large", f"an object has more than {MOST} attributes")
    into[name] = plain(value, notes)


def plain(value: Any, notes: Counter[str]) -> Value:
    """One value as an attribute holds it.

    Raises:
        BadInput: too-large, its text is too long.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if -WHOLE <= value < WHOLE:
            return value
        notes["an integer beyond 64 bits, kept as text"] += 1
        return limited(str(value))
    if isinstance(value, float):
        return value if isfinite(value) else str(value)
    if isinstance(value, str):
        return limited(value)
    notes["a list, kept as its JSON text"] += 1
    return limited(msgspec.json.encode(value).decode())


def limited(text: str) -> str:
    """A text that is not too long for an attribute. Raises BadInput."""
    if len(text) > LONGEST:
        raise BadInput("too-large", f"a value has {len(text)} characters, {LONGEST} are allowed: {text[:40]!r}")
    return text
