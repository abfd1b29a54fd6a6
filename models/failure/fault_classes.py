"""Classes of faults: O-RAN fault ids, X.733 probable causes, and which sensor speaks for which.

Source: O-RAN.WG4.MP.0, fault ids of the M-plane; ITU-T X.733 and its numbers in TS 28.532.
"""

from __future__ import annotations

from typing import Final

ORAN_FAULTS: Final = {
    1: "Unit temperature is high",
    2: "Unit dangerously overheating",
    3: "Ambient temperature violation",
    4: "Temperature too low",
    5: "Cooling fan broken",
    6: "No fan detected",
    7: "Tuning failure",
    8: "Filter unit faulty",
    9: "Transmission quality deteriorated",
    10: "RF Module overvoltage protection faulty",
    17: "No external sync source",
    18: "Synchronization Error",
    19: "TX out of order",
    20: "RX out of order",
    21: "Increased BER on optical",
    26: "Power Supply Faulty",
    27: "Power Amplifier faulty",
    28: "C/U-plane logical connection faulty",
    29: "Transceiver Fault",
    30: "Transceiver Fault",
    32: "antenna calibration failure",
    33: "Dying Gasp",
}

CAUSES: Final = {
    "8": "congestion",
    "16": "excessiveVibration",
    "21": "heatingOrVentilationOrCoolingSystemProblem",
    "22": "humidityUnacceptable",
    "35": "powerProblem",
    "43": "resourceAtOrNearingCapacity",
    "50": "temperatureUnacceptable",
    "51": "thresholdCrossed",
}
"""Numbers that sources write in place of the names of probable causes."""

_TEXTS: Final = {text.lower(): fault for fault, text in reversed(ORAN_FAULTS.items())}

_FAULT_OF_CAUSE: Final = {
    "temperatureunacceptable": 1,
    "heatingorventilationorcoolingsystemproblem": 5,
    "excessivevibration": 5,
    "powerproblem": 26,
    "transmitterfailure": 27,
    "receiverfailure": 20,
    "degradedsignal": 9,
    "performancedegraded": 9,
}

_ENVIRONMENT: Final = frozenset({1, 2, 3, 4})
"""Faults that are reported as ENVIRONMENTAL_ALARM; those of transmission are COMMUNICATIONS_ALARM."""
_TRANSMISSION: Final = frozenset({9, 17, 18, 21, 28})


def cause_named(cause: str) -> str:
    """The name of a probable cause that may be given as its number."""
    return CAUSES.get(cause.strip(), cause.strip())


def fault_of(probable_cause: str, specific_problem: str = "") -> int | None:
    """The O-RAN fault id of an alarm: by its text where that is one of the list, else by its cause."""
    known = _TEXTS.get(specific_problem.strip().lower())
    return known if known is not None else _FAULT_OF_CAUSE.get(cause_named(probable_cause).lower())


def alarm_type_of(fault: int) -> str:
    """The type of alarm (TS 28.532) that a fault is reported as."""
    if fault in _ENVIRONMENT:
        return "ENVIRONMENTAL_ALARM"
    return "COMMUNICATIONS_ALARM" if fault in _TRANSMISSION else "EQUIPMENT_ALARM"


def causes_of(fault: int) -> list[str]:
    """The probable causes that stand for a fault, in lower case."""
    return sorted(cause for cause, known in _FAULT_OF_CAUSE.items() if known == fault)
