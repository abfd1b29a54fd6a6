"""What the radio twin has noticed, told: drifts with their kind, and how well it agrees with what is heard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from stream.decode import from_ms
from stream.outlets import outlet
from twin import drift_kind
from twin.events import Drift, Fidelity
from twin.radio.planning import DRIFT, Want
from twin.radio.twin import PERIOD_MS, RadioTwin
from twin.radio.watch import TILE_M, Moved

if TYPE_CHECKING:
    from stream.shard import Shard

COUNTER = "L1M.DL-SS-RSRP"
HOUR_MS = 3_600_000
WORST = 5


def tell_moved(shard: Shard, twin: RadioTwin, moved: list[Moved]) -> None:
    """One drift a cell, and a burst is wanted where it is the radio's."""
    by_cell: dict[str, list[Moved]] = {}
    for one in moved:
        by_cell.setdefault(one.cell, []).append(one)
    end = (twin.period + 1) * PERIOD_MS
    for cell, series in sorted(by_cell.items()):
        strongest = max(series, key=lambda one: (one.tile is None, one.evidence))
        since = min(one.since for one in series) * PERIOD_MS
        kind, reasons = drift_kind.of_soundings(
            size_db=strongest.size,
            whole_cell=strongest.tile is None,
            tiles=sum(one.tile is not None for one in series),
            alarms=alarms_on(shard, cell),
        )
        body = Drift(
            id=f"drift/{cell}/{COUNTER}/{PERIOD_MS // 1000}/{end}",
            time=from_ms(end),
            since=from_ms(since),
            object=cell,
            counter=COUNTER,
            direction="up" if strongest.up else "down",
            size=round(strongest.size, 4),
            evidence=round(strongest.evidence, 3),
            neighbours=_others(twin, cell),
            tier=twin.tier_of(cell),
            revision=shard.revision,
            kind=kind,
            reasons=reasons,
        )
        shard.counts["drift"] += 1
        shard.emit(outlet("drift", cell, end, body))
        if kind == "radio" and not twin.right_about(cell, since):
            twin.planner.note(
                Want(
                    reason=DRIFT,
                    at=end,
                    since=since,
                    drifts=[body.id],
                    touched=[cell],
                    area=_area(series),
                    tiles=[one.tile for one in series if one.tile is not None] if strongest.tile else [],
                )
            )
        else:
            # A tile may have asked before the whole cell has moved; or what was broken is repaired.
            twin.excuse(cell)


def alarms_on(shard: Shard, cell: str) -> list[tuple[str, str]]:
    """Type and probable cause of the alarms that stand on a cell, or on what it is part of."""
    above = [cell]
    while above[-1].rpartition(",")[0]:
        above.append(above[-1].rpartition(",")[0])
    return sorted(
        (alarm.alarm_type, alarm.probable_cause)
        for alarm in shard.alarms.values()
        if alarm.object_instance in above and "ManagedElement=" in alarm.object_instance
    )


def _others(twin: RadioTwin, cell: str) -> float | None:
    """Mean residual of the region's other cells [dB]."""
    others = [mean for name, mean in sorted(twin.agreement.last.items()) if name != cell]
    return round(float(np.mean(others)), 4) if others else None


def _area(series: list[Moved]) -> tuple[float, float, float, float] | None:
    """The tiles that moved; none where a whole cell did."""
    tiles = [one.tile for one in series if one.tile is not None]
    if not tiles or any(one.tile is None for one in series):
        return None
    x, y = np.array(tiles).T
    west, south, east, north = (float(v) * TILE_M for v in (x.min(), y.min(), x.max() + 1, y.max() + 1))
    return (west, south, east, north)


def tell_fidelity(shard: Shard, twin: RadioTwin, period: int) -> None:
    """Once an hour: how well the twin agrees with what is heard, with line of sight and without.

    Args:
        period: That is opened now.
    """
    if period * PERIOD_MS // HOUR_MS == twin.period * PERIOD_MS // HOUR_MS:
        return
    end = (twin.period + 1) * PERIOD_MS
    score = twin.agreement.fidelity.score()
    for number, context in enumerate(("los", "nlos")):
        _tell_context(shard, twin, end, context, range(number, len(score), 2), score)


def _tell_context(
    shard: Shard,
    twin: RadioTwin,
    end: int,
    context: str,
    rows: Iterable[int],
    score: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    known = [row for row in rows if not np.isnan(score[row])]
    if not known:
        return
    worst = sorted(known, key=lambda row: (score[row], row))[:WORST]
    body = Fidelity(
        id=f"fidelity/{COUNTER}/{twin.region.name}/{context}/{end}",
        time=from_ms(end),
        counter=COUNTER,
        granularity_s=PERIOD_MS // 1000,
        partition=shard.partition,
        score=round(float(np.mean(score[known])), 4),
        worst=[twin.agreement.cells[row // 2] for row in worst],
        worst_scores=np.round(score[worst], 4).tolist(),
        num_objects=len(known),
        tier=twin.tier,
        revision=shard.revision,
        context=context,
    )
    shard.emit(outlet("fidelity", str(shard.partition), end, body))
