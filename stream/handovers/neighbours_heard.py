"""Neighbours that handovers have shown in another partition, made known to every shard by way of the log.

A shard counts the handovers of its own cells. What a complete window has changed of their neighbours goes, as an event,
into all other partitions, once a relation and change; how often a relation is used stays with the shard that counts.
Told again, it says nothing new: each partition's windows follow each other, and a shard keeps how far it has heard. So
after kill -9 nothing is doubled, nor where a recording that holds such events is played onto a log whose workers tell
the same once more, even if that comes when a later window has been heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from stream.decode import from_ms, to_ms
from stream.outlets import ENCODER
from twin.events import NeighboursSeen
from twin.log import Outlet
from twin.relations_seen import Pair, forget, hear, taken_over

if TYPE_CHECKING:
    from stream.shard import Shard

MOST_BYTES = 200_000
"""Of the names in one event."""


class NeighboursHeard:
    """How far a shard has heard the others."""

    def __init__(self) -> None:
        self._until: dict[tuple[int, int], tuple[int, int]] = {}

    def new(self, event: NeighboursSeen) -> bool:
        """Whether an event says what hasn't been heard; notes it."""
        of, at = (event.partition, event.granularity_s), (to_ms(event.time), event.number)
        if at <= self._until.get(of, (-1, -1)):
            return False
        self._until[of] = at
        return True

    def dump(self) -> list[list[int]]:
        """As plain data."""
        return [[*of, *at] for of, at in sorted(self._until.items())]

    def load(self, data: Any) -> None:
        """Take over what `dump` returned. Raises ValueError where it is something else."""
        for partition, granularity_s, end, number in msgspec.convert(data, list[tuple[int, int, int, int]]):
            self._until[partition, granularity_s] = end, number


def seen(partition: int, granularity_ms: int, end: int, made: Sequence[Pair], gone: Sequence[Pair]) -> list[Outlet]:
    """What a complete window has changed, for the other partitions; empty where that is nothing.

    Args:
        end: Of the window [ms since 1970].
    """
    told = []
    for number, (some, lost) in enumerate(_parts(sorted(made), sorted(gone))):
        body = NeighboursSeen(
            time=from_ms(end),
            partition=partition,
            granularity_s=granularity_ms // 1000,
            number=number,
            made=some,
            gone=lost,
        )
        id_ = f"neighbours-{partition}-{granularity_ms // 1000}-{end}-{number}"
        told.append(Outlet("neighbours", f"neighbours-{partition}", id_, end, ENCODER.encode(body)))
    return told


def apply_seen(shard: Shard, event: NeighboursSeen) -> None:
    """Merge what another partition has seen."""
    if event.partition == shard.partition or not shard.neighbours_heard.new(event):
        return
    graph, now = shard.topology.graph, to_ms(event.time)
    own = {pair for watched in shard.handovers.watched.values() for pair in watched.made.values()}
    moved: list[Pair] = []
    used: list[Pair] = []
    for pair in event.gone:
        if pair in own:
            continue
        if forget(graph, pair, shard.reports):
            moved.append(pair)
        elif taken_over(graph, pair):
            used.append(pair)
    moved += [pair for pair in event.made if hear(graph, pair, now)]
    if moved or used:
        shard.revision += 1
        shard.topology.stamp((), [(*pair, "neighbour") for pair in moved], shard.revision, now)
        shard.topology.refresh([(*pair, "neighbour") for pair in used], shard.revision, now)


def _parts(made: list[Pair], gone: list[Pair]) -> Iterator[tuple[list[Pair], list[Pair]]]:
    """Both, so many at once that a message can carry them."""
    some: tuple[list[Pair], list[Pair]] = [], []
    size = 0
    for which, pairs in ((1, gone), (0, made)):
        for pair in pairs:
            more = sum(len(name.encode()) for name in pair)
            if size and size + more > MOST_BYTES:
                yield some
                some, size = ([], []), 0
            some[which].append(pair)
            size += more
    if size:
        yield some
