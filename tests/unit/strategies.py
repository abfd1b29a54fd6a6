"""Hypothesis strategies for everything that is read: names, times, values, every event, SenML packs, whole logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import folding
import msgspec
from bad_input import REJECTED, SENT
from folding import LOAD, POWER, START, USERS, A, B, C
from hypothesis import strategies as st
from msgspec import inspect
from radio_region import CELLS, REGION, declared, sounding

from stream.decode import (
    ALARM,
    ALARM_NOTE,
    BURST,
    INVENTORY,
    NEIGHBOURS,
    OUTAGE,
    REPORT,
    SOUNDING,
    TICK,
    TOPOLOGY,
    TOPOLOGY_CHANGES,
)
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.events import (
    Alarm,
    Entity,
    Inventory,
    NeighboursSeen,
    Relation,
    Report,
    Tick,
    TopologyChange,
    TopologyChanges,
)
from twin.log import LogRecord
from twin.radio.events import BurstResult, Sounding

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)
wholes = st.integers(-(2**63), 2**63 - 1)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(
    datetime(1, 1, 2), datetime(9999, 12, 30), timezones=offsets | st.just(UTC)  # noqa: DTZ001 - given a zone by it
)  # fmt: skip

part = st.builds(
    "{}={}".format,
    st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True),
    st.text(st.characters(exclude_characters=",=", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20),
)
names = st.lists(part, min_size=1, max_size=16).map(",".join)
"""Distinguished names."""

_SIMPLE: dict[type, st.SearchStrategy[Any]] = {
    inspect.StrType: texts,
    inspect.IntType: wholes,
    inspect.FloatType: numbers,
    inspect.BoolType: st.booleans(),
    inspect.NoneType: st.none(),
    inspect.BytesType: st.binary(max_size=20),
    inspect.DateTimeType: instants,
    inspect.AnyType: texts | wholes | st.none(),
}


def of_type(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Any value that msgspec takes for this type."""
    if isinstance(kind, inspect.LiteralType):
        return st.sampled_from(kind.values)
    if isinstance(kind, inspect.UnionType):
        return st.one_of(*map(of_type, kind.types))
    if isinstance(kind, inspect.TupleType):
        return st.tuples(*map(of_type, kind.item_types))
    if isinstance(kind, inspect.ListType):
        return st.lists(of_type(kind.item_type), max_size=3)
    if isinstance(kind, inspect.DictType):
        return st.dictionaries(of_type(kind.key_type), of_type(kind.value_type), max_size=3)
    if isinstance(kind, inspect.StructType):
        return of(kind.cls)
    return _SIMPLE[type(kind)]


def of(event: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of a struct, with and without the fields that have defaults."""
    info = inspect.type_info(event)
    assert isinstance(info, inspect.StructType)
    fields = {f.name: of_type(f.type) for f in info.fields}
    needed = {f.name: fields.pop(f.name) for f in info.fields if f.required}
    return st.fixed_dictionaries(needed, optional=fields).map(lambda given: event(**given))


_short = st.lists(part, min_size=1, max_size=2).map(",".join)
_entity = of(Entity)
_relation = of(Relation)


def listing(name: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Entities and relations with such names."""
    return st.fixed_dictionaries(
        {
            "entities": st.lists(st.builds(_replaced, _entity, st.fixed_dictionaries({"dn": name})), max_size=2),
            "relations": st.lists(
                st.builds(_replaced, _relation, st.fixed_dictionaries({"source": name, "target": name})), max_size=2
            ),
        }
    )


def _replaced(made: msgspec.Struct, fields: dict[str, Any]) -> msgspec.Struct:
    return msgspec.structs.replace(made, **fields)


def _current(event: type[msgspec.Struct], fields: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """Events of this version that hold such fields."""
    return st.builds(lambda made, given: _replaced(made, {"schema_version": 1, **given}), of(event), fields)


@st.composite
def heard(draw: st.DrawFn) -> dict[str, Any]:
    """What fits together of a sounding, with and without responses."""
    n, cells = draw(st.integers(1, 3)), draw(st.lists(_short, min_size=1, max_size=3, unique=True))
    width = draw(st.integers(0, 2))
    powers, places = st.none() | st.floats(-200, 60), st.floats(-9.9e5, 9.9e5)
    rows = st.lists(st.lists(powers, min_size=len(cells), max_size=len(cells)), min_size=n, max_size=n)
    decibels = st.none() | st.floats(-40, 60)
    qualities = st.lists(st.lists(decibels, min_size=len(cells), max_size=len(cells)), min_size=n, max_size=n)
    made: dict[str, Any] = {
        "element": draw(_short),
        "cells": cells,
        "positions": draw(st.lists(st.tuples(places, places, places), min_size=n, max_size=n)),
        "rsrp": draw(rows),
        "rsrq": draw(st.just([]) | qualities),
        "sinr": draw(st.just([]) | qualities),
        "offsets": draw(st.lists(numbers, min_size=width, max_size=width)),
        "response": [],
        "noise": draw(st.floats(0, 1)),
    }
    if width:
        channel = st.none() | st.lists(st.tuples(numbers, numbers), min_size=width, max_size=width)
        row = st.lists(channel, min_size=len(cells), max_size=len(cells))
        made["response"] = draw(st.lists(row, min_size=n, max_size=n))
    return made


READABLE: dict[str, st.SearchStrategy[Any]] = {
    SOUNDING: _current(Sounding, heard()),
    BURST: _current(BurstResult, st.fixed_dictionaries({"region": names})),
    REPORT: _current(Report, st.just({})),
    TICK: _current(Tick, st.just({})),
    ALARM: _current(Alarm, st.fixed_dictionaries({"object_instance": names})),
    ALARM_NOTE: _current(
        AlarmNote, st.fixed_dictionaries({"object_instance": names, "alarm_id": texts.map("a{}".format)})
    ),
    OUTAGE: _current(
        PlannedOutage,
        st.builds(
            lambda name, begin, hours: {"object_instance": name, "begin": begin, "end": begin + timedelta(hours=hours)},
            names,
            st.datetimes(datetime(1970, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
            st.integers(1, 24),
        ),
    ),
    TOPOLOGY: _current(TopologyChange, listing(_short)),
    NEIGHBOURS: _current(
        NeighboursSeen,
        st.fixed_dictionaries({name: st.lists(st.tuples(_short, _short), max_size=2) for name in ("made", "gone")}),
    ),
    TOPOLOGY_CHANGES: _current(
        TopologyChanges,
        st.fixed_dictionaries({"changes": st.lists(_current(TopologyChange, listing(_short)), max_size=2)}),
    ),
    INVENTORY: _current(
        Inventory,
        st.builds(
            lambda found, parts, part: found | {"scope": "ManagedElement=1", "parts": parts, "part": min(part, parts)},
            listing(part.map("ManagedElement=1,{}".format)),
            st.integers(1, 4),
            st.integers(1, 4),
        ),
    ),
}
"""By type: events that a decoder must take."""

# SenML ----------------------------------------------------------------------------------------------------------------

_senml_name = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9:./_-]{0,10}", fullmatch=True)
_senml_numbers = st.floats(-1e9, 1e9)
_base = st.fixed_dictionaries(
    {},
    optional={
        "bn": _senml_name,
        "bt": st.floats(2**28, 2**33),
        "bu": st.sampled_from(["Cel", "V", "%RH"]),
        "bv": _senml_numbers,
        "bs": _senml_numbers,
    },
)
_own = st.fixed_dictionaries(
    {"n": _senml_name}, optional={"u": st.sampled_from(["W", "K"]), "t": st.floats(-1e6, 1e6), "s": _senml_numbers}
)
_what = st.one_of(
    st.builds(lambda x: {"v": x}, _senml_numbers),
    st.builds(lambda x: {"vs": x}, texts),
    st.builds(lambda x: {"vb": x}, st.booleans()),
)
packs = st.lists(st.builds(lambda a, b, c: a | b | c, _base, _own, _what), min_size=1, max_size=5)

# Logs -----------------------------------------------------------------------------------------------------------------

_values = st.none() | st.floats(-10, 110) | numbers
_elements = st.sampled_from([A, B, C])


@st.composite
def odd_reports(draw: st.DrawFn) -> dict[str, Any]:
    """Reports that are right, or nearly: of few elements and periods, so that they meet."""
    size = draw(st.integers(1, 3))
    counters = draw(
        st.lists(st.sampled_from([LOAD, USERS, POWER, "DRB.UEThpDl.1"]), min_size=1, max_size=3, unique=True)
    )
    width = len(counters) + draw(st.sampled_from([0, 0, 0, 0, 1]))
    made = folding.report(
        draw(_elements),
        draw(st.integers(-3, 8)),
        [[draw(_values) for _ in range(width)] for _ in range(size)],
        counters=counters,
        granularity_s=draw(st.sampled_from([900, 900, 900, 60, 3600, 86_400])),
    )
    if draw(st.booleans()):
        made["suspect"] = draw(st.lists(st.integers(0, size), max_size=2))
    return made


_few_names = st.sampled_from([A, B, f"{A},NRCellDU=1", f"{B},NRCellDU=1", "Site=1", "SubNetwork=1"])
_small_changes = st.builds(
    lambda id_, entities, relations, removed: {
        "id": id_,
        "time": START.isoformat(),
        "entities": [{"dn": dn, "kind": kind} for dn, kind in entities],
        "relations": [{"source": a, "target": b, "kind": k} for a, b, k in relations],
        "removed": removed,
    },
    st.sampled_from("abc"),
    st.lists(st.tuples(_few_names, st.sampled_from(["cell", "element", "site"])), max_size=3),
    st.lists(st.tuples(_few_names, _few_names, st.sampled_from(["contains", "located_at", "neighbour"])), max_size=3),
    st.lists(_few_names, max_size=2),
)
_reported = st.builds(
    lambda id_, names, value: {
        "id": id_,
        "time": START.isoformat(),
        "entities": [{"dn": dn, "kind": "cell", "reported": {"tilt": value}} for dn in names],
    },
    st.sampled_from("abc"),
    st.lists(_few_names, min_size=1, max_size=3),
    st.integers(0, 2),
)
_together = st.builds(
    lambda changes, recorded: {"time": START.isoformat(), "changes": changes, "recorded": recorded},
    st.lists(_reported | _reported | _small_changes, max_size=4),
    st.lists(st.sampled_from([SENT, 0, -1]), max_size=5),
)
_pairs = st.lists(st.tuples(_few_names, _few_names), max_size=3)
_seen = st.builds(
    lambda made, gone, partition, second: {
        "time": (START + timedelta(seconds=second)).isoformat(),
        "partition": partition,
        "granularity_s": 900,
        "made": made,
        "gone": gone,
    },
    _pairs,
    _pairs,
    st.integers(0, 2),
    st.integers(0, 3),
)
_alarms = st.builds(
    folding.alarm, st.sampled_from(["MAJOR", "CLEARED", "BAD"]), st.sampled_from("12"), objectInstance=_elements
)


@st.composite
def odd_soundings(draw: st.DrawFn) -> dict[str, Any]:
    """Soundings that are right, or nearly: of few elements, places and periods."""
    cells = draw(st.lists(st.sampled_from([*CELLS, f"{C},NRCellDU=1"]), min_size=1, max_size=3, unique=True))
    n, width = draw(st.integers(1, 8)), len(cells) + draw(st.sampled_from([0, 0, 0, 0, 1]))
    place = st.sampled_from([-60.0, -1.0, 0.0, 24.9, 25.0]) | st.floats(-1e6, 1e6)
    power = st.none() | st.floats(-120, -40) | st.floats(-201, 61)
    return sounding(
        draw(st.integers(-3, 8)),
        element=draw(_elements),
        positions=[[draw(place), draw(place), 1.5] for _ in range(n)],
        cells=cells,
        rsrp=[[draw(power) for _ in range(width)] for _ in range(n)],
    )


_answers = st.builds(
    lambda region, outcome, asked: {
        "id": "answer",
        "time": START.isoformat(),
        "request": asked,
        "partition": 0,
        "region": region,
        "base_version": 0,
        "outcome": outcome,
        "reason": "made up",
    },
    st.sampled_from([REGION, A, "SubNetwork=2"]),
    st.sampled_from(["done", "failed", "cancelled", "lost"]),
    texts,
)
_KINDS = {"report": REPORT, "topology": TOPOLOGY, "alarm": ALARM, "sounding": SOUNDING}
_bad = st.sampled_from(
    [(_KINDS[bad.kind], bad.value) for bad in REJECTED.values() if bad.kind in _KINDS and len(bad.value) < 200_000]
)


def _encoded(type_: str, events: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, bytes]]:
    return events.map(lambda event: (type_, json.dumps(event).encode()))


messages = st.one_of(
    _encoded(REPORT, odd_reports()),
    _encoded(REPORT, st.builds(folding.sample, _elements, st.integers(0, 7200), st.floats(0, 100))),
    _encoded(TOPOLOGY, _small_changes),
    _encoded(TOPOLOGY_CHANGES, _together),
    _encoded(NEIGHBOURS, _seen),
    _encoded(ALARM, _alarms),
    _encoded(TOPOLOGY, st.builds(declared) | st.builds(lambda z: declared(z_m=z), st.none() | st.floats(-5, 50))),
    _encoded(SOUNDING, odd_soundings()),
    _encoded(BURST, _answers),
    _bad,
    st.tuples(st.sampled_from([*READABLE, ""]), st.binary()),
)
"""Type and bytes of a record of the log, good or bad."""


def logs(least: int = 0, most: int = 12) -> st.SearchStrategy[list[LogRecord]]:
    """Records of one partition, in order."""
    times = st.sampled_from([SENT, SENT, SENT, 0, SENT + 3_600_000])
    items = st.lists(st.tuples(messages, times), min_size=least, max_size=most)
    return items.map(
        lambda found: [LogRecord(0, n, A, time, type_, value) for n, ((type_, value), time) in enumerate(found)]
    )
