"""Where acting pays: expected cost against expected cost. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from infra.api.ports import Plain
from infra.api.shapes_services import CostAsked

ACTIONS = {"failure": "inspect", "congestion": "relieve"}


def break_even(asked: CostAsked) -> float:
    """The probability above which acting is cheaper than waiting."""
    return asked.action_cost / (asked.prevented * asked.event_cost)


def advised(asked: CostAsked, predictions: Iterable[Plain]) -> list[Plain]:
    """Objects on which acting pays, greatest gain first; see `infra.api.shapes_services.Advice`.

    Args:
        predictions: Items of /predictions/failure or /predictions/congestion.
    """
    found = []
    for one in predictions:
        avoided = one["probability"] * asked.prevented * asked.event_cost
        gain = avoided - asked.action_cost
        if gain <= 0:
            continue
        name = one["object"] if asked.event == "failure" else one["cell"]
        told = {
            "object": name,
            "target": one["target"],
            "action": ACTIONS[asked.event],
            "probability": one["probability"],
            "horizon_s": one["horizon_s"],
            "avoided": avoided,
            "gain": gain,
            "because": one["drivers"],
            "expected": _expected(asked, one),
        }
        found.append((-gain, name, one["target"], told))
    return [told for *_, told in sorted(found, key=lambda each: each[:3])][: asked.most]


def _expected(asked: CostAsked, one: Plain) -> str:
    if asked.event == "failure":
        return f"O-RAN fault {one['fault']}: {one['fault_name']}" if one["fault"] is not None else ""
    known = one["expected"] is not None
    return f"{one['counter']} {one['expected']:g}, threshold {one['threshold']:g}" if known else ""
