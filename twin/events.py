"""The vocabulary: every event that enters or leaves the twin.

Times are RFC 3339 with a zone on the wire. Values carry TS 28.552 names and the units of `twin.counters`.
New fields get defaults, types never change, unknown fields are skipped: an old reader reads new events.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from twin.alarm_record import Alarm as Alarm
from twin.event_types import SCHEMA_VERSION as SCHEMA_VERSION
from twin.event_types import Time as Time
from twin.event_types import Whole as Whole


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What one element measured in one granularity period.

    Attributes:
        element: Distinguished name of the element that measured.
        begin: Begin of the period.
        end: End of the period; equal to `begin` for a sample taken at an instant.
        objects: Names relative to `element`, one a row; "" is the element itself.
        counters: Counter names, one a column.
        values: `[num_objects, num_counters]`; null is missing, never zero.
        suspect: Rows the source itself doubts.
        cumulative: Counters whose values are running totals: the twin keeps what was added since the reading before,
            see `twin.totals`.
    """

    element: str
    begin: Time
    end: Time
    objects: list[str]
    counters: list[str]
    values: list[list[float | None]]
    suspect: list[int] = []
    source: str = ""
    cumulative: list[str] = []
    schema_version: int = SCHEMA_VERSION


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the topology: what it is called, what it is, what is known of it.

    Attributes:
        attributes: What the inventory declares: the desired values.
        reported: What the network says of itself, such as tilt, power or administrative state. An entity that has
            only these declares nothing: it is a report.
    """

    dn: str
    kind: Literal["region", "site", "element", "cell", "link", "asset", "sensor"]
    attributes: dict[str, str | float | Whole | bool | None] = {}
    reported: dict[str, str | float | Whole | bool | None] = {}


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """A directed edge of the topology."""

    source: str
    target: str
    kind: Literal["contains", "located_at", "neighbour", "connects", "powers", "measures"]
    attributes: dict[str, str | float | Whole | bool | None] = {}


class Having(msgspec.Struct, frozen=True, kw_only=True):
    """Whatever has a value among its attributes: equal to it, or a list (as its JSON text) with it.

    Attributes:
        only: Objects, relations, or both.
    """

    attribute: str
    value: str
    only: Literal["", "object", "relation"] = ""


class Cardinality(msgspec.Struct, frozen=True, kw_only=True):
    """How often relations of one name may be; a relation has that name as an attribute, with its id as the value.

    Attributes:
        one_source: An object is the target of one such relation at most.
        one_target: It is the source of one at most.
    """

    name: str
    one_source: bool = False
    one_target: bool = False


class TopologyChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the inventory; goes to every partition. Merging one twice changes nothing.

    Attributes:
        removed_having: Is removed, too: what the sender knows by a value of its own, not by its name. A relation that
            has another name left, see `Cardinality`, loses only that one.
        cardinalities: That its relations must keep with all that is known; ids of relations are used once.
    """

    id: str
    time: Time
    entities: list[Entity] = []
    relations: list[Relation] = []
    removed: list[str] = []
    source: str = ""
    schema_version: int = SCHEMA_VERSION
    removed_having: list[Having] = []
    cardinalities: list[Cardinality] = []


class TopologyChanges(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that only report and came together, in order, for every partition. Each counts, or is refused, by itself.

    Written by ingest alone.

    Attributes:
        time: Of the last of them to happen.
        changes: As their sources sent them.
        recorded: When each was taken in [ms since 1970].
    """

    time: Time
    changes: list[TopologyChange]
    recorded: list[Whole] = []
    schema_version: int = SCHEMA_VERSION


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """All that exists in one scope at one moment, for the twin to be reconciled with; goes to every partition.

    Attributes:
        id: Of the whole; its parts share it.
        scope: A distinguished name: that object and all below it by name. Empty: whatever `source` has declared.
        part, parts: A large inventory comes in parts, counted from 1, in any order.
        confirmed: Somebody has looked at it: it may remove most of the scope, and change what objects are.
    """

    id: Annotated[str, msgspec.Meta(max_length=256)]
    time: Time
    entities: list[Entity] = []
    relations: list[Relation] = []
    scope: str = ""
    source: Annotated[str, msgspec.Meta(max_length=256)] = ""
    part: int = 1
    parts: int = 1
    confirmed: bool = False
    schema_version: int = SCHEMA_VERSION


class NeighboursSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Neighbour relations that handovers of one partition's cells have made, or that are used no more.

    Written into all other partitions by the worker that folds that one, when a window in which any came or went is
    complete; see `stream.handovers.neighbours_heard`.

    Attributes:
        time: End of the window.
        partition: That has seen them.
        granularity_s: Of the reports that counted.
        number: Of the message, where a window needs several.
        made, gone: Source and target of each.
    """

    time: Time
    partition: Whole
    granularity_s: Whole
    number: Whole = 0
    made: list[tuple[str, str]] = []
    gone: list[tuple[str, str]] = []
    schema_version: int = SCHEMA_VERSION


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing has come for a while: so a shard that falls silent as a whole learns that time passes.

    Written into a partition of the log by the worker that folds it, when it stands at the partition's end.
    """

    time: Time
    schema_version: int = SCHEMA_VERSION


class CongestionPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """What the twin predicts for the cells of one element after one report.

    Attributes:
        id: A function of element, period and target: a repeated message has the same id and bytes.
        time: End of the period the prediction was made from; it speaks of `time + horizon_s`.
        probability: Of `counter > threshold`, one a cell; null where the cell has no value now.
        value: The counter now, one a cell (null: missing).
        expected: Forecast of the counter at `time + horizon_s`, one a cell.
        drivers: The features that moved each probability most, largest first.
        contributions: Their shares of the log-odds.
        model_version: Names all parameters: with a batch model, of the online model, of that, and of their blend.
        batch_model: Name of the batch model that takes part; empty: the online model alone.
        blend: What each counts in the log-odds, see `models.blend`.
        revision: Of the twin, after the report.
    """

    id: str
    time: Time
    element: str
    target: str
    counter: str
    threshold: float
    horizon_s: int
    cells: list[str]
    probability: list[float | None]
    value: list[float | None]
    expected: list[float | None]
    drivers: list[list[str]]
    contributions: list[list[float | None]]
    model: str
    model_version: str
    tier: str
    revision: int
    batch_model: str = ""
    blend: dict[str, float] = {}
    schema_version: int = SCHEMA_VERSION


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """Reality has moved away from what the twin expects of one object's counter.

    Attributes:
        time: End of the period that gave the alarm.
        since: End of the period the change is dated back to.
        direction: Reality lies above or below the expectation.
        size: Mean residual since then, in the counter's unit.
        evidence: The detector's statistic over its threshold.
        neighbours: Mean residual of its neighbours in the period that gave the alarm; null where none is known.
        kind: What has changed, as far as the twin can tell (`twin.drift_kind`).
        reasons: What speaks for that.
    """

    id: str
    time: Time
    since: Time
    object: str
    counter: str
    direction: Literal["up", "down"]
    size: float
    evidence: float
    neighbours: float | None
    tier: str
    revision: int
    kind: Literal["radio", "traffic", "equipment", "data", "unknown"] = "unknown"
    reasons: list[str] = []
    schema_version: int = SCHEMA_VERSION


class Fidelity(msgspec.Struct, frozen=True, kw_only=True):
    """How well the twin's expectation agrees with what was measured (definition: `twin.fidelity`).

    Attributes:
        context: Which of the values: `los` or `nlos` where the transmitter is seen or not; empty: all.
    """

    id: str
    time: Time
    counter: str
    granularity_s: int
    partition: int
    score: float
    worst: list[str]
    worst_scores: list[float]
    num_objects: int
    tier: str
    revision: int
    context: str = ""
    schema_version: int = SCHEMA_VERSION


class TwinUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """Something other than a measured value changed in the twin."""

    id: str
    time: Time
    change: Literal[
        "topology",
        "discovered",
        "stale",
        "fresh",
        "gap",
        "ahead",
        "alarm",
        "reconciled",
        "calibrated",
        "burst",
        "model",
    ]
    objects: list[str]
    detail: dict[str, Any]
    revision: int
    schema_version: int = SCHEMA_VERSION


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Progressive scores of one target over the labels that matured lately."""

    id: str
    time: Time
    target: str
    model_version: str
    metrics: dict[str, float | None]
    revision: int
    schema_version: int = SCHEMA_VERSION

    @property
    def part(self) -> str:
        """Of which partition and granularity they are: the id without its end, which is the time."""
        return self.id.rpartition("/")[0]


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be used, with all that is needed to use it after a fix.

    Attributes:
        topic, partition, offset: Where it was read.
        type: Its CloudEvents type.
        size: Of the original [byte].
        original: Its bytes, base64 on the wire; cut to the first 512 KiB where `truncated`.
        scrubbed: Identifiers of subscribers in it were replaced by pseudonyms, or it was left out (then `truncated`).
    """

    id: str
    time: Time
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    size: int
    original: bytes
    key: str = ""
    type: str = ""
    truncated: bool = False
    scrubbed: bool = False
    schema_version: int = SCHEMA_VERSION
