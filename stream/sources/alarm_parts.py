"""Optional parts of alarm records: what fits is taken, bounded; what doesn't is left out and noted."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any, Final

import msgspec

from stream.sources.pm_time import stamp
from twin import dn
from twin.alarm_record import MOST_PARTS, AlarmComment, CorrelatedNotification, ThresholdInfo
from twin.errors import BadInput
from twin.event_types import Value

Notes = Counter[str]

LONGEST_TEXT: Final = 2048
LONGEST_VALUE: Final = 256
MOST_VALUES: Final = 32
MOST_COMMENTS: Final = 20
_LARGEST_WHOLE: Final = 2**63 - 1


def cut(raw: Any, notes: Notes, most: int = LONGEST_TEXT) -> str:
    """A text or a number as text, of `most` characters at most; anything else is written as JSON."""
    if raw is None or raw == "":
        return ""
    if isinstance(raw, str):
        text = raw
    elif isinstance(raw, bool | int | float):
        text = str(raw)
    else:
        text = msgspec.json.encode(raw).decode()
    if len(text) > most:
        notes[f"a text of more than {most} characters is cut"] += 1
    return text[:most]


def informed(raw: Any, notes: Notes) -> dict[str, Value]:
    """A map's texts, numbers, truths and nulls; deeper ones are left out."""
    if raw is None or raw == [] or raw == {}:
        return {}
    if not isinstance(raw, dict):
        notes["additional information that is no map is left out"] += 1
        return {}
    out: dict[str, Value] = {}
    for name, value in raw.items():
        if len(out) == MOST_VALUES or not _plain(value):
            notes["additional information that is deep or too much is left out"] += 1
            continue
        out[cut(name, notes, LONGEST_VALUE)] = cut(value, notes, LONGEST_VALUE) if isinstance(value, str) else value
    return out


def _plain(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _LARGEST_WHOLE
    return value is None or isinstance(value, str)


def threshold(raw: Any, notes: Notes) -> ThresholdInfo | None:
    """`thresholdInfo`; None where it says nothing."""
    if not isinstance(raw, dict):
        return None
    name, level = raw.get("observedMeasurement") or raw.get("attributeName"), raw.get("thresholdLevel")
    value = raw.get("observedValue")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > 1e300:
        value = None
    armed = None
    if raw.get("armTime"):
        try:
            armed = stamp(str(raw["armTime"]))
        except BadInput:
            notes["an armTime that is no time is left out"] += 1
    if name is None and level is None and value is None:
        return None
    return ThresholdInfo(
        observed_measurement=cut(name, notes, LONGEST_VALUE),
        observed_value=None if value is None else float(value),
        threshold_level=cut(level, notes, LONGEST_VALUE),
        arm_time=armed,
    )


def correlations(raw: Any, notes: Notes) -> list[CorrelatedNotification]:
    """`correlatedNotifications`; those whose object has no name that can be read are left out."""
    out: list[CorrelatedNotification] = []
    for one in raw if isinstance(raw, list) else []:
        if not isinstance(one, dict) or len(out) == MOST_PARTS:
            notes["a correlated notification is left out"] += 1
            continue
        ids = one.get("notificationIds") or one.get("notificationId") or []
        try:
            name = dn.check(str(one.get("sourceObjectInstance", "")))
        except BadInput:
            notes["a correlated notification is left out"] += 1
            continue
        known = [cut(each, notes, LONGEST_VALUE) for each in (ids if isinstance(ids, list) else [ids])[:MOST_PARTS]]
        out.append(CorrelatedNotification(source_object_instance=name, notification_ids=known))
    return out


def comments(raw: Any, names: tuple[str, str, str, str], notes: Notes) -> list[AlarmComment]:
    """The newest comments of a list; those without a time are left out.

    Args:
        names: Of a comment's time, user, system and text.
    """
    out = []
    for one in raw[-MOST_COMMENTS:] if isinstance(raw, list) else []:
        if not isinstance(one, dict):
            continue
        try:
            time = stamp(str(one.get(names[0], "")))
        except BadInput:
            notes["a comment without a time is left out"] += 1
            continue
        user, system, text = (cut(one.get(name), notes, 1024) for name in names[1:])
        out.append(AlarmComment(comment_time=time, comment_user_id=user, comment_system_id=system, comment_text=text))
    return out
