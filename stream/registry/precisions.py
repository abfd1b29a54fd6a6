"""How good the predictions of a target are, of all partitions together. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from models.gate import DAY_MS
from twin.events import Score

SILENT_MS = 2 * DAY_MS
"""A part that has told nothing for so long counts no more [ms]: each tells once a day."""


class Told(NamedTuple):
    """By one part.

    Attributes:
        time: [ms since 1970].
        weight: Positive labels that the precision rests on.
    """

    time: int
    precision: float
    weight: float


class Precisions:
    """Average precision by target and part: partitions tell for themselves, and a small one must not decide alone."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Told]] = {}

    def add(self, event: Score, time: int) -> None:
        """One partition and granularity has told its scores.

        Args:
            time: The event's [ms since 1970].
        """
        precision = event.metrics.get("ap")
        if precision is None:
            return
        self._told.setdefault(event.target, {})[event.part] = Told(
            time, precision, event.metrics.get("positives") or 1.0
        )

    def by_target(self) -> dict[str, tuple[int, float]]:
        """The mean by positive labels, and when the last part had told its own [ms since 1970]."""
        return {target: _together(parts.values()) for target, parts in self._told.items()}


def _together(parts: Iterable[Told]) -> tuple[int, float]:
    newest = max(part.time for part in parts)
    heard = [part for part in parts if part.time > newest - SILENT_MS]
    mean = sum(part.precision * part.weight for part in heard) / sum(part.weight for part in heard)
    return min(part.time for part in heard), mean
