"""Fading of microwave links: what speaks for a fade of more than 10 dB in the next minutes, causally and in bounds.

Attenuation is a channel's loss (transmit minus receive level) above its own median of the two days before. A link's
attenuation is that of its worse channel. Missing levels are missing.

A period's values are written as they come. Neighbours speak as of the newest closed period, when theirs are complete,
so that a prediction doesn't depend on who reported first, nor on how the transport cut the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.links.around import AROUND, Around
from models.links.median import RunningMedian
from models.links.motion import RainMotion
from models.links.own import OWN, own_features
from models.links.rain import Rain
from twin.columns import Columns
from twin.neighbours import Csr
from twin.parts import Part, gathered, scattered

Floats = NDArray[Any]
F32 = np.float32

CHANNELS = 2
FADE_DB = 10.0
"""What counts as a fade unless a target says otherwise [dB]."""

BASELINE_S = 2 * 86_400
BASELINE_LEAST_S = 3_600
"""Of values that a baseline needs [s]."""

DAY_S, FLICKER_S = 86_400, 21_600
"""Half-lives of the most of a day, and of the usual flicker [s]."""

OPEN = 16
"""Periods that may be open at once, unless one says otherwise."""


class LinkFadeFeatures:
    """Features, risk and labels of every link, a row each.

    Args:
        granularity_ms: Of the periods [ms].
        neighbours: Whether neighbours are listened to.
        most_open: Periods that may be open at once.
    """

    def __init__(self, granularity_ms: int, *, neighbours: bool = True, most_open: int = OPEN) -> None:
        self.granularity_ms, self.neighbours, self.most_open = granularity_ms, neighbours, most_open
        self.names = (*OWN, *AROUND) if neighbours else OWN
        one, five, quarter, hour = (max(1, round(60_000 * m / granularity_ms)) for m in (1, 5, 15, 60))
        self.lags = (one, five, quarter, hour)
        self.depth = hour + 1 + most_open
        second = 1000 / granularity_ms
        window, least = max(2, round(BASELINE_S * second)), max(1, round(BASELINE_LEAST_S * second))
        self.baselines = [RunningMedian(window, least) for _ in range(CHANNELS)]
        self._kept_day = F32(0.5 ** (1 / max(DAY_S * second, 1)))
        self._kept_flicker = F32(0.5 ** (1 / max(FLICKER_S * second, 1)))
        self.columns = c = Columns()
        c.add("loss", F32, (most_open, CHANNELS), np.nan)
        c.add("high", F32, (self.depth,), np.nan)
        c.add("low", F32, (self.depth,), np.nan)
        c.add("most", F32)
        c.add("flicker", F32, fill=0.1)
        c.add("around", F32, (len(AROUND) if neighbours else 0,))
        c.add("static", F32, (3,))
        self.closed = -1
        self._opened = -1
        self.motion = RainMotion(np.zeros(0), np.zeros(0), granularity_ms / 60_000)
        self._around: Around | None = None

    def grow(self, n: int) -> None:
        """Make room for `n` links."""
        self.columns.grow(n)
        for median in self.baselines:
            median.grow(n)

    def describe(
        self,
        length_km: Floats,
        frequency_hz: Floats,
        vertical: NDArray[np.bool_],
        x_km: Floats,
        y_km: Floats,
        relation: Csr,
    ) -> None:
        """Say what the links are and which are neighbours; each array `[n]`, positions east and north [km].

        Unknown lengths and frequencies come as usual ones; it is for the caller to choose them. Where the places
        haven't changed, what is known of the rain's motion stays.
        """
        rain = Rain(length_km, frequency_hz, vertical)
        sensitive = rain.attenuation(np.full(len(length_km), 30.0))
        self.columns["static"][:] = (
            np.log(rain.length_km / 5),
            np.log(frequency_hz / 20e9),
            np.log(sensitive / FADE_DB),
        )
        motion = RainMotion(x_km, y_km, self.granularity_ms / 60_000)
        motion.restore(self.motion.state())
        self.motion = motion
        self._around = Around(relation, x_km, y_km, rain, motion)

    def write(self, rows: NDArray[np.int64], period: int, loss_db: Floats) -> None:
        """Write what some links measured.

        Args:
            loss_db: Transmit minus receive level, `[CHANNELS, n]` [dB], NaN where either is missing.
        """
        self.open(period)
        self.columns["loss"][period % self.most_open][:, rows] = loss_db
        base = np.stack([median.median()[rows] for median in self.baselines])
        attenuation = loss_db - base
        slot = period % self.depth
        self.columns["high"][slot, rows] = np.fmax(attenuation[0], attenuation[1])
        self.columns["low"][slot, rows] = np.fmin(attenuation[0], attenuation[1])

    def open(self, period: int) -> None:
        """Clear the places of periods up to a new one."""
        first = max(self._opened + 1, period - self.depth + 1)
        for new in range(first, period + 1):
            self.columns["loss"][new % self.most_open] = np.nan
            self.columns["high"][new % self.depth] = np.nan
            self.columns["low"][new % self.depth] = np.nan
        self._opened = max(self._opened, period)

    def close(self, period: int) -> None:
        """A period is complete: baselines, habits and what neighbours see take it in."""
        self.open(period)
        c = self.columns
        if self.closed >= 0:
            for skipped in range(max(self.closed + 1, period - self.baselines[0].window + 1), period):
                self._into_baselines(skipped, known=False)
        self._into_baselines(period, known=True)
        self.closed = period
        high, before = c["high"][period % self.depth], c["high"][(period - 1) % self.depth]
        c["most"][:] = np.fmax(c["most"] * self._kept_day, high)
        step = np.abs(high - before)
        c["flicker"][:] += (1 - self._kept_flicker) * np.where(np.isnan(step), 0, np.minimum(step, 5) - c["flicker"])
        if self._around is not None and self.neighbours:
            low = self._history("low", period, None)
            rate = self._around.rain.rate(low[[0, self.motion.lag]])
            self.motion.learn(*np.log1p(rate))
            c["around"][:] = self._around.features(low, self.lags)

    def features(self, period: int, rows: NDArray[np.int64] | None = None) -> Floats:
        """Features of a period, `[len(names), n]` float32; of all links or of some rows.

        Meaningless where the link has no value now (`at_risk` is false there).
        """
        c = self.columns
        chosen = slice(None) if rows is None else rows
        own = own_features(
            self._history("high", period, rows),
            self._history("low", period, rows),
            self.lags,
            c["most"][chosen],
            c["flicker"][chosen],
            c["static"][:, chosen],
        )
        out: Floats = np.nan_to_num(np.concatenate([own, c["around"][:, chosen]]), copy=False)
        return out

    def at_risk(self, period: int, fade_db: float = FADE_DB) -> NDArray[np.bool_]:
        """Links that are healthy in a period, `[n]`: less than half way to a fade. One with no value isn't known to be.

        A link with more is fading already: that its fade goes on is no prediction.
        """
        out: NDArray[np.bool_] = self.columns["high"][period % self.depth] < fade_db / 2
        return out

    def happened(self, period: int, fade_db: float = FADE_DB) -> Floats:
        """1 where a link is faded in a period, 0 where not, NaN where its level is missing, `[n]`."""
        high = self.columns["high"][period % self.depth]
        out: Floats = np.where(np.isnan(high), F32(np.nan), (high > fade_db).astype(F32))
        return out

    def attenuation(self, period: int) -> Floats:
        """Of the worse channel, `[n]` [dB], NaN where missing."""
        out: Floats = self.columns["high"][period % self.depth].copy()
        return out

    def _parts(self) -> dict[str, Part]:
        return {
            "columns": self.columns,
            **{f"baseline{k}": m for k, m in enumerate(self.baselines)},
            "motion": self.motion,
        }

    def state(self) -> dict[str, Floats]:
        """Everything but what `describe` says."""
        return gathered(self._parts()) | {"periods": np.array([self.closed, self._opened])}

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Take over what `state` returned; `describe` before or after."""
        scattered(self._parts(), arrays)
        self.closed, self._opened = (int(p) for p in arrays["periods"])

    def _history(self, name: str, period: int, rows: NDArray[np.int64] | None) -> Floats:
        """Newest first, `[1 + lags[3], n]`."""
        slots = (period - np.arange(self.lags[3] + 1)) % self.depth
        ring = self.columns[name]
        out: Floats = ring[slots] if rows is None else ring[slots[:, None], rows]
        return out

    def _into_baselines(self, period: int, *, known: bool) -> None:
        loss = self.columns["loss"][period % self.most_open]
        for channel, median in enumerate(self.baselines):
            median.push(period, loss[channel] if known else np.full(self.columns.n, np.nan, F32))
