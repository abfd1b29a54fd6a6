"""How the keeper of models is: as a stream worker's health, but it folds no partition and is in no group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import get_args

from infra import metrics as m
from models.registry import Life, Version
from stream.health.board import Board
from stream.health.watchdog import Limits, Verdict


class KeeperBoard(Board):
    """Ready: its loop runs, broker and database answer, and it has read all that there was to read."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.group = "settled"  # it is in none
        self.behind("it reads the models' topics from their beginning")
        self.trained(None)

    def behind(self, why: str) -> None:
        """It begins to read anew; until `in_step` it is not ready."""
        self._why = why

    def in_step(self) -> None:
        """All that was there is read."""
        self._why = ""

    def not_ready(self, stall_s: float, verdicts: Sequence[Verdict] | None = None) -> list[str]:
        """As of a worker, and what is still to be read."""
        return [*super().not_ready(stall_s, verdicts), *([self._why] if self._why else [])]

    def count(self, versions: Collection[Version]) -> None:
        """How many models have come how far."""
        found = Counter(version.state() for version in versions)
        for state in get_args(Life):
            self.metrics.set(m.MODELS, found[state], state)

    def begins(self) -> None:
        """A training is under way."""
        self.metrics.set(m.TRAINING, 1)

    def trained(self, well: bool | None) -> None:
        """None is under way; how the last one has ended, if there was one."""
        self.metrics.set(m.TRAINING, 0)
        if well is not None:
            self.metrics.count(m.TRAININGS, 1, "done" if well else "failed")
