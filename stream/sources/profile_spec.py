"""What a profile of tables may say: the shape of its TOML file. Unknown keys are errors.

`profiles/itu-5g-energy.toml` is a worked example with every kind of entry.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from models.targets import CongestionTarget, check_target, parse_duration_s
from twin.counters import CATALOGUE, Catalogue, Counter
from twin.events import Time

Kind = Literal["region", "site", "element", "cell", "link", "asset", "sensor"]
RelationKind = Literal["contains", "located_at", "neighbour", "connects", "powers", "measures"]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TableSpec(_Strict, frozen=True, kw_only=True):
    """Which files, and how they are cut into fields.

    Attributes:
        files: File name or pattern, below the directory that is read.
        missing: Texts that stand for "no value".
    """

    files: str
    separator: str = ","
    encoding: str = "utf-8-sig"
    missing: tuple[str, ...] = ("",)


class TimeSpec(_Strict, frozen=True, kw_only=True):
    """The time stamp of a row.

    Attributes:
        format: As for `strptime`, or `iso`, `epoch-s`, `epoch-ms`.
        zone: Of stamps that carry none, e.g. `Europe/Rome`; without it such rows are rejected.
        stamp: Whether the stamp is the begin or the end of the period.
    """

    column: str
    format: str = "iso"
    zone: str = ""
    stamp: Literal["begin", "end"]


class ColumnSpec(_Strict, frozen=True, kw_only=True):
    """One column of numbers -> one counter.

    Attributes:
        unit: What the source writes, a source unit of `twin.units`; without it the counter's own.
        scale: Factor before the unit is converted.
    """

    column: str
    counter: str
    unit: str = ""
    scale: float = 1.0


class ReportSpec(TableSpec, frozen=True, kw_only=True):
    """A table of measurements.

    Attributes:
        granularity: Length of a period, e.g. `15min`; `0s` for samples taken at an instant.
        element: Name of the element that reports, a template.
        object: Name of the measured object relative to it, a template; empty for the element itself.
    """

    time: TimeSpec
    granularity: str
    element: str
    object: str = ""
    column: list[ColumnSpec]


class EntitySpec(_Strict, frozen=True, kw_only=True):
    """A node of the topology, one a row (rows that make the same name make one node).

    Attributes:
        numeric: Columns that become numbers.
        text: Columns that become text.
    """

    dn: str
    kind: Kind
    numeric: list[str] = []
    text: list[str] = []


class RelationSpec(_Strict, frozen=True, kw_only=True):
    """An edge of the topology, one a row."""

    source: str
    target: str
    kind: RelationKind


class InventorySpec(TableSpec, frozen=True, kw_only=True):
    """A table that says what there is; it may be the one with the measurements."""

    entity: list[EntitySpec]
    relation: list[RelationSpec] = []


class CounterSpec(_Strict, frozen=True, kw_only=True):
    """A vendor counter that this source brings along."""

    name: str
    unit: str
    low: float
    high: float
    tracked: bool = False


class TargetSpec(_Strict, frozen=True, kw_only=True):
    """A counter above a threshold, a horizon from now."""

    counter: str
    threshold: float
    horizon: str

    def target(self) -> CongestionTarget:
        """The target, its horizon in seconds. Raises ConfigurationError."""
        return check_target(
            CongestionTarget(counter=self.counter, threshold=self.threshold, horizon_s=parse_duration_s(self.horizon))
        )


class ScoreSpec(_Strict, frozen=True, kw_only=True):
    """Over what predictions are scored unless the user says otherwise.

    Attributes:
        window: Length of the sliding window of progressive scores.
        begin: Predictions made before are not scored; none: from the first.
        end: Predictions made from here on are not scored; none: to the last.
    """

    window: str = "24h"
    begin: Time | None = None
    end: Time | None = None

    @property
    def window_s(self) -> int:
        """Length of the window [s]."""
        return parse_duration_s(self.window)


class Profile(_Strict, frozen=True, kw_only=True):
    """A declared source of tables.

    Attributes:
        name: Lower-case words and hyphens; reports carry `csv:<name>` as their source.
    """

    name: str
    description: str = ""
    report: list[ReportSpec]
    inventory: list[InventorySpec] = []
    counter: list[CounterSpec] = []
    target: list[TargetSpec] = []
    score: ScoreSpec = msgspec.field(default_factory=ScoreSpec)

    @property
    def source(self) -> str:
        """Name of the source in events."""
        return f"csv:{self.name}"

    @property
    def targets(self) -> list[CongestionTarget]:
        """What is to be predicted from this source."""
        return [target.target() for target in self.target]

    @property
    def counters(self) -> list[Counter]:
        """The vendor counters declared here."""
        return [Counter(c.name, c.unit, c.low, c.high, c.tracked) for c in self.counter]

    def catalogue(self, base: Catalogue = CATALOGUE) -> Catalogue:
        """`base` with the vendor counters of this profile. Raises ConfigurationError."""
        return base.declare(*self.counters)
