"""Which features a batch model of a counter sees: their names and order follow from a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from models.targets import CongestionTarget
from twin.errors import ConfigurationError

OWN = ("now", "lag1", "lag2", "lag3", "fast", "slow", "day", "usual_now", "yesterday_now", "lastweek_now")
"""Of the object itself: the last four periods, means of half an hour, three hours and a day, what is usual."""
LAGS = 3
CLOCK = ("sin_day", "cos_day", "sin_week", "cos_week")
NETWORK = ("network_level",)
AROUND = ("around_now", "around_change")
"""Means over neighbours and co-sited cells in the period before, and how they have changed in it."""
OTHERS = ("volume", "users", "throughput")
"""Other counters of the same object, where they are reported [ln(1 + x)]; see `twin.companions`."""
STATIC = (
    "bandwidth", "resource_blocks", "power", "antennas", "frequency", "tilt", "height", "cells", "neighbours",
)  # fmt: skip
"""Configuration, as declared; `cells` are those of the same element."""
AHEAD = ("usual", "yesterday", "lastweek", "spread", "network_change", "weekend")
"""Once a horizon: what is usual at that time, what it was a day and a week before it, how much it varies."""

LONG = ("week", "month")
"""Means over about a week and four weeks: where the object is in its season. Unknown: the mean of a day."""
OVER = ("day_over", "week_over")
"""Once a threshold: share of time above it in about a day and a week."""
BESIDE = ("yesterday_before", "yesterday_after")
"""Once a horizon: yesterday an hour (or a period, if that is longer) before and after that time; unknown: the usual."""

Positive = Annotated[float, Meta(gt=0, le=1e15)]


class FeatureSpec(Struct, frozen=True, kw_only=True):
    """What the features of one counter depend on.

    Attributes:
        scale: Values are in units of this.
        horizons: [periods], ascending.
        thresholds: In the counter's unit, ascending.
        kinds: Declared kinds that have a row of their own, such as `area=stadium`.
        lag: How many periods the newest closed one is behind the newest, as the fold usually finds it.
        generation: Of the rows: 2 has `LONG`, `OVER` and `BESIDE` at the end, 1, of older artifacts, has not.
    """

    counter: Annotated[str, Meta(min_length=1, max_length=128)]
    granularity_ms: Annotated[int, Meta(ge=1, le=86_400_000)]
    scale: Positive
    horizons: Annotated[list[Annotated[int, Meta(ge=1, le=3_000_000)]], Meta(min_length=1, max_length=8)]
    thresholds: Annotated[list[Annotated[float, Meta(ge=0, le=1e15)]], Meta(min_length=1, max_length=8)]
    kinds: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=16)] = []
    lag: Annotated[int, Meta(ge=1, le=700)] = 3
    generation: Annotated[int, Meta(ge=1, le=2)] = 1

    @property
    def names(self) -> list[str]:
        """Of the rows, in order."""
        return [
            *OWN,
            *CLOCK,
            *NETWORK,
            *AROUND,
            *OTHERS,
            *STATIC,
            *(f"kind{k}" for k in range(len(self.kinds))),
            *(f"recent_over:{k}" for k in range(len(self.thresholds))),
            *(f"{name}@{h}" for h in range(len(self.horizons)) for name in AHEAD),
            *(f"usual_over@{h}:{k}" for h in range(len(self.horizons)) for k in range(len(self.thresholds))),
            *(self._added if self.generation > 1 else ()),
        ]

    @property
    def _added(self) -> list[str]:
        return [
            *LONG,
            *(f"{name}:{k}" for name in OVER for k in range(len(self.thresholds))),
            *(f"{name}@{h}" for h in range(len(self.horizons)) for name in BESIDE),
        ]

    @property
    def num_features(self) -> int:
        """How many rows there are."""
        each = sum(map(len, (OWN, CLOCK, NETWORK, AROUND, OTHERS, STATIC, self.kinds)))
        T, H = len(self.thresholds), len(self.horizons)
        return each + T + H * (len(AHEAD) + T) + (len(self._added) if self.generation > 1 else 0)

    @property
    def marked(self) -> list[int]:
        """Rows that may be missing though the object has a value now."""
        may = {*OWN[1:], *AROUND, *OTHERS, *STATIC}
        return [
            row
            for row, name in enumerate(self.names)
            if name in may or name.startswith(("usual", "yesterday@", "lastweek@", "recent_over", *OVER))
        ]


def spec_for(
    targets: Sequence[CongestionTarget], granularity_ms: int, kinds: Sequence[str] = (), lag: int = 3
) -> FeatureSpec:
    """The features for some targets of one counter.

    Raises:
        ConfigurationError: Targets of several counters, or a horizon that is no multiple of the granularity.
    """
    counters = {t.counter for t in targets}
    if len(counters) != 1:
        raise ConfigurationError(f"a batch model is of one counter, not of {len(counters)}")
    odd = [t.name for t in targets if t.horizon_s * 1000 % granularity_ms]
    if odd:
        raise ConfigurationError(f"the horizon of {odd[0]!r} is no multiple of the period, {granularity_ms // 1000} s")
    thresholds = sorted({t.threshold for t in targets})
    return FeatureSpec(
        counter=counters.pop(),
        granularity_ms=granularity_ms,
        scale=thresholds[0] or 1.0,
        horizons=sorted({t.horizon_s * 1000 // granularity_ms for t in targets}),
        thresholds=thresholds,
        kinds=list(kinds),
        lag=lag,
        generation=2,
    )
