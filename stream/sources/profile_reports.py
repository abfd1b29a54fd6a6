"""Rows of measurements -> reports: cells of one element and one period together."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from stream.sources.profile_spec import Profile, ReportSpec
from stream.sources.stamps import Period, Stamps
from stream.sources.table import RejectedRow, Table, files_of, finite, number
from stream.sources.template import Template
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Report
from twin.units import conversion

Rows = dict[str, list[float | None]]


class Key(NamedTuple):
    """Place of a report in the log; sorting by it is event-time order.

    Attributes:
        table: Index of the profile's report kind.
        copy: 0, or more where the source gives an object's period again: the twin counts it as a duplicate.
    """

    end_ms: int
    element: str
    table: int
    copy: int


class Gathered:
    """Rows that became reports so far, by key."""

    def __init__(self) -> None:
        self.groups: dict[Key, Rows] = {}
        self.periods: dict[tuple[int, int], Period] = {}
        self.num_rows = 0

    def add(self, table: int, period: Period, element: str, name: str, values: list[float | None]) -> None:
        """Put one row where it belongs."""
        self.periods[table, period.end_ms] = period
        self.num_rows += 1
        copy = 0
        while True:
            group = self.groups.setdefault(Key(period.end_ms, element, table, copy), {})
            if name not in group:
                group[name] = values
                return
            copy += 1

    def report(self, key: Key, counters: list[str], source: str) -> Report:
        """The report of one key, its objects in the order of their names."""
        group = self.groups[key]
        period = self.periods[key.table, key.end_ms]
        objects = sorted(group)
        return Report(
            element=key.element,
            begin=period.begin,
            end=period.end,
            objects=objects,
            counters=counters,
            values=[group[name] for name in objects],
            source=source,
        )


def gather(profile: Profile, path: Path, catalogue: Catalogue, rejected: list[RejectedRow]) -> Gathered:
    """Read all tables of measurements.

    Raises:
        ConfigurationError: A file or a column is absent.
    """
    gathered = Gathered()
    for index, spec in enumerate(profile.report):
        for file in files_of(spec, profile, path):
            _read(spec, index, Table(file, spec, rejected), catalogue, gathered)
    return gathered


def _read(spec: ReportSpec, index: int, table: Table, catalogue: Catalogue, gathered: Gathered) -> None:
    stamps = Stamps(spec.time, spec.granularity)
    time = table.place(spec.time.column)
    element = Template(spec.element, table.columns)
    name = Template(spec.object, table.columns, "ManagedElement=x") if spec.object else None
    columns = []
    for column in spec.column:
        unit = catalogue.get(column.counter).unit
        change = conversion(column.unit or unit, unit)
        scale = change.scale * column.scale
        columns.append((table.place(column.column), scale, change.offset, scale == 1.0 and change.offset == 0.0))
    missing = frozenset(spec.missing)
    for line, row in table.rows():
        try:
            period = stamps.read(row[time])
            values: list[float | None] = []
            for place, scale, offset, same in columns:
                value = number(row[place], missing)
                if value is not None and not same:
                    # Twelve digits: 0.03477 becomes 3.477 %, not 3.4770000000000003 %.
                    value = finite(float(f"{scale * value + offset:.12g}"), row[place])
                values.append(value)
            gathered.add(index, period, element.make(row), name.make(row) if name else "", values)
        except BadInput as error:
            table.reject(error.reason, line, error.detail)
