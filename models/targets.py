"""Congestion and its targets: what is predicted, how far ahead, when a label matures."""

from __future__ import annotations

import re

import msgspec

from twin.errors import ConfigurationError

LONGEST_S = 31 * 86400
"""Of a horizon [s]: what was predicted is kept until its label is known."""

_TARGET = re.compile(r"\s*([\w.\-]+)\s*>\s*([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*@\s*([0-9]{1,9})\s*(s|m|min|h|d)\s*")
_UNITS_S = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


class CongestionTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A counter above a threshold, a horizon from now.

    The label of the prediction made from the period that ends at `t` is known when the period that ends at
    `t + horizon_s` has closed; it is missing where that period is.

    Attributes:
        threshold: In the counter's unit.
        horizon_s: How far ahead [s]; a multiple of the granularity.
    """

    counter: str
    threshold: float
    horizon_s: int

    @property
    def name(self) -> str:
        """Such as `RRU.PrbTotDl>70@1h`."""
        h = self.horizon_s
        unit, size = next((u, s) for u, s in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)) if h % s == 0)
        return f"{self.counter}>{self.threshold:g}@{h // size}{unit}"


def parse_target(text: str) -> CongestionTarget:
    """Read a target written like its name, such as `RRU.PrbTotDl>70@1h`.

    Raises:
        ConfigurationError: It can't be read.
    """
    match = _TARGET.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"can't read the target {text[:80]!r}; write it like 'RRU.PrbTotDl>70@1h'")
    counter, threshold, count, unit = match.groups()
    if int(count) == 0:
        raise ConfigurationError(f"the horizon of {text!r} is zero: a target lies ahead")
    target = CongestionTarget(counter=counter, threshold=float(threshold), horizon_s=int(count) * _UNITS_S[unit])
    return check_target(target)


def check_target(target: CongestionTarget) -> CongestionTarget:
    """Return `target` if it can be predicted: others would take all memory, or none of the sums would be numbers.

    Raises:
        ConfigurationError: It can't.
    """
    if not (target.threshold == 0.0 or 1e-15 <= target.threshold <= 1e15):
        raise ConfigurationError(
            f"threshold {target.threshold:g} of {target.counter!r} is neither 0 nor between 1e-15 and 1e15"
        )
    if not 0 < target.horizon_s <= LONGEST_S:
        raise ConfigurationError(f"the horizon {target.horizon_s} s of {target.counter!r} is not within {LONGEST_S} s")
    return target


def parse_duration_s(text: str) -> int:
    """Read a duration such as `24h` or `15min` [s].

    Raises:
        ConfigurationError: It can't be read.
    """
    match = re.fullmatch(r"\s*([0-9]{1,9})\s*(s|m|min|h|d)\s*", text)
    if match is None:
        raise ConfigurationError(f"can't read the duration {text[:80]!r}; write it like '24h' or '15min'")
    return int(match[1]) * _UNITS_S[match[2]]
