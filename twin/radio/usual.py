"""How wrong a radio twin usually is about each cell, and which cells it is more wrong about than that."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

STEP_DB = 0.005
"""How far what is usual moves in a period [dB]."""
AS_RIGHT, AS_RIGHT_DB = 1.3, 0.3
"""Times what is usual, and more [dB], that the error may be to be as right as before."""
SLACK_DB = 0.1


class Usual:
    """What is usual of the cells of one region.

    Attributes:
        errors: Median absolute residual of each cell in quiet periods [dB].
    """

    def __init__(self) -> None:
        self.errors: dict[str, float] = {}

    def learn(self, found: Mapping[str, float]) -> None:
        """A quiet period is over.

        Args:
            found: Median absolute residual of each cell in it [dB].
        """
        for name, error in found.items():
            known = self.errors.get(name, error)
            # In small steps: until a change is noticed it must not pass for what is usual.
            self.errors[name] = known + float(np.clip(error - known, -STEP_DB, STEP_DB))

    def off(self, found: Mapping[str, float]) -> list[str]:
        """Cells whose error [dB] is larger than is usual; a cell of which nothing is known is none."""
        return [name for name, error in found.items() if name in self.errors and error > self._limit(name)]

    def _limit(self, name: str) -> float:
        return AS_RIGHT * self.errors[name] + AS_RIGHT_DB

    def as_ever(self, name: str, error: float) -> bool:
        """Whether a cell's error [dB] is no larger than ever."""
        return name in self.errors and error <= self.errors[name] + SLACK_DB

    def forget(self, name: str) -> None:
        """Learn what is usual of a cell anew."""
        self.errors.pop(name, None)
