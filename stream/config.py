"""What the fold needs to know besides the log."""

from __future__ import annotations

import msgspec

from infra.settings import Settings
from models.targets import CongestionTarget, parse_target


class ShardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the fold needs to know besides the log; part of what makes a replay repeatable.

    Attributes:
        lateness_periods: How many periods a report may come late and still count.
        future_tolerance_ms: How far a period may end after its record's own time [ms].
        instant_period_ms: The period into which samples taken at an instant are sorted [ms].
        unknown_objects: What to do with objects that the inventory doesn't know.
    """

    targets: tuple[CongestionTarget, ...] = ()
    lateness_periods: int = 1
    future_tolerance_ms: int = 600_000
    instant_period_ms: int = 60_000
    unknown_objects: str = "accept"


def shard_config(settings: Settings) -> ShardConfig:
    """The part of the settings that the fold depends on."""
    return ShardConfig(
        targets=tuple(parse_target(text) for text in settings.targets),
        lateness_periods=settings.lateness_periods,
        future_tolerance_ms=int(settings.future_tolerance_s * 1000),
        unknown_objects=settings.unknown_objects,
    )
