"""What is believed of failures before any has been seen: a trend that reaches a limit raises that limit's alarm."""

from __future__ import annotations

from models.failure.fault_classes import alarm_type_of, cause_named, causes_of
from models.failure.signals import KINDS, Signal
from models.failure.target import FailureTarget

WEAR = (1.0, 0.3)
"""Mean and scale of the weight of a `wear` feature, which is in log-odds already."""
RESIDUAL = (0.2, 0.2)
"""Of a `residual` feature [log-odds a standard error]: what is far from as new fails more often."""


def priors(target: FailureTarget, kind: str) -> dict[str, tuple[float, float]]:
    """Prior weights of the features of a target for objects of a kind, where they aren't zero in the mean."""
    speaking = [signal.name for signal in KINDS[kind] if signal.wears and speaks_for(signal, target)]
    return {f"{name}.wear": WEAR for name in speaking} | {f"{name}.residual": RESIDUAL for name in speaking}


def speaks_for(signal: Signal, target: FailureTarget) -> bool:
    """Whether the fault that a signal tells of is of a target's class."""
    if target.kind != "alarm":
        return False
    if target.fault is not None:
        return target.fault == signal.fault
    wanted = target.alarm.lower()
    return wanted == alarm_type_of(signal.fault).lower() or cause_named(wanted).lower() in causes_of(signal.fault)
