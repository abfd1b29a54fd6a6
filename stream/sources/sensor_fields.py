"""What a sensor calls its values -> counters, by a declared table; and the reports that are made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Literal

import msgspec

from stream.sources.pm_time import stamp
from twin import dn
from twin.counters import Catalogue
from twin.errors import BadInput, ConfigurationError
from twin.events import Report
from twin.units import Conversion, conversion

TimeKind = Literal["epoch-s", "epoch-ms", "iso"]
MOST_FIELDS = 256
"""In one table."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Field(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One value of a sensor.

    Attributes:
        counter: What it becomes.
        unit: That the sensor uses; empty: the counter's own.
        cumulative: It is a total that only grows, such as a meter's reading: the twin keeps what was added.
    """

    counter: str
    unit: str = ""
    cumulative: bool = False


class Fields:
    """The values of one kind of sensor.

    Args:
        table: Name at the sensor -> what it becomes.

    Raises:
        ConfigurationError: A counter or unit isn't known.
    """

    def __init__(self, table: Mapping[str, Field], catalogue: Catalogue) -> None:
        if len(table) > MOST_FIELDS:
            raise ConfigurationError(f"{len(table)} fields in one table; {MOST_FIELDS} are allowed")
        self._known: dict[str, tuple[Field, Conversion]] = {}
        for name, field in table.items():
            try:
                unit = catalogue.get(field.counter).unit
                self._known[name] = (field, conversion(field.unit or unit, unit))
            except BadInput as error:
                raise ConfigurationError(f"field {name!r}: {error.detail}") from error
        self.counters = sorted({field.counter for field in table.values()})
        self.cumulative = sorted({field.counter for field in table.values() if field.cumulative})
        if mixed := [
            field.counter for field in table.values() if not field.cumulative and field.counter in self.cumulative
        ]:
            raise ConfigurationError(f"{mixed[0]} is cumulative in one field and not in another")

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Any:
        return iter(self._known)

    def take(self, values: dict[str, float | None], name: str, value: object) -> None:
        """Put a value into `values`, by its counter.

        Raises:
            BadInput: As `read`; wrong-type, the counter has a value already.
        """
        counter, number = self._known[name][0].counter, self.read(name, value)
        if values.get(counter) is not None and number is not None:
            raise BadInput("wrong-type", f"two values of {counter} at one time, the second as {name!r}")
        if number is not None or counter not in values:
            values[counter] = number

    def read(self, name: str, value: object) -> float | None:
        """A value in its counter's unit; None is missing, never zero.

        Raises:
            BadInput: wrong-type, it is no number; out-of-range, none that can be written.
        """
        if value is None:
            return None
        if not isinstance(value, int | float):  # a truth value is 0 or 1
            raise BadInput("wrong-type", f"{name!r} is {str(value)[:40]!r}, which is no number")
        try:
            number = self._known[name][1](float(value))
        except OverflowError:
            number = float("inf")
        if not isfinite(number):
            raise BadInput("out-of-range", f"{name!r} is {str(value)[:40]}")
        return number

    def report(
        self,
        element: str,
        at: datetime,
        values: Mapping[str, float | None],
        source: str,
        *,
        whole: bool = False,
        totals: Sequence[str] = (),
    ) -> Report:
        """The report of one sensor at one moment, itself the element.

        Args:
            values: By counter.
            whole: Name all counters of the table, so that sensors that send what has changed have one shape of report.
            totals: Counters beside the table's that are cumulative.
        """
        counters = self.counters if whole else sorted(values)
        return Report(
            element=dn.check(element),
            begin=at,
            end=at,
            objects=[""],
            counters=counters,
            values=[[values.get(counter) for counter in counters]],
            source=source,
            cumulative=sorted({*totals, *self.cumulative} & set(counters)),
        )


def moment(value: object, kind: TimeKind) -> datetime:
    """A time as a message has it.

    Raises:
        BadInput: wrong-type; no-time-zone; bad-period, no calendar has it.
    """
    if kind == "iso":
        if not isinstance(value, str):
            raise BadInput("wrong-type", f"{str(value)[:40]!r} is not a time such as '2026-05-01T12:00:00Z'")
        return stamp(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadInput("wrong-type", f"{str(value)[:40]!r} is no {kind} time")
    try:
        milliseconds = round(value * (1000 if kind == "epoch-s" else 1))
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except (OverflowError, ValueError) as error:
        raise BadInput("bad-period", f"{str(value)[:40]} is no {kind} time") from error


def pick(tree: object, path: str) -> object:
    """What stands at a path such as `decoded.payload.temperature`; None where there is nothing."""
    for step in path.split("."):
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdecimal() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree


def decode_tree(payload: bytes) -> object:
    """Any JSON.

    Raises:
        BadInput: malformed.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
