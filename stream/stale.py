"""Which elements of a shard are silent, and since when."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stream.decode import from_ms
from stream.shard import Shard
from twin.state import Layout


class StaleElement(NamedTuple):
    """An element whose reports have all stopped.

    Attributes:
        last_period: End of the newest period it has reported, RFC 3339.
        heard: When the log took in its newest report, RFC 3339.
    """

    element: str
    partition: int
    granularity_s: int
    last_period: str
    heard: str


def count_stale(shard: Shard) -> int:
    """How many elements are silent. Walks through all of them: for those who ask, not for the fold."""
    return sum(1 for table in shard.tables.values() for layouts in table.layouts.values() if _silent(layouts))


def stale_elements(shards: Iterable[Shard]) -> list[StaleElement]:
    """All silent elements, those longest silent first."""
    found = []
    for shard in shards:
        for granularity, table in shard.tables.items():
            for element, layouts in table.layouts.items():
                if _silent(layouts):
                    newest = max(layout.arrivals.newest for layout in layouts) * granularity
                    heard = max(layout.arrivals.heard for layout in layouts)
                    found.append((heard, newest, element, shard.partition, granularity // 1000))
    found.sort()
    return [
        StaleElement(element, partition, granularity_s, _text(newest), _text(heard))
        for heard, newest, element, partition, granularity_s in found
    ]


def _silent(layouts: Sequence[Layout]) -> bool:
    # An element that has changed the shape of its reports is not silent.
    return layouts[0].stale and all(layout.stale for layout in layouts)


def _text(ms: int) -> str:
    return from_ms(ms).isoformat()
