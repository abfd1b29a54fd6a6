"""The rules by which alarms are kept back, correlated and raised by the twin itself."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from twin.errors import ConfigurationError

OwnKind = Literal["failure", "congestion", "drift"]

_ASLEEP = re.compile(r"\s*([A-Za-z][\w.\-]{0,200})\s*>\s*([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*")


class AlarmRules(msgspec.Struct, frozen=True, kw_only=True):
    """Times are of events, and looked at when one of them passes the end of a correlation period.

    Attributes:
        period_s: Length of a correlation period [s].
        window_s: An alarm may be the cause of those raised so long before or after it [s].
        flaps: Cleared more often than this within `flap_window_s`, an alarm is held as one that flaps.
        flap_quiet_s: Until it has neither come nor gone for so long [s].
        qualify_s: An alarm counts only when it has stood for so long [s]; 0: at once.
        escalate_s: Unacknowledged for so long, it goes to the next level [s]; 0: never.
        asleep_when: A cell sleeps in periods in which a counter is above a threshold: name and threshold.
        own: Which of the twin's own findings are raised as alarms.
        own_probability: A prediction above this is raised; it is cleared below `CLEARED_BELOW` of it.
        own_quiet_s: An own alarm of a drift is cleared after so long without another [s].
    """

    period_s: float = 60.0
    window_s: float = 300.0
    flaps: int = 3
    flap_window_s: float = 600.0
    flap_quiet_s: float = 900.0
    qualify_s: float = 0.0
    escalate_s: float = 600.0
    asleep_when: tuple[tuple[str, float], ...] = ()
    own: tuple[OwnKind, ...] = ()
    own_probability: float = 0.6
    own_quiet_s: float = 86_400.0


CLEARED_BELOW = 0.7
"""Of `own_probability`: so that a probability at the threshold doesn't raise and clear with every report."""


def parse_asleep(text: str) -> tuple[str, float]:
    """Read a rule such as `Ericsson.pmCellSleepTime>0`.

    Raises:
        ConfigurationError: It can't be read.
    """
    match = _ASLEEP.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"can't read {text[:80]!r} as when a cell sleeps; write it like 'Ericsson.pmCellSleepTime>0'"
        )
    return match[1], float(match[2])
