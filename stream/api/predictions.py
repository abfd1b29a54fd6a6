"""The newest predictions, most probable first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from infra.api.ports import Listed
from twin.events import CongestionPrediction
from twin.failure_events import FailurePrediction
from twin.inventory import inside

Place = tuple[float, str, str]
"""Of an item in the order of a list: less its probability, its name, its target."""


def congestion(
    kept: Sequence[CongestionPrediction], target: str, below: str, least: float, after: Any, limit: int
) -> Listed:
    """A page of cells; those without a prediction are left out."""
    places: list[tuple[Place, CongestionPrediction, int]] = []
    for told in kept:
        if target and told.target != target:
            continue
        for number, (cell, p) in enumerate(zip(told.cells, told.probability, strict=True)):
            if p is None or p < least:
                continue
            name = f"{told.element},{cell}" if cell else told.element
            if not below or inside(name, below):
                places.append(((-p, name, told.target), told, number))
    chosen, following = _page(places, after, limit)
    return Listed([_cell(name, told, number) for (_, name, _), told, number in chosen], following)


def _cell(name: str, told: CongestionPrediction, number: int) -> dict[str, Any]:
    return {
        "cell": name,
        "target": told.target,
        "counter": told.counter,
        "threshold": told.threshold,
        "time": told.time,
        "speaks_of": told.time + timedelta(seconds=told.horizon_s),
        "horizon_s": told.horizon_s,
        "probability": told.probability[number],
        "value": told.value[number],
        "expected": told.expected[number],
        "drivers": told.drivers[number],
        "contributions": told.contributions[number],
        "model": told.model,
        "model_version": told.model_version,
        "tier": told.tier,
        "revision": told.revision,
    }


def failures(
    kept: Sequence[FailurePrediction], target: str, below: str, least: float, after: Any, limit: int
) -> Listed:
    """A page of objects."""
    places = [
        ((-told.probability, told.object, told.target), told, 0)
        for told in kept
        if told.probability >= least
        and (not target or told.target == target)
        and (not below or inside(told.object, below))
    ]
    chosen, following = _page(places, after, limit)
    return Listed(plain(told for _, told, _ in chosen), following)


def _page(places: list[Any], after: Any, limit: int) -> tuple[list[Any], Place | None]:
    # JSON makes lists of tuples.
    begin = None if after is None else tuple(after)
    chosen = sorted((one for one in places if begin is None or one[0] > begin), key=lambda one: one[0])
    return chosen[:limit], chosen[limit - 1][0] if len(chosen) > limit else None


def likely(kept: Iterable[CongestionPrediction], least: float) -> int:
    """Cells that are predicted to be congested with at least this probability, for any target."""
    found: set[tuple[str, str]] = set()
    for told in kept:
        found.update((told.element, c) for c, p in zip(told.cells, told.probability, strict=True) if p and p >= least)
    return len(found)


def plain(kept: Iterable[msgspec.Struct]) -> list[dict[str, Any]]:
    """Messages as plain data, times as they are."""
    return [{name: getattr(told, name) for name in told.__struct_fields__} for told in kept]
