"""What a failure target of one kind of objects is called where models are concerned: `alarm:EQUIPMENT_ALARM@1d cell`.

Cells and elements have other signals, so each kind has heads and batch models of its own for the same target.
"""

from __future__ import annotations

from collections.abc import Iterable

from models.failure.signals import KINDS
from models.failure.target import FailureTarget, parse_failure_target
from twin.errors import ConfigurationError


def of_kind(target: str, kind: str) -> str:
    """Name of a target for objects of one kind."""
    return f"{target} {kind}"


def read_kind(name: str) -> tuple[FailureTarget, str]:
    """Target and kind of such a name.

    Raises:
        ConfigurationError: It is none.
    """
    text, _, kind = name.strip().rpartition(" ")
    if kind not in KINDS:
        raise ConfigurationError(f"{name[:80]!r} names no kind of objects; choose from {', '.join(sorted(KINDS))}")
    return parse_failure_target(text), kind


def is_failure(names: Iterable[str]) -> bool:
    """Whether these are names of failure targets of a kind, and not of congestion targets."""
    return all(name.rpartition(" ")[2] in KINDS for name in names)


def horizons_of(targets: Iterable[FailureTarget]) -> dict[str, int]:
    """Horizon [s] of every target that batch models can be trained for, by name; fades have none."""
    return {of_kind(t.name, kind): t.horizon_s for t in targets if t.kind == "alarm" for kind in KINDS}
