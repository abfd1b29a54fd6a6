"""Alarms with hysteresis: raised once, cleared once."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.plan import SOURCE
from twin.events import Alarm

Mask = NDArray[np.bool_]


class AlarmKind(NamedTuple):
    """A thing that can go wrong, as an AlarmRecord says it (X.733 causes; texts of the O-RAN fault list)."""

    alarm_type: str
    probable_cause: str
    severity: Literal["CRITICAL", "MAJOR", "MINOR", "WARNING"]
    specific_problem: str


HOT = AlarmKind("ENVIRONMENTAL_ALARM", "temperatureUnacceptable", "MAJOR", "Unit temperature is high")
FAN = AlarmKind("EQUIPMENT_ALARM", "heatingOrVentilationOrCoolingSystemProblem", "MINOR", "Cooling fan broken")
AMPLIFIER = AlarmKind("EQUIPMENT_ALARM", "transmitterFailure", "CRITICAL", "Power Amplifier faulty")
SUPPLY = AlarmKind("EQUIPMENT_ALARM", "powerProblem", "MAJOR", "Power Supply Faulty")
LINE = AlarmKind("EQUIPMENT_ALARM", "degradedSignal", "MAJOR", "TX out of order")


class Watch:
    """One kind of alarm on all objects of a kind.

    Attributes:
        active: Objects that have the alarm, `[num_objects]`.
    """

    def __init__(self, kind: AlarmKind, objects: list[str]) -> None:
        self._kind = kind
        self._objects = objects
        self._number = [0] * len(objects)
        self.active: Mask = np.zeros(len(objects), dtype=np.bool_)

    def step(self, bad: Mask, well: Mask, time: datetime) -> list[Alarm]:
        """What changes: objects that are `bad` raise it, those that are `well` again clear it."""
        changed = (bad & ~self.active) | (well & self.active)
        made = []
        for index in np.flatnonzero(changed):
            raised = not self.active[index]
            self.active[index] = raised
            self._number[index] += raised
            name, kind = self._objects[index], self._kind
            made.append(
                Alarm(
                    object_instance=name,
                    notification_id=f"{name}/{kind.probable_cause}/{self._number[index]}",
                    event_time=time,
                    alarm_type=kind.alarm_type,
                    probable_cause=kind.probable_cause,
                    perceived_severity=kind.severity if raised else "CLEARED",
                    specific_problem=kind.specific_problem,
                    source=SOURCE,
                )
            )
        return made
