"""Units and how a source's unit becomes a counter's: `counter = scale * value + offset`.

Units differ by source for one and the same counter name, so every source states its unit and an unknown pair is
rejected, never guessed. Spelling follows SenML (RFC 8428, RFC 8798) where it has the unit, TS 28.552 elsewhere.
"""

from __future__ import annotations

from typing import NamedTuple

from twin.errors import BadInput


class Conversion(NamedTuple):
    """A linear change of unit."""

    scale: float
    offset: float = 0.0

    def __call__(self, value: float) -> float:
        return self.scale * value + self.offset


SAME = Conversion(1.0)

_FACTORS: dict[str, dict[str, float]] = {
    "%": {"%": 1.0, "%RH": 1.0, "%EL": 1.0, "fraction": 100.0, "/": 100.0},
    "1": {"1": 1.0, "/": 1.0, "fraction": 1.0, "%": 0.01, "count": 1.0},
    "PRB": {"PRB": 1.0},
    "kbit/s": {"kbit/s": 1.0, "bit/s": 1e-3, "Mbit/s": 1e3, "Gbit/s": 1e6, "B/s": 8e-3},
    "Mbit": {"Mbit": 1.0, "bit": 1e-6, "kbit": 1e-3, "Gbit": 1e3, "B": 8e-6, "kB": 8e-3, "MB": 8.0, "GB": 8e3},
    "0.1 ms": {"0.1 ms": 1.0, "us": 0.01, "ms": 10.0, "s": 1e4},
    "W": {"W": 1.0, "mW": 1e-3, "kW": 1e3},
    "kWh": {"kWh": 1.0, "Wh": 1e-3, "MWh": 1e3, "J": 1.0 / 3.6e6},
    "V": {"V": 1.0, "mV": 1e-3, "kV": 1e3},
    "A": {"A": 1.0, "mA": 1e-3},
    "Cel": {"Cel": 1.0},
    "dBm": {"dBm": 1.0},
    "dB": {"dB": 1.0},
    "m/s2": {"m/s2": 1.0, "g": 9.80665},
    "1/min": {"1/min": 1.0, "1/s": 60.0, "Hz": 60.0},
}
"""Counter unit -> source unit -> factor."""

_OFFSETS: dict[tuple[str, str], Conversion] = {("Cel", "K"): Conversion(1.0, -273.15)}
"""What isn't a mere factor."""


def conversion(source: str, target: str) -> Conversion:
    """The change from the unit a source states to a counter's unit.

    Raises:
        BadInput: `unknown-unit`, the pair is not in the table.
    """
    if (special := _OFFSETS.get((target, source))) is not None:
        return special
    factor = _FACTORS.get(target, {}).get(source)
    if factor is None:
        if source != target:
            raise BadInput("unknown-unit", f"no conversion from {source!r} to {target!r}; see twin.units")
        return SAME
    return SAME if factor == 1.0 else Conversion(factor)
