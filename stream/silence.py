"""Who is silent and what is missing: marked and told, never invented."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from stream.decode import from_ms
from stream.outlets import outlet
from twin.events import TwinUpdate
from twin.state import Layout, Table
from twin.sync import STALE_AFTER

if TYPE_CHECKING:
    from stream.shard import Shard

NAMED = 1000
"""Names that one update lists at most."""


def mark_stale(shard: Shard, table: Table, now: int, end: int) -> None:
    """Say once that an element has gone silent while the others went on to period `now`, which ends at `end` [ms]."""
    _mark(shard, table, lambda layout: layout.arrivals.silent(now), f"{table.granularity_ms // 1000}/{now}", end)


def time_passes(shard: Shard, now: int, tag: str) -> None:
    """Nothing has come into the whole log for a while: say of whom nothing has been heard for too long.

    Args:
        now: When the log took in the tick [ms].
        tag: Makes the ids of what is told unique.
    """
    for granularity, table in sorted(shard.tables.items()):
        usual = (STALE_AFTER + 1 + shard.config.lateness_periods) * granularity
        _mark(
            shard,
            table,
            lambda layout, usual=usual: now - layout.arrivals.heard > usual * max(layout.arrivals.usual, 1.0),  # type: ignore[misc]
            f"{granularity // 1000}/{tag}",
            now,
        )


def _mark(shard: Shard, table: Table, silent: Callable[[Layout], bool], tag: str, end: int) -> None:
    newly = []
    for element, layouts in table.layouts.items():
        fell = False
        for layout in layouts:
            if not layout.stale and silent(layout):
                layout.stale = fell = True
        # An element that has changed the shape of its reports has not gone silent.
        if fell and all(layout.stale for layout in layouts):
            newly.append(element)
    if newly:
        newly = _awake(shard, newly, "stale.asleep")
    shard.counts["stale"] += len(newly)
    _tell(shard, "stale", newly, tag, end, {"granularity_s": table.granularity_ms // 1000})


def tell_gaps(shard: Shard, table: Table, period: int) -> None:
    """Say which elements' reports of a period are missing, now that its lateness has run out.

    Of those that are silent for long that has been said already.
    """
    missing: list[str] = []
    for element, layouts in table.layouts.items():
        for layout in layouts:
            arrivals = layout.arrivals
            if layout.stale or layout.instant or not 0 <= arrivals.since <= period:
                continue
            if not arrivals.has(period) and (not missing or missing[-1] != element):
                missing.append(element)
    if missing:
        missing = _awake(shard, missing, "missing_periods.asleep")
    if missing:
        shard.counts["missing_periods"] += len(missing)
        granularity_s = table.granularity_ms // 1000
        detail: dict[str, object] = {"granularity_s": granularity_s, "elements": len(missing)}
        _tell(shard, "gap", missing, f"{granularity_s}/{period}", period * table.granularity_ms, detail)


def _awake(shard: Shard, elements: list[str], count: str) -> list[str]:
    """Those of whom something is expected; the others save energy, and are counted."""
    asleep = shard.alarm_desk.asleep
    if not (names := asleep.names(shard)):
        return elements
    awake = [element for element in elements if not asleep.of(shard, element, names)]
    shard.counts[count] += len(elements) - len(awake)
    return awake


def _tell(shard: Shard, change: str, elements: list[str], tag: str, end: int, detail: dict[str, object]) -> None:
    for first in range(0, len(elements), NAMED):
        body = TwinUpdate(
            id=f"{change}/{shard.partition}/{tag}/{first}",
            time=from_ms(end),
            change=change,  # type: ignore[arg-type]
            objects=elements[first : first + NAMED],
            detail=detail,
            revision=shard.revision,
        )
        shard.emit(outlet("updates", elements[first], end, body))
