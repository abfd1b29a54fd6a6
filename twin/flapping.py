"""Alarms that come and go: after too many clearings in a window they are one alarm, until there has been quiet."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from twin.alarm_record import Alarm
from twin.alarm_rules import AlarmRules

MOST_CONDITIONS = 10_000
"""That are remembered to have been cleared lately."""


class Flap(msgspec.Struct, array_like=True):
    """What is remembered of one condition.

    Attributes:
        cleared: When it was cleared lately, sorted [ms]; one more than the rules allow, at most.
        last: When it came or went last [ms].
        held: It is held as flapping.
        key: Of the alarm that stands for it while it is held.
    """

    cleared: list[int] = []
    last: int = -1
    held: bool = False
    key: str = ""


def condition_of(alarm: Alarm) -> str:
    """What flaps: an object's problem, since many sources give a new id each time it comes back."""
    said = (alarm.object_instance, alarm.alarm_type, alarm.probable_cause, alarm.specific_problem)
    return blake2b(msgspec.json.encode(said), digest_size=10).hexdigest()


class Flapping:
    """All conditions that were cleared lately. Bounded; who was heard of least lately is forgotten first."""

    def __init__(self, rules: AlarmRules) -> None:
        self._rules = rules
        self.flaps: dict[str, Flap] = {}

    def cleared(self, condition: str, time: int) -> None:
        """An alarm was cleared at `time` [ms]."""
        flap = self.flaps.pop(condition, None) or Flap()
        flap.cleared = sorted([*flap.cleared, time])[-(self._rules.flaps + 1) :]
        flap.last = max(flap.last, time)
        self.flaps[condition] = flap
        if len(self.flaps) > MOST_CONDITIONS:
            self._forget()

    def raised(self, condition: str, time: int) -> Flap | None:
        """An alarm was raised; what is remembered of it if it flaps."""
        flap = self.flaps.get(condition)
        if flap is None:
            return None
        flap.last = max(flap.last, time)
        since = time - self._rules.flap_window_s * 1000
        if not flap.held and sum(one > since for one in flap.cleared) > self._rules.flaps:
            flap.held = True
        return flap if flap.held else None

    def quiet(self, now: int) -> list[tuple[str, Flap]]:
        """Those held that have been quiet until `now` [ms], in the order of their conditions; all quiet ones are
        forgotten."""
        rules, done = self._rules, []
        for condition, flap in list(self.flaps.items()):
            patience = rules.flap_quiet_s if flap.held else rules.flap_window_s
            if now - flap.last > patience * 1000:
                del self.flaps[condition]
                if flap.held:
                    done.append((condition, flap))
        return sorted(done, key=lambda one: one[0])

    def _forget(self) -> None:
        # One that is held stands for an alarm that may be over: it is let go by quiet alone.
        oldest = next((name for name, flap in self.flaps.items() if not flap.held), next(iter(self.flaps)))
        del self.flaps[oldest]

    def state(self) -> list[Any]:
        """All of it, in the order in which it would be forgotten."""
        return [[condition, *msgspec.to_builtins(flap)] for condition, flap in self.flaps.items()]

    def restore(self, state: Sequence[Sequence[Any]]) -> None:
        """Take over what `state` gave."""
        self.flaps = {str(one[0]): msgspec.convert(list(one[1:]), Flap) for one in state}
