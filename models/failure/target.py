"""What a failure is: an alarm of a class, or a link that fades, within a horizon.

    alarm:EQUIPMENT_ALARM@24h          an alarm of a type (TS 28.532)
    alarm:transmitterFailure@6h        of a probable cause (X.733)
    alarm:oran-5@24h                   of an O-RAN fault id
    fade>10dB@15min                    a link falls by more than 10 dB below its usual level, or goes down (an alarm)

The label of a prediction made at `t` is positive as soon as it happens in (t, t + horizon], and negative when the
horizon has passed and the object was observed. Whatever has failed already is not at risk, and has no label.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from models.failure.fault_classes import ORAN_FAULTS, cause_named, fault_of
from models.targets import LONGEST_S, parse_duration_s
from twin.errors import ConfigurationError

_ALARM = re.compile(r"\s*alarm\s*:\s*([\w\-]{1,80})\s*@\s*([0-9]{1,9}\s*\w{1,3})\s*")
_FADE = re.compile(r"\s*fade\s*>\s*([0-9]{1,6}(?:\.[0-9]{1,6})?)\s*dB\s*@\s*([0-9]{1,9}\s*\w{1,3})\s*")
_ORAN = re.compile(r"oran-([0-9]{1,9})")
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


class FailureTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What is predicted, and how far ahead.

    Attributes:
        alarm: Of an alarm target: a type, a probable cause, or `oran-` and a fault id.
        drop_db: Of a fade target: how far below its usual level [dB].
        horizon_s: How far ahead [s].
    """

    kind: Literal["alarm", "fade"]
    horizon_s: int
    alarm: str = ""
    drop_db: float = 0.0

    @property
    def name(self) -> str:
        """As it is written, such as `alarm:EQUIPMENT_ALARM@24h`."""
        unit, size = next((u, s) for u, s in _UNITS if self.horizon_s % s == 0)
        what = f"alarm:{self.alarm}" if self.kind == "alarm" else f"fade>{self.drop_db:g}dB"
        return f"{what}@{self.horizon_s // size}{unit}"

    @property
    def fault(self) -> int | None:
        """The O-RAN fault id that the target names, if it names one."""
        match = _ORAN.fullmatch(self.alarm)
        return int(match[1]) if match else None

    def matches(self, alarm_type: str, probable_cause: str, specific_problem: str = "") -> bool:
        """Whether an alarm is of this target's class."""
        if self.kind != "alarm":
            return False
        if self.fault is not None:
            return fault_of(probable_cause, specific_problem) == self.fault
        wanted = self.alarm.lower()
        return wanted in (alarm_type.lower(), cause_named(probable_cause).lower())


def parse_failure_target(text: str) -> FailureTarget:
    """Read a target written like its name.

    Raises:
        ConfigurationError: It can't be read, or can't be predicted.
    """
    if (match := _ALARM.fullmatch(text)) is not None:
        target = FailureTarget(kind="alarm", alarm=match[1], horizon_s=parse_duration_s(match[2]))
    elif (match := _FADE.fullmatch(text)) is not None:
        target = FailureTarget(kind="fade", drop_db=float(match[1]), horizon_s=parse_duration_s(match[2]))
    else:
        raise ConfigurationError(
            f"can't read the failure target {text[:80]!r}; "
            "write it like 'alarm:EQUIPMENT_ALARM@24h' or 'fade>10dB@15min'"
        )
    return check_failure_target(target)


def check_failure_target(target: FailureTarget) -> FailureTarget:
    """Return `target` if it can be predicted.

    Raises:
        ConfigurationError: It can't.
    """
    if not 0 < target.horizon_s <= LONGEST_S:
        raise ConfigurationError(f"the horizon {target.horizon_s} s of {target.name!r} is not within {LONGEST_S} s")
    if target.kind == "fade" and not 0 < target.drop_db <= 200:
        raise ConfigurationError(f"a fade of {target.drop_db:g} dB is none, or more than any link has")
    if target.fault is not None and target.fault not in ORAN_FAULTS:
        raise ConfigurationError(f"O-RAN fault {target.fault} is not known; see `models.failure.fault_classes`")
    return target
