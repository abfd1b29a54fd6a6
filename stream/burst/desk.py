"""Which requests wait for an answer, which are obsolete, and up to where the broker may be told that all is answered.

Pure: told what is read and what is done. Everything is known by the request's id, not by its place: after a rebalance,
a restart of the broker or a fold that publishes twice, the same request is read again and finds its work under way.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from twin.radio.events import BurstControl, BurstRequest

REMEMBERED = 4096
"""Ids of answered requests."""


@dataclass(eq=False)
class Open:
    """A request without an answer in the log.

    Attributes:
        home: Partition that it is read from.
        offsets: Where it was read and still counts.
        stop: Why nobody wants it computed; empty: it is wanted.
        lost: Its partition belongs to another worker: not to be answered here.
        running: It is being computed or answered.
    """

    request: BurstRequest
    home: int
    offsets: set[int] = field(default_factory=set)
    stop: str = ""
    lost: bool = False
    running: bool = False

    def unwanted(self) -> bool:
        """Whether to give up computing it."""
        return bool(self.stop) or self.lost


@dataclass
class _Place:
    """How far one partition is read, and what of it is not answered.

    Attributes:
        next: Offset after the last that was read; None: nothing was.
        level: All that the partition had was read.
    """

    next: int | None = None
    waiting: set[int] = field(default_factory=set)
    committed: int | None = None
    level: bool = False


class Desk:
    """The requests of the partitions that this worker has.

    Args:
        most: Requests that are read ahead of the answers, at most.
    """

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._open: dict[str, Open] = {}
        self._places: dict[int, _Place] = {}
        self._answered: OrderedDict[str, None] = OrderedDict()

    # What is read --------------------------------------------------------------------------------------------------

    def request(self, partition: int, offset: int, request: BurstRequest) -> Open | None:
        """A request was read. Returns it if it is new; those that it makes obsolete are to be stopped."""
        place = self._read(partition, offset)
        if request.id in self._answered:
            return None
        known = self._open.get(request.id)
        if known is not None and not known.lost:
            known.offsets.add(offset)
            place.waiting.add(offset)
            return None
        new = self._open[request.id] = Open(request, partition, {offset})
        place.waiting.add(offset)
        for other in self._open.values():
            if other is new or other.request.region != request.region or other.unwanted():
                continue
            # By what the twin says, not by place: what is published again comes later and is older.
            older, newer = (other, new) if _age(other.request) < _age(request) else (new, other)
            older.stop = f"superseded by {newer.request.id}"
        return new

    def control(self, partition: int, offset: int, control: BurstControl) -> Open | None:
        """A person's word was read. Returns whom it stops."""
        self._read(partition, offset)
        known = self._open.get(control.request)
        if known is None or known.unwanted():
            return None
        known.stop = "cancelled by hand"
        return known

    def nothing(self, partition: int, offset: int) -> None:
        """Something was read that needs no answer, or has got it."""
        self._read(partition, offset)

    def read_up_to(self, partition: int, end: int | None) -> None:
        """Where the partition ends, as the broker says: what is obsolete is known only when all is read."""
        place = self._places.get(partition)
        if place is not None and place.next is not None and end is not None:
            place.level = place.next >= end

    def _read(self, partition: int, offset: int) -> _Place:
        place = self._places.setdefault(partition, _Place())
        place.next = offset + 1
        return place

    # What is to be done --------------------------------------------------------------------------------------------

    def stopped(self) -> list[Open]:
        """Requests that nobody computes, and that are to be answered as cancelled."""
        return [one for one in self._open.values() if one.stop and not one.running and not one.lost]

    def next(self) -> Open | None:
        """The oldest request to compute; none while more may come that makes it obsolete."""
        for one in self._open.values():
            if not one.running and not one.unwanted():
                place = self._places.get(one.home)
                if self.full() or (place is not None and place.level):
                    return one
        return None

    def full(self) -> bool:
        """Whether to read no further."""
        return len(self._open) >= self._most

    def __len__(self) -> int:
        return sum(not one.lost for one in self._open.values())

    def answered(self, one: Open) -> None:
        """Its answer is in the log."""
        self._answered[one.request.id] = None
        while len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        self.dropped(one)
        place = self._places.get(one.home)
        if place is not None:
            place.waiting -= one.offsets

    def dropped(self, one: Open) -> None:
        """It is no longer computed, and not answered: it is another worker's."""
        if self._open.get(one.request.id) is one:
            del self._open[one.request.id]

    # What the broker is told, and says -----------------------------------------------------------------------------

    def commits(self) -> dict[int, int]:
        """Offsets that may be committed and are not: all before them are answered."""
        out = {}
        for partition, place in self._places.items():
            if place.next is not None:
                safe = min({place.next, *place.waiting})
                if safe != place.committed:
                    out[partition] = safe
        return out

    def committed(self, offsets: dict[int, int]) -> None:
        """The broker has them."""
        for partition, offset in offsets.items():
            if partition in self._places:
                self._places[partition].committed = offset

    def assigned(self, partitions: set[int]) -> None:
        """These are this worker's now, to be read from where the broker has them: others' requests are given up."""
        self._places = {partition: _Place() for partition in partitions}
        for one in list(self._open.values()):
            if one.home in partitions:
                # It will be read again, and may be answered before.
                self._places[one.home].waiting |= one.offsets
                continue
            one.lost = True
            if not one.running:
                self.dropped(one)


def _age(request: BurstRequest) -> tuple[float, int]:
    return request.time.timestamp(), request.revision
