"""How a burst worker is: as a stream worker's, but it needs no database and folds no partition."""

from __future__ import annotations

from stream.health.board import Board
from stream.health.reach import Reach


class BurstBoard(Board):
    """Ready: its loop runs, the broker answers, the group has settled. Without ray tracing, too: it answers then."""

    @property
    def services(self) -> tuple[Reach, ...]:
        """What the worker stands on."""
        return (self.broker,)
