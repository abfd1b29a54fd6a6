"""What the twin's own alarms say: a drift or a prediction as an AlarmRecord, with its probable cause and what to do."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

import msgspec

from models.failure.fault_classes import alarm_type_of
from twin.alarm_record import OWN, Alarm

if TYPE_CHECKING:
    from models.targets import CongestionTarget
    from twin.events import Drift
    from twin.failure_events import FailurePrediction

_CAUSE_OF_FAULT: Final = {
    **dict.fromkeys((1, 2, 3, 4), "temperatureUnacceptable"),
    **dict.fromkeys((5, 6), "heatingOrVentilationOrCoolingSystemProblem"),
    **dict.fromkeys((9, 21), "degradedSignal"),
    **dict.fromkeys((19, 27), "transmitterFailure"),
    20: "receiverFailure",
    26: "powerProblem",
}
_REPAIR_OF_FAULT: Final = {
    **dict.fromkeys((1, 2, 3, 4), "check air flow and heat exchange"),
    **dict.fromkeys((5, 6), "replace the fan before it stops"),
    **dict.fromkeys((9, 21), "check the line, the connectors and the alignment"),
    **dict.fromkeys((19, 20, 27, 29, 30), "replace the radio unit at the next visit"),
    26: "replace the power supply; check its feed",
}
_REPAIR_OF_DRIFT: Final = {
    "radio": "compare antenna and surroundings with what is declared; a burst recalibrates the radio twin",
    "traffic": "nothing is broken: look whether the capacity still fits",
    "equipment": "check the unit's sensors and its latest alarms",
    "data": "check the source of the counter",
}


def of_drift(drift: Drift) -> Alarm:
    """Of a drift that has been told."""
    return Alarm(
        object_instance=drift.object,
        notification_id=f"{OWN}drift/{drift.counter}/{drift.object}",
        event_time=drift.time,
        alarm_type="QUALITY_OF_SERVICE_ALARM" if drift.kind != "equipment" else "EQUIPMENT_ALARM",
        probable_cause="performanceDegraded" if drift.kind != "equipment" else "equipmentMalfunction",
        perceived_severity="WARNING",
        specific_problem=f"drift of {drift.counter} {drift.direction} by {drift.size:g}",
        additional_text="; ".join(drift.reasons)[:1024],
        proposed_repair_actions=_REPAIR_OF_DRIFT.get(drift.kind, "look at the object's counters"),
        additional_information={
            "kind": drift.kind,
            "evidence": drift.evidence,
            "since": str(msgspec.to_builtins(drift.since)),
        },
    )


def failure_id(said: FailurePrediction) -> str:
    """Names the alarm of an object and a target."""
    return f"{OWN}failure/{said.target}/{said.object}"


def of_failure(said: FailurePrediction) -> Alarm:
    """Of a failure that is likely."""
    fault = -1 if said.fault is None else said.fault
    left = said.horizon_s if said.remaining_life_s is None else said.remaining_life_s
    return Alarm(
        object_instance=said.object,
        notification_id=failure_id(said),
        event_time=said.time,
        alarm_type="COMMUNICATIONS_ALARM" if said.kind == "link" else alarm_type_of(fault),
        probable_cause="degradedSignal" if said.kind == "link" else _CAUSE_OF_FAULT.get(fault, "equipmentMalfunction"),
        perceived_severity="WARNING",
        specific_problem=f"predicted: {said.fault_name or said.target}",
        additional_text=said.note or f"spoken for by {', '.join(said.drivers)}",
        proposed_repair_actions=_REPAIR_OF_FAULT.get(fault, "look at the object before it fails"),
        additional_information={
            "probability": said.probability,
            "horizonS": said.horizon_s,
            "leadTimeS": left,
            "health": said.health,
            "model": said.model_version[:256],
        },
    )


def congestion_id(target: CongestionTarget, cell: str) -> str:
    """Names the alarm of a cell and a target."""
    return f"{OWN}congestion/{target.name}/{cell}"


def of_congestion(target: CongestionTarget, name: str, probability: float, time: datetime) -> Alarm:
    """Of congestion that is likely.

    Args:
        name: Of the cell.
        time: End of the period it was predicted from.
    """
    return Alarm(
        object_instance=name,
        notification_id=congestion_id(target, name),
        event_time=time,
        alarm_type="QUALITY_OF_SERVICE_ALARM",
        probable_cause="resourceAtOrNearingCapacity",
        perceived_severity="WARNING",
        specific_problem=f"predicted: {target.name}",
        proposed_repair_actions="shift load to neighbours, or add capacity, before it comes",
        additional_information={
            "probability": round(probability, 6),
            "horizonS": target.horizon_s,
            "leadTimeS": target.horizon_s,
        },
    )
