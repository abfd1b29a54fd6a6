"""What has come before, lately: the newest checksums of what was taken, so that what is sent again is recognised."""

from __future__ import annotations

from collections.abc import Iterable


class Repeats:
    """The last checksums, in the order in which they came first.

    Args:
        most: That are remembered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._order: dict[int, None] = {}

    def note(self, checksum: int) -> bool:
        """Remember one. Returns whether it has come before."""
        if checksum in self._order:
            return True
        self._order[checksum] = None
        if len(self._order) > self._most:
            del self._order[next(iter(self._order))]
        return False

    def state(self) -> list[int]:
        """The checksums, oldest first."""
        return list(self._order)

    def restore(self, checksums: Iterable[int]) -> None:
        """Take over what `state` returned."""
        self._order = dict.fromkeys(checksums)
