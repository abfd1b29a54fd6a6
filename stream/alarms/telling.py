"""How an alarm stands, told: `twin.alarms` for programs, `twin.updates` for whoever follows the twin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stream.decode import from_ms
from stream.outlets import outlet
from twin.alarm_events import AlarmState, Change
from twin.alarm_record import Alarm, name_of
from twin.events import TwinUpdate
from twin.log import Outlet
from twin.tmf642 import number_of

if TYPE_CHECKING:
    from stream.alarms.desk import Life
    from stream.shard import Shard

ORDERED = msgspec.json.Encoder(order="deterministic")
"""Maps of a record come back from a snapshot in another order: they are told sorted, before and after."""

LOUD = frozenset({"raised", "changed", "cleared", "released", "correlated"})
"""Changes that are updates of the twin, too."""


def state_of(shard: Shard, key: str, change: Change = "changed", time: int | None = None) -> AlarmState:
    """How a standing alarm stands. Raises KeyError: there is none of that key."""
    return told_as(shard, key, shard.alarms[key], shard.alarm_desk.lives[key], change, time)


def told_as(
    shard: Shard, key: str, alarm: Alarm, life: Life, change: Change, time: int | None = None, mark: str = ""
) -> AlarmState:
    """The same of an alarm that may be over.

    Args:
        time: When it changed [ms]; by default when its record says.
        mark: Tells changes of one alarm at one time from each other.
    """
    number, at = number_of(key), life.told if time is None else time
    waits = shard.alarm_desk.rules.escalate_s
    quiet = alarm.ack_state == "ACKNOWLEDGED" or change == "cleared" or bool(life.held) or not waits
    return AlarmState(
        id="/".join(filter(None, ("alarm", number, change, str(at), mark))),
        time=from_ms(at),
        change=change,
        alarm=alarm,
        number=number,
        raised=from_ms(life.raised),
        held=life.held,  # type: ignore[arg-type]
        root_object=life.root_object,
        root_alarm=life.root_alarm,
        correlated=life.caused,
        flaps=life.flaps,
        in_doubt=life.doubted >= 0,
        escalates=None if quiet else from_ms(life.raised + int(waits * 1000)),
        revision=shard.revision,
    )


def change_of(id_: str) -> str:
    """What had happened to an alarm that was told under this id of an AlarmState."""
    return id_.split("/", 3)[2]


def tell_alarm(
    shard: Shard, key: str, alarm: Alarm, life: Life, change: Change, time: int | None = None, mark: str = ""
) -> None:
    """Queue how an alarm stands now, and an update where its life has changed.

    Args:
        mark: See `told_as`; with it also the update's id is another one.
    """
    at = life.said = max(life.told if time is None else time, life.said)
    body = told_as(shard, key, alarm, life, change, at, mark)
    shard.emit(Outlet("alarms", alarm.object_instance, body.id, at, ORDERED.encode(body)))
    if change not in LOUD:
        return
    detail: dict[str, object] = {
        "notificationId": name_of(alarm),
        "perceivedSeverity": alarm.perceived_severity,
        "probableCause": alarm.probable_cause,
        "alarmType": alarm.alarm_type,
        "specificProblem": alarm.specific_problem,
    }
    if life.held:
        detail["held"] = list(life.held)
    if life.caused:
        detail["correlated"] = life.caused
    if life.root_object:
        detail["rootCause"] = {"objectInstance": life.root_object, "notificationId": life.root_alarm}
    shard.emit(
        outlet(
            "updates",
            alarm.object_instance,
            at,
            TwinUpdate(
                id=f"alarm-{shard.partition}-{body.id.removeprefix('alarm/')}",
                time=body.time,
                change="alarm",
                objects=[alarm.object_instance],
                detail=detail,
                revision=shard.revision,
            ),
        )
    )
