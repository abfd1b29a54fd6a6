"""Evidence that a mean lies above zero, valid however often one looks: the wealth of a gambler who bets on it.

Whoever bets on a fair or losing game doubles his money with probability 1/2 at most, and multiplies it by k with
probability 1/k at most, whenever he stops (Ville's inequality). So wealth of 1/alpha refutes "the mean is 0 or less" at
level alpha, and looking every hour costs nothing.

Differences are bounded by a scale that is known before each of them: one beyond `CLIP` typical differences counts as
that, so no single block decides. What is tested is the mean of these bounded differences.

Sources: Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86, 2024 (wealth,
bets by the approximate GRAPA rule); Shin, Ramdas and Rinaldo, "E-detectors", 2023 (CUSUM of e-values).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLIP = 3.0
"""In medians of the differences' size; of normal ones 4 % lie beyond."""
MOST_STAKE = 0.75
"""Share of the wealth that is staked at most: it must survive a loss."""
PRIOR_VARIANCE = 0.1
"""Of bounded differences, before any was seen."""
SEEN_FIRST = 4
"""Differences that only show the scale."""


def bounded(differences: Floats, seen: Floats) -> Floats:
    """Differences over the scale of those seen before them, within [-1, 1]; 0 where too few were seen.

    Args:
        differences: One a block, `[num_blocks]`.
        seen: Those before, `[num_seen]`.
    """
    if len(seen) < SEEN_FIRST:
        return np.zeros(len(differences))
    scale = CLIP * float(np.median(np.abs(seen)))
    return np.clip(differences / scale, -1.0, 1.0) if scale > 0 else np.sign(differences)


def log_wealth(differences: Floats, season: int = 1) -> Floats:
    """Logarithm of the wealth of one who bets that the mean is above zero, after each block, `[num_blocks]`.

    Scale and stake are fixed for a season, by what was seen before it: a pattern within a day can't be bet on.

    Args:
        differences: One a block, `[num_blocks]`.
        season: Blocks of one: wealth is to be looked at where one ends.
    """
    out = np.zeros(len(differences))
    wealth = 0.0
    for begin in range(0, len(differences), season):
        seen = differences[:begin]
        stake = _stake(bounded(seen, seen))
        gains = np.log1p(stake * bounded(differences[begin : begin + season], seen))
        out[begin : begin + season] = wealth + np.cumsum(gains)
        wealth = float(out[begin : begin + season][-1])
    return out


def _stake(seen: Floats) -> float:
    """The approximate GRAPA bet: mean over second moment, of what was seen."""
    n = len(seen)
    if not n:
        return 0.0
    mean = float(seen.sum()) / (n + 1)
    variance = (PRIOR_VARIANCE + float(((seen - mean) ** 2).sum())) / (n + 1)
    return min(max(mean / (variance + mean * mean), 0.0), MOST_STAKE)


def log_cusum(differences: Floats) -> Floats:
    """The same for a mean that may rise above zero at any time: wealth that is made up to 1 whenever it is below.

    While the mean is 0 or less, it takes 1/alpha blocks or more, on average, until it reaches 1/alpha.

    Args:
        differences: One a block, `[num_blocks]`.

    Returns:
        Logarithm of the wealth after each block, `[num_blocks]`.
    """
    out = np.zeros(len(differences))
    wealth = 0.0
    for i in range(len(differences)):
        x = float(bounded(differences[i : i + 1], differences[:i])[0])
        wealth = max(wealth, 0.0) + float(np.log1p(MOST_STAKE * x))
        out[i] = wealth
    return out
