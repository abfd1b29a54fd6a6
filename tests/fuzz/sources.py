"""Targets that read tables: CSV under a profile, the profile itself, time stamps, templates of names."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path

import msgspec
from folding import START
from test_profile import HEADER, MINE, ROWS

from stream import decode as events
from stream.send_inventory import read as read_inventory
from stream.sources.profile import load_profile, records
from stream.sources.profile_spec import TimeSpec
from stream.sources.stamps import Stamps
from stream.sources.template import Template, escape
from tests.fuzz.codecs import JSON, TABLE, TOML, UNREADABLE
from tests.fuzz.examples import INVENTORY
from tests.fuzz.target import Target
from twin import dn
from twin.errors import ConfigurationError


@cache
def folder() -> Path:
    """A place for files, in memory where there is such a file system."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="lockstep-fuzz-", dir=memory if memory.is_dir() else None))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    (made / "mine.toml").write_text(MINE)
    (made / "t.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    return made


@cache
def _mine() -> object:
    return load_profile(folder() / "mine.toml")


def _read(profile: object, path: Path) -> None:
    for record in records(profile, path, 2):  # type: ignore[arg-type]
        event = events.decode(record.type, record.value)
        assert events.decode(record.type, msgspec.json.encode(event)) == event
        if record.type == events.REPORT:
            for name in event.objects:  # type: ignore[union-attr]
                dn.check(dn.join(event.element, name))  # type: ignore[union-attr]


def _table(data: bytes) -> None:
    file = folder() / "fuzz.csv"
    file.write_bytes(data)
    _read(_mine(), file)


def _profile(data: bytes) -> None:
    file = folder() / "fuzz.toml"
    file.write_bytes(data)
    profile = load_profile(file)
    profile.targets  # noqa: B018 - reading it may fail
    _read(profile, folder() / "t.csv")


def _inventory_file(data: bytes) -> None:
    file = folder() / "inventory.json"
    file.write_bytes(data)
    for made in read_inventory(file, START, scope="SubNetwork=1", source="fuzz", confirmed=False):
        assert events.decode(events.INVENTORY, msgspec.json.encode(made)) == made


def _pieces(data: bytes, count: int) -> list[str]:
    try:
        parts = json.loads(data)
    except UNREADABLE:
        parts = data.decode("utf-8", "replace").split("\n")
    parts = parts if isinstance(parts, list) else [parts]
    return [str(part) for part in (*parts, *[""] * count)[:count]]


def _stamp(data: bytes) -> None:
    text, form, zone, granularity, stamp = _pieces(data, 5)
    spec = TimeSpec(column="t", format=form, zone=zone, stamp="end" if stamp == "end" else "begin")
    try:
        stamps = Stamps(spec, granularity)
    except ConfigurationError:
        return
    period = stamps.read(text)
    assert period.end_ms == events.to_ms(period.end)
    assert 0 <= events.to_ms(period.end) - events.to_ms(period.begin) <= 86_400_000


def _template(data: bytes) -> None:
    text, *values = _pieces(data, 3)
    for value in values:
        if value:
            assert dn.check(f"Site={escape(value)}")
    template = Template(text, ["a", "b"])
    assert dn.check(template.make(values)) == template.make(values)


_LISTINGS = [json.dumps({key: INVENTORY[key] for key in ("entities", "relations")}).encode()]
_STAMPS = [
    ["01.07.2024 12:15", "%d.%m.%Y %H:%M", "Europe/Rome", "15min", "begin"],
    ["2024-07-01T12:00:00Z", "iso", "", "1h", "end"],
    ["1719835200", "epoch-s", "UTC", "24h", "begin"],
    ["1719835200000", "epoch-ms", "", "0s", "begin"],
    ["9999-12-31T23:59:59", "iso", "UTC", "1h", "begin"],
]
_TEMPLATES = [["SubNetwork={a},ManagedElement={b}", "x", "y,z"], ["Site={a}{b}", "\x85", "\\"], ["{a}", "A=1", ""]]


def _as_seeds(rows: list[list[str]]) -> list[bytes]:
    return [json.dumps(row).encode() for row in rows]


TARGETS = [
    Target("table", _table, lambda: ["\n".join([HEADER, *ROWS]).encode(), f'{HEADER}\n"a;b'.encode()], TABLE),
    Target("profile", _profile, lambda: [MINE.encode()], TOML),
    Target("listing", _inventory_file, lambda: _LISTINGS, JSON),
    Target("stamp", _stamp, lambda: _as_seeds(_STAMPS), JSON, 2048),
    Target("template", _template, lambda: _as_seeds(_TEMPLATES), JSON, 2048),
]
