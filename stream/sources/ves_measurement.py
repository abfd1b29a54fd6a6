"""VES measurements -> reports: named counters, and what the management controller (IPMI) reads of fans, heat and power.

Source: VES 7.2.1 `measurementFields`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import msgspec

from stream.sources.pm_names import CounterNames
from stream.sources.template import escape
from stream.sources.ves_event import Header, fields
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Report

Number = float | str


class _Named(msgspec.Struct, rename="camel"):
    name: str
    hash_map: dict[str, Number]


class _Fan(msgspec.Struct, rename="camel"):
    fan_identifier: str
    fan_speed: float | None = None


class _Board(msgspec.Struct, rename="camel"):
    baseboard_temperature_identifier: str
    baseboard_temperature: float | None = None


class _Supply(msgspec.Struct, rename="camel"):
    power_supply_identifier: str
    power_supply_input_power: float | None = None
    power_supply_temperature: float | None = None


class _Ipmi(msgspec.Struct, rename="camel"):
    ipmi_fan_array: list[_Fan] = []
    ipmi_baseboard_temperature_array: list[_Board] = []
    ipmi_power_supply_array: list[_Supply] = []


class _Measurement(msgspec.Struct, rename="camel"):
    measurement_interval: float
    measurement_fields_version: str
    additional_measurements: list[_Named] = []
    ipmi: _Ipmi | None = None


class _Event(msgspec.Struct):
    fields: _Measurement = msgspec.field(name="measurementFields")


def reports(
    header: Header, body: bytes, catalogue: Catalogue, dropped: Counter[str], notes: Counter[str]
) -> Iterator[Report]:
    """One report of the objects that have the same counters.

    Raises:
        BadInput: wrong-type; bad-period, where the interval is none.
    """
    told = fields(body, _Event).fields
    if not 0 < told.measurement_interval <= 86_400:
        raise BadInput("bad-period", f"a measurementInterval of {told.measurement_interval} s")
    names = CounterNames(catalogue, header.nf_vendor_name)
    rows = _named(told, names, dropped) | _sensors(told.ipmi or _Ipmi())
    if not rows:
        notes["measurement: nothing that the twin keeps"] += 1
        return
    end = header.period(notes)[1]
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, row in rows.items():
        alike.setdefault(tuple(row), []).append(name)
    for counters, objects in alike.items():
        yield Report(
            element=header.element(),
            begin=end - timedelta(seconds=told.measurement_interval),
            end=end,
            objects=objects,
            counters=list(counters),
            values=[list(rows[name].values()) for name in objects],
            source="ves",
        )


def _named(told: _Measurement, names: CounterNames, dropped: Counter[str]) -> dict[str, dict[str, float | None]]:
    """Counters by object: the name of a map is the object's."""
    rows: dict[str, dict[str, float | None]] = {}
    for group in told.additional_measurements:
        row: dict[str, float | None] = {}
        for counter, text in group.hash_map.items():
            if (known := names.find(counter)) is None:
                dropped[counter] += 1
                continue
            try:
                row[known] = float(text)
            except ValueError as error:
                raise BadInput("wrong-type", f"{counter} is {str(text)[:40]!r}, which is no number") from error
        if row:
            rows[group.name if "=" in group.name else f"MeasObject={escape(group.name)}"] = row
    return rows


def _sensors(ipmi: _Ipmi) -> dict[str, dict[str, float | None]]:
    rows: dict[str, dict[str, float | None]] = {}
    for fan in ipmi.ipmi_fan_array:
        rows[f"Sensor={escape(fan.fan_identifier)}"] = {"Sensor.FanSpeed": fan.fan_speed}
    for board in ipmi.ipmi_baseboard_temperature_array:
        name = f"Sensor={escape(board.baseboard_temperature_identifier)}"
        rows[name] = {"PEE.AvgTemperature": board.baseboard_temperature}
    for supply in ipmi.ipmi_power_supply_array:
        rows[f"Sensor={escape(supply.power_supply_identifier)}"] = {
            "PEE.AvgPower": supply.power_supply_input_power,
            "PEE.AvgTemperature": supply.power_supply_temperature,
        }
    return rows
