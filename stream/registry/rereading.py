"""The topic of models is read again from its beginning: which of its events have been decided before. Pure.

What the fold has applied is recorded, in the order of the log; what it has rejected is nowhere. But a rejected event
might be legal by now. So an event that isn't recorded is new only if it stands behind the place where the last recorded
one was applied: whoever recorded that one had read everything before it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from twin.model_events import ModelCandidate, ModelTransition

MOST_HELD = 1000
"""Events that may be new, at most; of more the oldest have been decided."""


def decided(read: Sequence[str], recorded: Sequence[str]) -> int:
    """How many of the events read stand no later than where the last recorded one was applied.

    An event that was rejected may come again and be applied then, but only after another has changed something: so the
    first place behind the one before it is where an event was applied.

    Args:
        read: Ids in the order of the topic; one may be there more than once.
        recorded: Ids in the order in which they were applied; the topic may have lost the first of them.
    """
    places: dict[str, list[int]] = {}
    for at, id_ in enumerate(read):
        places.setdefault(id_, []).append(at)
    end = 0
    for id_ in recorded:
        where = places.get(id_, [])
        if (next_ := bisect_left(where, end)) < len(where):
            end = where[next_] + 1
    return end


class Rereading:
    """Holds back what may be new until all that was there is read.

    Args:
        recorded: Ids in the order in which they were applied.
    """

    def __init__(self, recorded: Sequence[str]) -> None:
        self._recorded, self._known = recorded, frozenset(recorded)
        self._read: list[str] = []
        self._held: deque[tuple[int, ModelCandidate | ModelTransition]] = deque(maxlen=MOST_HELD)

    def add(self, event: ModelCandidate | ModelTransition) -> None:
        """The next event of the topic."""
        if event.id not in self._known:
            self._held.append((len(self._read), event))
        self._read.append(event.id)

    def new(self) -> list[ModelCandidate | ModelTransition]:
        """Those that nobody has decided yet, in order."""
        end = decided(self._read, self._recorded)
        return [event for at, event in self._held if at >= end]
