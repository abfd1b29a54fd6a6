"""The catalogue of counters: names and units of TS 28.552, physical limits, and which of them the twin expects.

A name is `family.measurement` with an optional sub-counter: `RRU.PrbTotDlDist.Bin3` and `DRB.AirIfDelayDl.01` inherit
from the name before the last dot. Vendor counters are declared by profiles and carry a prefix of their own.

Source: TS 28.552.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput, ConfigurationError
from twin.units import conversion

MOST: Final = 1e18
"""Of any limit: squares must fit into 32-bit floats."""

MANY: Final = 1e12
"""An upper limit for counts and volumes: beyond it a counter is broken, not busy."""


class Counter(NamedTuple):
    """One counter.

    Attributes:
        low: Least value that is physically possible, in `unit`.
        high: Greatest.
        tracked: The twin keeps an expectation of it, and watches it for drift.
    """

    name: str
    unit: str
    low: float
    high: float
    tracked: bool = False


def _family(unit: str, low: float, high: float, names: str, *, tracked: bool = False) -> Iterator[Counter]:
    return (Counter(name, unit, low, high, tracked) for name in names.split())


STANDARD: Final[tuple[Counter, ...]] = (
    # Load. Only the downlink share is tracked: the others follow from it, and an expectation costs memory a cell.
    *_family("%", 0, 100, "RRU.PrbTotDl", tracked=True),
    *_family("%", 0, 100, "RRU.PrbTotUl DRB.UEUnresVolDl DRB.UEUnresVolUl"),
    *_family("1", 0, MANY, "RRU.PrbTotDlDist RRU.PrbTotUlDist DRB.UEThpDlDist DRB.UEThpUlDist"),
    *_family("PRB", 0, 1e5, "RRU.PrbUsedDl RRU.PrbUsedUl RRU.PrbAvailDl RRU.PrbAvailUl RRU.MaxPrbUsedDl"),
    *_family("PRB", 0, 1e5, "RRU.MaxPrbUsedUl"),
    # Throughput of users; 0 where the cell was idle: a low value alone is no sign of congestion.
    *_family("kbit/s", 0, 1e8, "DRB.UEThpDl DRB.UEThpUl"),
    *_family("0.1 ms", 0, 1e7, "DRB.AirIfDelayDl DRB.AirIfDelayUl DRB.RlcSduDelayDl DRB.RlcSduLatencyDl"),
    *_family("0.1 ms", 0, 1e7, "DRB.PdcpSduDelayDl DRB.PdcpF1Delay DRB.RlcDelayUl"),
    *_family("1", 0, MANY, "DRB.RlcPacketDropRateDl"),
    *_family("Mbit", 0, MANY, "DRB.PdcpSduVolumeDL DRB.PdcpSduVolumeUL"),
    *_family("Mbit", 0, MANY, "QosFlow.TotPdcpPduVolumeDl QosFlow.TotPdcpPduVolumeUl"),
    *_family("Mbit", 0, MANY, "QosFlow.PdcpPduVolumeDL QosFlow.PdcpPduVolumeUL"),
    *_family("Mbit", 0, MANY, "QosFlow.PdcpSduVolumeDL QosFlow.PdcpSduVolumeUL"),
    # Users, accessibility, mobility.
    *_family("1", 0, 1e6, "DRB.MeanActiveUeUl DRB.MaxActiveUeUl"),
    *_family("1", 0, MANY, "RRC.ReEstabSuccWithUeContext RRC.ReEstabSuccWithoutUeContext"),
    *_family("1", 0, MANY, "MM.HoResAlloInterReq MM.HoResAlloInterSucc MM.HoResAlloInterFail"),
    *_family("1", 0, 1e6, "RRC.ConnMean RRC.ConnMax RRC.InactiveConnMean DRB.MeanActiveUeDl DRB.MaxActiveUeDl"),
    *_family("1", 0, MANY, "RRC.ConnEstabAtt RRC.ConnEstabSucc RRC.ConnEstabFailCause RRC.ReEstabAtt RRC.ResumeAtt"),
    *_family("1", 0, MANY, "DRB.EstabAtt DRB.EstabSucc DRB.RelActNbr DRB.SessionTime"),
    *_family("1", 0, MANY, "SM.PDUSessionSetupReq SM.PDUSessionSetupSucc SM.PDUSessionSetupFail"),
    *_family("1", 0, MANY, "UECNTXT.ConnEstabAtt UECNTXT.ConnEstabSucc"),
    *_family("1", 0, MANY, "MM.HoPrepInterReq MM.HoPrepInterSucc MM.HoPrepInterFail"),
    *_family("1", 0, MANY, "MM.HoExeInterReq MM.HoExeInterSucc MM.HoExeInterFail MM.HoExeIntraReq MM.HoExeIntraSucc"),
    # Radio. `TB.IntialErrNbrDl` is spelt so by those who send it.
    *_family("1", 0, MANY, "TB.TotNbrDlInitial TB.IntialErrNbrDl TB.ErrTotNbrDl TB.ResidualErrNbrDl"),
    *_family("1", 0, MANY, "CARR.WBCQIDist CARR.PDSCHMCSDist L1M.DL-SS-RSRP L1M.DL-SS-SINR"),
    # Power, energy and environment. A 48 V supply is negative against earth at many sites.
    *_family("W", 0, 1e6, "PEE.AvgPower", tracked=True),
    *_family("W", 0, 1e6, "PEE.MinPower PEE.MaxPower"),
    *_family("kWh", 0, 1e9, "PEE.Energy", tracked=True),
    *_family("Cel", -60, 150, "PEE.AvgTemperature", tracked=True),
    *_family("Cel", -60, 150, "PEE.MinTemperature PEE.MaxTemperature"),
    *_family("V", -1e5, 1e5, "PEE.Voltage", tracked=True),
    *_family("A", -1e4, 1e4, "PEE.Current", tracked=True),
    *_family("%", 0, 100, "PEE.Humidity", tracked=True),
    # Microwave links: actual transmitted and received level of RFC 8561; a sub-counter numbers the channel.
    *_family("dBm", -150, 60, "Link.TransmitLevel Link.ReceiveLevel"),
    # TS 28.552 has no counter for these; `Sensor.` is our prefix.
    *_family("m/s2", 0, 1e4, "Sensor.Vibration", tracked=True),
    *_family("1/min", 0, 1e6, "Sensor.FanSpeed", tracked=True),
    # Of an antenna line: 1 where nothing is reflected.
    *_family("1", 1, 1e3, "Sensor.VSWR", tracked=True),
    # A battery-fed sensor of itself: its battery, what it counts, and how the network hears it.
    *_family("V", 0, 1e3, "Sensor.Battery"),
    *_family("1", 0, MANY, "Sensor.Motion Sensor.Pulses Sensor.Frames Sensor.Gateways"),
    *_family("dBm", -200, 60, "Sensor.RSSI"),
    *_family("dB", -100, 100, "Sensor.SNR"),
)

ALIASES: Final[dict[str, str]] = {
    "TB.ErrTotalNbrDl": "TB.ErrTotNbrDl",
    "UECNTX.ConnEstabAtt": "UECNTXT.ConnEstabAtt",
    "UECNTX.ConnEstabSucc": "UECNTXT.ConnEstabSucc",
}
"""Spellings that occur in what is sent -> ours. A table, not a guess."""

_WITH_CAUSES = {
    *("RRC.ConnEstabAtt", "RRC.ConnEstabSucc", "RRC.ConnEstabFailCause", "UECNTXT.ConnEstabAtt"),
    *("UECNTXT.ConnEstabSucc", "SM.PDUSessionSetupFail", "MM.HoPrepInterFail", "MM.HoExeInterFail"),
}
"""Counters whose sub-counters are causes such as `mo-Data`."""

_NUMBERED = re.compile(r"\d{1,4}|[0-9A-Fa-f]{6}|[0-9A-Fa-f]{8}|Bin[A-Za-z0-9.]{1,24}")
"""Sub-counters: a number such as a 5QI, a PLMN or an S-NSSAI of 6 or 8 hexadecimal digits, a bin."""
_CAUSE = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,48}")
_VENDOR_NAME = re.compile(r"[A-Z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9_-]*)+")
_ALL = ".*"
_RESERVED = frozenset(counter.name.partition(".")[0] for counter in STANDARD) - {"Sensor"}


def is_family(prefix: str) -> bool:
    """Whether names of the standard, or our own, begin so: no vendor's counters can."""
    return prefix in _RESERVED or prefix == "Sensor"


def vendor_family(prefix: str) -> Counter:
    """All counters that begin with a vendor's name, such as `Ericsson`: numbers without a unit, and not tracked."""
    return Counter(f"{prefix}{_ALL}", "1", -MOST, MOST)


class Catalogue:
    """Counters by name. Immutable: `declare` returns a larger one."""

    def __init__(self, counters: Iterable[Counter] = STANDARD) -> None:
        self._counters = {counter.name: counter for counter in counters}
        self._limits: dict[tuple[str, ...], tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def __iter__(self) -> Iterator[Counter]:
        return iter(self._counters.values())

    def get(self, name: str) -> Counter:
        """The counter of this name; a sub-counter has the unit and limits of its base and is not tracked itself.

        Raises:
            BadInput: `unknown-counter`.
        """
        counter = self._find(name)
        if counter is None:
            raise BadInput("unknown-counter", f"{name[:80]!r} is not in the catalogue; declare it in a profile")
        return counter

    def named(self, name: str) -> bool:
        """Whether a counter is known by itself, and not only as one of a vendor's family."""
        return name in self._counters or (name in self and f"{name.partition('.')[0]}{_ALL}" not in self._counters)

    def tracked(self, name: str) -> bool:
        """Whether the twin keeps an expectation of this counter. Raises as `get`."""
        return self.get(name).tracked

    def bounds(self, names: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Least and greatest possible values, each `[num_counters]`, read-only. Raises as `get`."""
        limits = self._limits.get(names)
        if limits is None:
            found = [self.get(name) for name in names]
            limits = np.array([c.low for c in found], float), np.array([c.high for c in found], float)
            for side in limits:
                side.flags.writeable = False
            if len(self._limits) >= 256:  # a source that invents column sets must not grow the worker
                self._limits.clear()
            self._limits[names] = limits
        return limits

    def low(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Least possible values, `[num_counters]`, read-only. Raises as `get`."""
        return self.bounds(names)[0]

    def high(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Greatest possible values, `[num_counters]`, read-only. Raises as `get`."""
        return self.bounds(names)[1]

    def declare(self, *counters: Counter) -> Catalogue:
        """A catalogue with these vendor counters as well. Declaring the same counter again changes nothing.

        Raises:
            ConfigurationError: A name without a vendor prefix such as `ITU.`, of a family of the standard, declared
                differently before, or limits that don't make a range.
        """
        for counter in counters:
            prefix, _, rest = counter.name.partition(".")
            named = f"{prefix}.x" if rest == _ALL[1:] else counter.name
            if _VENDOR_NAME.fullmatch(named) is None or prefix in _RESERVED:
                raise ConfigurationError(f"vendor counter {counter.name!r} needs a prefix of its own such as 'ITU.'")
            if not -MOST <= counter.low < counter.high <= MOST:
                raise ConfigurationError(
                    f"counter {counter.name!r}: low {counter.low} is not below {counter.high}, or beyond {MOST:g}"
                )
            if self._counters.get(counter.name, counter) != counter:
                raise ConfigurationError(f"counter {counter.name!r} is declared twice, and differently")
        return Catalogue([*self, *counters])

    def convert(self, name: str, value: float, unit: str) -> float:
        """`value` in the unit of counter `name`.

        Raises:
            BadInput: `unknown-counter` or `unknown-unit`.
        """
        return conversion(unit, self.get(name).unit)(value)

    def _find(self, name: str) -> Counter | None:
        if (counter := self._counters.get(name)) is not None:
            return counter
        family, _, rest = name.partition(".")
        measurement, _, sub = rest.partition(".")
        base = self._counters.get(f"{family}.{measurement}")
        if base is None and (whole := self._counters.get(family + _ALL)) is not None:
            return whole._replace(name=name) if _VENDOR_NAME.fullmatch(name) else None
        if base is None or not sub:
            return None
        allowed = _NUMBERED.fullmatch(sub) or (base.name in _WITH_CAUSES and _CAUSE.fullmatch(sub))
        return base._replace(name=name, tracked=False) if allowed else None


CATALOGUE: Final = Catalogue()
"""The standard's counters and those of sensors; profiles add to it with `declare`."""
