"""Declared tables: a profile says what the columns of somebody's CSV files mean, and they become a log.

A new source needs a TOML file and no code. `load_profile` looks among the profiles of the package and accepts a path.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from stream.decode import REPORT, TOPOLOGY, to_ms
from stream.partition import partition_of
from stream.sources.inventory import changes
from stream.sources.profile_inventory import read_inventory
from stream.sources.profile_reports import gather
from stream.sources.profile_spec import Profile, ReportSpec
from stream.sources.stamps import Stamps
from stream.sources.table import RejectedRow, check_spec
from twin.counters import CATALOGUE, Catalogue, vendor_family
from twin.errors import BadInput, ConfigurationError
from twin.log import LogRecord
from twin.units import conversion

_FOLDER = Path(__file__).with_name("profiles")

MAX_LENGTH = 1 << 20
"""Of a profile [character]."""


def profile_names() -> list[str]:
    """Names of the profiles that come with the package."""
    return sorted(file.stem for file in _FOLDER.glob("*.toml"))


def load_profile(name_or_path: str | Path) -> Profile:
    """Load a profile by name, or from a TOML file.

    Raises:
        ConfigurationError: There is none, or it says something that can't be; the message names the key.
    """
    path = _FOLDER / f"{name_or_path}.toml" if str(name_or_path) in profile_names() else Path(name_or_path)
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:  # a name with a NUL is a ValueError, too
        known = ", ".join(profile_names())
        raise ConfigurationError(f"no profile {str(name_or_path)!r}; give a TOML file or one of: {known}") from error
    if len(text) > MAX_LENGTH:
        raise ConfigurationError(f"profile {path} has {len(text)} characters, the limit is {MAX_LENGTH}")
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # not TOML, a number too long for Python, or nested too deep
        raise ConfigurationError(f"{path} is not TOML: {error}") from error
    try:
        profile = msgspec.convert(content, Profile)
        _check(profile)
    except (msgspec.ValidationError, BadInput, ConfigurationError) as error:
        raise ConfigurationError(f"profile {path}: {error}") from error
    return profile


def full_catalogue(more: Iterable[str] = (), vendors: Iterable[str] = ()) -> Catalogue:
    """The standard's counters, those of every profile in the package, and of `more` profiles (names or files).

    Args:
        vendors: Whose own counters are taken as they are, see `stream.sources.pm_names`.

    Raises:
        ConfigurationError: A profile can't be read, or a vendor's name can't begin a counter's.
    """
    catalogue = CATALOGUE.declare(*(vendor_family(vendor) for vendor in vendors))
    for name in dict.fromkeys([*profile_names(), *more]):
        catalogue = load_profile(name).catalogue(catalogue)
    return catalogue


class Records:
    """The log of a set of tables. It can be gone through again and is the same every time.

    Attributes:
        rejected: Rows that could not be used.
        num_rows: Rows of measurements that could.
        num_entities: Of the inventory.
    """

    def __init__(self, profile: Profile, path: Path | str, partitions: int) -> None:
        self.rejected: list[RejectedRow] = []
        self._profile = profile
        self._partitions = partitions
        self._gathered = gather(profile, Path(path), profile.catalogue(), self.rejected)
        self._keys = sorted(self._gathered.groups)
        if not self._keys:
            first = f"; the first of {len(self.rejected)} rejected: {self.rejected[0]}" if self.rejected else ""
            raise ConfigurationError(f"{path} has no row of measurements that profile {profile.name!r} can read{first}")
        self._inventory = read_inventory(profile, Path(path), self.rejected)
        self.num_rows = self._gathered.num_rows
        self.num_entities = len(self._inventory.entities)

    def __iter__(self) -> Iterator[LogRecord]:
        encode = msgspec.json.Encoder().encode
        source = self._profile.source
        offsets = [0] * self._partitions
        begin = min(period.begin for period in self._gathered.periods.values())
        inventory = self._inventory
        if inventory.entities:
            for change in changes(inventory.entities.values(), inventory.relations.values(), begin, source):
                value = encode(change)
                for partition in range(self._partitions):
                    yield LogRecord(partition, offsets[partition], source, to_ms(begin), TOPOLOGY, value)
                    offsets[partition] += 1
        counters = [[column.counter for column in spec.column] for spec in self._profile.report]
        for key in self._keys:
            partition = partition_of(key.element, self._partitions)
            value = encode(self._gathered.report(key, counters[key.table], source))
            yield LogRecord(partition, offsets[partition], key.element, key.end_ms, REPORT, value)
            offsets[partition] += 1


def records(profile: Profile, path: Path | str, partitions: int) -> Records:
    """The log of the tables under `path`: first the inventory, to every partition, then reports in event-time order.

    Reports of one period are in the order of their elements' names. Everything is read before the first record is
    given, since tables are seldom in time order.

    Args:
        path: Directory with the files the profile names, or one of these files.

    Raises:
        ConfigurationError: A file or a column is absent, or nothing can be read.
    """
    return Records(profile, path, partitions)


def _check(profile: Profile) -> None:
    """What the types don't say: counters, units, zones, durations."""
    catalogue = profile.catalogue()
    if not profile.report:
        raise ConfigurationError("needs at least one [[report]]")
    for spec in (*profile.report, *profile.inventory):
        check_spec(spec)
        if isinstance(spec, ReportSpec):
            _check_report(spec, catalogue)
    for target in profile.targets:
        catalogue.get(target.counter)
    if profile.score.window_s <= 0:
        raise ConfigurationError(f"score.window {profile.score.window!r} is not positive")


def _check_report(spec: ReportSpec, catalogue: Catalogue) -> None:
    Stamps(spec.time, spec.granularity)
    if not spec.column:
        raise ConfigurationError(f"[[report]] for {spec.files!r} needs at least one [[report.column]]")
    counters = [column.counter for column in spec.column]
    if len(set(counters)) < len(counters):
        raise ConfigurationError(f"[[report]] for {spec.files!r} fills a counter twice")
    for column in spec.column:
        unit = catalogue.get(column.counter).unit
        conversion(column.unit or unit, unit)
