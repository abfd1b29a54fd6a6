"""Alarms that are no surprise: work is planned on their object, or their cell sleeps. They are kept back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from stream.alarms.desk import PLANNED, SLEEPS, Life
from stream.asleep import consequence
from twin.alarm_record import Alarm

if TYPE_CHECKING:
    from stream.shard import Shard


class Expectations(NamedTuple):
    """What makes alarms no surprise at one moment.

    Attributes:
        work: Begin and end [ms] and object of the work that is planned and isn't over.
        asleep: Names of what sleeps.
    """

    work: list[tuple[int, int, str]]
    asleep: set[str]


def expectations(shard: Shard) -> Expectations:
    """As they are now."""
    desk = shard.alarm_desk
    return Expectations(desk.work(), desk.asleep.names(shard))


def expected(shard: Shard, alarm: Alarm, life: Life, given: Expectations) -> set[str]:
    """Why an alarm is no surprise: work is planned on its object, or its cell sleeps."""
    desk, reasons = shard.alarm_desk, set()
    planned = {name for begin, end, name in given.work if begin <= life.raised <= end}
    if planned and not planned.isdisjoint(desk.upstream(shard.topology).places(alarm.object_instance)):
        reasons.add(PLANNED)
    if given.asleep and consequence(alarm) and desk.asleep.of(shard, alarm.object_instance, given.asleep):
        reasons.add(SLEEPS)
    return reasons


def settle_on(shard: Shard, key: str, life: Life, reasons: set[str]) -> None:
    """Keep an alarm back for these reasons, and let its record say what work was planned."""
    alarm = shard.alarms[key]
    if (PLANNED in reasons) > alarm.planned_outage_indicator:
        shard.alarms[key] = msgspec.structs.replace(alarm, planned_outage_indicator=True)
    if sorted(reasons) != life.held:
        shard.alarm_desk.hold(key, life, reasons)
