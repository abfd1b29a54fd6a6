"""Parameters of the radio twin before and after a burst, in units that people know. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from twin.radio.posterior import NINETY

_UNITS: dict[str, tuple[str, Callable[[float], float], float | None]] = {
    "power": ("dB", float, 0.0),
    "azimuth": ("deg", float, 0.0),
    "tilt": ("deg", float, 0.0),
    "eps": ("", lambda x: 1 + math.exp(x), None),
    "sigma": ("S/m", math.exp, None),
}
"""Of the kinds of `twin.radio.posterior`: unit, how it is made of the parameter, and what it is before any burst: of
offsets nought, of materials what is declared."""
LARGEST = 300.0
"""Of a logarithm: beyond it there is no number."""


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter that a burst has set.

    Attributes:
        name: Kind and what it is of, such as `power/<cell>`, an offset from what is declared, or `eps/<material>`, the
            relative permittivity.
        before: None: as declared.
        low, high: 90 % interval of what it is now.
    """

    name: str
    unit: str
    before: float | None
    after: float
    low: float
    high: float


def parameters(detail: Mapping[str, Any], before: Mapping[str, float]) -> list[Parameter]:
    """What a burst that was adopted has changed, what moved most beyond doubt first.

    Args:
        detail: Of the update `calibrated`: `names`, `parameters`, `sigma`, as `twin.radio.posterior` has them.
        before: The same before it, by name; what isn't there was as declared.
    """
    names, means, sigmas = (_list(detail.get(key)) for key in ("names", "parameters", "sigma"))
    found = []
    for name, mean, sigma in zip(names, means, sigmas, strict=False):
        kind = _UNITS.get(str(name).partition("/")[0])
        if kind is None or not all(isinstance(x, int | float) and abs(x) < LARGEST for x in (mean, sigma)):
            continue
        unit, of, first = kind
        known = before.get(name)
        was = first if known is None else of(known) if abs(known) < LARGEST else None
        # What was as declared, nobody knows how far it has moved from.
        moved = 0.0 if was is None else abs(mean - (known or 0.0)) / max(sigma, 1e-9)
        edge = NINETY * sigma
        one = Parameter(
            name=str(name),
            unit=unit,
            before=None if was is None else round(was, 4),
            after=round(of(mean), 4),
            low=round(of(max(mean - edge, -LARGEST)), 4),
            high=round(of(min(mean + edge, LARGEST)), 4),
        )
        found.append((-moved, one.name, one))
    return [one for _, _, one in sorted(found, key=lambda each: each[:2])]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []
