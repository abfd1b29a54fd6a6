"""SenML packs of sensors -> reports: one a device's element and time stamp.

A name is taken apart into device and quantity: `urn:dev:mac:0024beff:temperature`, or base name and name. What the
quantity is called decides the counter, its unit is converted; a name that is only the device's is read by its unit.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from stream.sources.senml_pack import Resolved, resolve
from stream.sources.template import escape
from twin import dn
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.events import Report
from twin.units import conversion

QUANTITIES: Final[dict[str, str]] = {
    "temperature": "PEE.AvgTemperature",
    "temp": "PEE.AvgTemperature",
    "humidity": "PEE.Humidity",
    "voltage": "PEE.Voltage",
    "current": "PEE.Current",
    "power": "PEE.AvgPower",
    "energy": "PEE.Energy",
    "vibration": "Sensor.Vibration",
    "fan-speed": "Sensor.FanSpeed",
    "fan_speed": "Sensor.FanSpeed",
    "fanspeed": "Sensor.FanSpeed",
    "vswr": "Sensor.VSWR",
}
"""What sensors call a quantity -> counter."""

UNITS: Final[dict[str, str]] = {
    "Cel": "PEE.AvgTemperature",
    "K": "PEE.AvgTemperature",
    "%RH": "PEE.Humidity",
    "V": "PEE.Voltage",
    "A": "PEE.Current",
    "W": "PEE.AvgPower",
    "J": "PEE.Energy",
}
"""Units that leave no doubt -> counter, for names that are only the device's."""

SUM_OF_POWER: Final = "PEE.Energy"
"""What the sum of a power is."""

_SEPARATORS = ":/-._"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def reports(value: bytes, key: str, time: int) -> list[Report]:
    """What a pack reports, in the order of time and element.

    Args:
        value: The pack as JSON.
        key: Of the message: the name of the element the sensors belong to. Where it is no distinguished name, every
            device is an element of its own, `ManagedElement=<device>`.
        time: Of the message [ms since 1970]: what relative times refer to.

    Raises:
        BadInput: As `resolve`; unknown-counter, unknown-unit; wrong-type for a value that isn't a number, or two
            values of one quantity at one time.
    """
    element = key if _is_name(key) else ""
    gathered: dict[tuple[datetime, str], dict[str, dict[str, float]]] = {}
    totals: dict[tuple[datetime, str], set[str]] = {}
    for record in resolve(value, time / 1000.0):
        for device, counter, number, total in _measurements(record):
            owner = element or f"ManagedElement={device}"
            group = (_instant(record.time), owner)
            values = gathered.setdefault(group, {}).setdefault(f"Sensor={device}", {})
            if counter in values:
                raise BadInput("wrong-type", f"two values of {record.name!r} at {record.time:.3f}")
            values[counter] = number
            if total:
                totals.setdefault(group, set()).add(counter)
    return [
        _report(owner, at, sensors, sorted(totals.get((at, owner), ())))
        for (at, owner), sensors in sorted(gathered.items())
    ]


def _report(element: str, at: datetime, sensors: dict[str, dict[str, float]], totals: list[str]) -> Report:
    objects = sorted(sensors)
    counters = sorted({counter for values in sensors.values() for counter in values})
    return Report(
        element=element,
        begin=at,
        end=at,
        objects=objects,
        counters=counters,
        values=[[sensors[name].get(counter) for counter in counters] for name in objects],
        source="senml",
        cumulative=totals,
    )


def _measurements(record: Resolved) -> Iterator[tuple[str, str, float, bool]]:
    """Device, counter, value in the counter's unit, and whether it is a running total: a value, then its sum."""
    if record.value is not None:
        yield (*_measurement(record), False)
    if record.sum is not None and record.unit == "W":
        # A sum is the value integrated over time, in its unit times seconds; it goes on from record to record.
        device, counter, _ = _measurement(msgspec.structs.replace(record, value=0.0))
        if counter == "PEE.AvgPower":
            yield device, SUM_OF_POWER, conversion("J", CATALOGUE.get(SUM_OF_POWER).unit)(record.sum), True
            return
    if record.value is None:
        raise BadInput(
            "unknown-counter", f"{record.name!r} is a sum in {record.unit or 'no unit'!r}; only W are summed"
        )


def _measurement(record: Resolved) -> tuple[str, str, float]:
    """Device, counter and value in the counter's unit."""
    value = record.value
    if isinstance(value, bool) or not isinstance(value, float):
        raise BadInput("wrong-type", f"{record.name!r} is not a number: the twin keeps numbers only")
    device, quantity = _split(record)
    counter = QUANTITIES.get(quantity.lower())
    if counter is None and not quantity:
        counter = UNITS.get(record.unit)
    if counter is None:
        unit = record.unit or "no unit"
        raise BadInput("unknown-counter", f"{record.name!r} in {unit!r}; known are {', '.join(sorted(QUANTITIES))}")
    unit = CATALOGUE.get(counter).unit
    converted = conversion(record.unit or unit, unit)(value)
    if converted - converted != 0.0:  # JSON would write it as missing
        raise BadInput("out-of-range", f"{record.name!r} is {value} {record.unit}")
    return escape(device), counter, converted


def _split(record: Resolved) -> tuple[str, str]:
    """Device and quantity; an empty quantity where the whole name is the device's."""
    name, base = record.name, record.base
    if len(name) > len(base) > 0:
        inner, cut = name[len(base) :], len(base)
        # A base name may be a whole gateway's: then the device's part stands in the name, before the last separator.
        if (at := max(inner.rfind("/"), inner.rfind(":"))) > 0:
            cut += at + 1
        device, quantity = name[:cut], name[cut:]
    else:
        device, quantity = name, ""
        for candidate in QUANTITIES:
            if name.lower().endswith(candidate) and name[: -len(candidate)].endswith(tuple(_SEPARATORS)):
                device, quantity = name[: -len(candidate)], candidate
                break
    return device.rstrip(_SEPARATORS) or name, quantity


def _instant(time: float) -> datetime:
    try:
        return _EPOCH + timedelta(milliseconds=round(time * 1000.0))
    except (OverflowError, ValueError) as error:
        raise BadInput("bad-period", f"time {time} is not a time") from error


def _is_name(key: str) -> bool:
    try:
        dn.check(key)
    except BadInput:
        return False
    return True
