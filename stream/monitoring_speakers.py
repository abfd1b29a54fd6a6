"""Which version of a model had made the predictions whose labels mature now: a promotion lies between the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

KEPT = 8
"""Promotions that are remembered of a target: no horizon spans more of them."""


class Speakers:
    """Who has spoken for each target since when.

    A promotion may come in the middle of a period. What was predicted in periods that both had a hand in is of no
    version.
    """

    def __init__(self) -> None:
        # Of each target: first and last period that is of no version, then the version that speaks after it.
        self._of: dict[str, list[tuple[int, int, str]]] = {}
        self._now: dict[str, int] = {}

    def at(self, target: str, champion: str, now: int, made: int) -> str | None:
        """Note who is champion, and say who was when a prediction was made; None where nobody alone was.

        Args:
            champion: At the end of the newest period that is open.
            now: That period.
            made: Period in which the prediction was made.
        """
        turns = self._of.setdefault(target, [])
        if not turns:
            turns.append((-1, -1, champion))
        elif turns[-1][2] != champion:
            turns.append((self._now[target], now, champion))
            del turns[:-KEPT]
        self._now[target] = now
        for first, last, version in reversed(turns):
            if made > last:
                return version
            if made >= first:
                return None
        return None

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as an array."""
        body = msgspec.json.encode((sorted(self._of.items()), sorted(self._now.items())))
        return {"speakers": np.frombuffer(body, dtype=np.uint8)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        if "speakers" in state:
            kind = tuple[list[tuple[str, list[tuple[int, int, str]]]], list[tuple[str, int]]]
            of, now = msgspec.json.decode(state["speakers"].tobytes(), type=kind)
            self._of, self._now = dict(of), dict(now)
