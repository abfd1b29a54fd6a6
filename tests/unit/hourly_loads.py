"""Hourly loads of one element with six cells, one of which may move on a day."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from folding import LOAD, A, report

from models.targets import parse_target
from stream.config import ShardConfig

SHIFT_DAY, SHIFTED = 6, 2


def hourly(days: range, shift: float) -> list[dict[str, Any]]:
    """Hourly loads of one element with six cells: a daily curve and noise; one cell moves by `shift` on a day."""
    out = []
    for period in range(24 * days.start, 24 * days.stop):
        rng = np.random.default_rng((9, period))
        curve = 40 + 20 * math.sin(2 * math.pi * (period % 24) / 24)
        values = curve + 5 * np.arange(6) / 6 + 3 * rng.standard_normal(6)
        values[SHIFTED] += shift if period >= 24 * SHIFT_DAY else 0.0
        out.append(report(A, period, [[float(v)] for v in np.round(values.clip(0, 100), 2)], granularity_s=3600))
    return out


HOURLY = ShardConfig(targets=(parse_target(f"{LOAD}>55@1h"),))
