"""What the API answers of the network and its state, for the OpenAPI document; docs/api.md explains them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

Scalar = str | float | int | bool | None


class Relation(BaseModel):
    """A directed edge of the topology."""

    source: str
    target: str
    kind: str
    attributes: dict[str, Any] = {}
    revision: int = 0
    modified: datetime | None = None


class Deviation(BaseModel):
    """A value that the network reports otherwise than it is declared."""

    desired: Scalar
    reported: Scalar


class Object(BaseModel):
    """A node of the topology."""

    dn: str
    kind: str = Field(description="region, site, element, cell, link, asset, sensor or unknown")
    declared: bool = Field(description="Whether the inventory has it")
    sources: list[str]
    revision: int
    modified: datetime
    desired: dict[str, Any] = Field(description="What the inventory declares")
    reported: dict[str, Any] = Field(description="What the network says of itself")


class ObjectWithRelations(Object):
    """A node with what it hangs together with."""

    deviations: dict[str, Deviation]
    relations: list[Relation]


class Objects(BaseModel):
    """A page of the topology, by name."""

    items: list[Object]
    next: str | None


class Neighbours(BaseModel):
    """What is near an object."""

    dn: str
    neighbours: list[str] = Field(description="By a relation `neighbour`, either way")
    co_sited: list[str] = Field(description="Other cells of the same site")
    site: str | None
    cells: list[str] = Field(description="Below it, at any depth")


class Subgraph(BaseModel):
    """Objects and relations around one."""

    dn: str
    depth: int
    objects: list[Object]
    relations: list[Relation]
    cut: bool = Field(description="There would be more: ask for less depth or fewer kinds")


class Value(BaseModel):
    """The last known value of a counter."""

    counter: str
    value: float | None
    unit: str = ""
    as_of: datetime
    granularity_s: int
    suspect: bool
    revision: int | None = None


class ObjectState(BaseModel):
    """All that is known of an object."""

    dn: str
    kind: str | None = None
    declared: bool = False
    sources: list[str] = []
    revision: int = 0
    modified: datetime | None = None
    desired: dict[str, Any] = {}
    reported: dict[str, Any] = {}
    deviations: dict[str, Deviation] = {}
    relations: list[Relation] = []
    condition: str | None = Field(
        None, description="up, asleep, failed, silent or unknown; null: only the database reaches back so far"
    )
    stale: bool | None = Field(None, description="Its reports have stopped; null: it has sent none")
    values: list[Value] = []
    alarms: list[dict[str, Any]] = []
    radio: dict[str, Any] | None = None


class State(BaseModel):
    """State of an object, or of it and all below it; `at` and `source` speak of the past."""

    dn: str
    at: datetime | None
    source: str
    revision: int | None
    objects: list[ObjectState]
    cut: bool = False


class Desired(BaseModel):
    """Desired values of an object: what a PATCH changes."""

    dn: str
    kind: str
    revision: int
    desired: dict[str, Any]
    reported: dict[str, Any]
    deviations: dict[str, Deviation]


class Asked(BaseModel):
    """A change on its way through the log."""

    id: str
    dn: str
    status: str = Field(description="pending, applied, unchanged or rejected")
    after_revision: int = Field(description="The object's revision is above this once the change is applied")
    revision: int | None = Field(None, description="Of the twin, when it was applied")
    reason: str = ""
    href: str


class Columns(BaseModel):
    """Last known values of many objects, column by column; every list is as long as `dn`."""

    at: datetime | None
    event_time: datetime | None
    revisions: dict[str, int] = Field(description="Of each partition")
    dn: list[str]
    kind: list[str]
    condition: list[str] = Field(description="up, asleep, failed, silent or unknown")
    severity: list[str | None] = Field(description="Worst standing alarm")
    values: dict[str, list[float | None]]
    as_of: dict[str, list[int | None]] = Field(description="End of the period each is of [s since 1970]")
    probability: dict[str, list[float | None]] = Field(description="Of congestion, by target")


class Layout(BaseModel):
    """Where objects stand; every list is as long as `dn`, null where nobody has said."""

    frame: Literal["geographic", "local"] | None = Field(
        description="x and y are longitude and latitude [deg], or metres to the east and north; null: no places"
    )
    dn: list[str]
    kind: list[str]
    site: list[str | None]
    azimuth_deg: list[float | None] = Field(description="Clockwise from north")
    x: list[float | None]
    y: list[float | None]


class CounterShape(BaseModel):
    """A counter that has been reported."""

    counter: str
    unit: str
    granularities_s: list[int]
    objects: int


class Counters(BaseModel):
    """All of them."""

    items: list[CounterShape]


class Series(BaseModel):
    """One object's counter over time: `time` ends a measured period, or begins a bucket."""

    dn: str
    counter: str
    unit: str
    granularity_s: int
    time: list[datetime]
    value: list[float | None] | None = None
    flags: list[int] | None = Field(None, description="1 suspect, 2 late, 4 discovered, 8 corrected, 16 ahead")
    expected: list[float | None] | None = Field(None, description="Of the first counter that the twin tracks")
    probability: list[list[float | None]] | None = Field(None, description="Of congestion, one a target")
    mean: list[float | None] | None = None
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    count: list[int] | None = None


class HistoryPage(BaseModel):
    """A page of the history: all of it in the order of time."""

    since: datetime
    until: datetime
    bucket: str
    series: list[Series]
    next: str | None


class Quantiles(BaseModel):
    """How old what is known of objects is, against the newest of their partition [s of event time]."""

    p50: float | None
    p95: float | None


class Lag(BaseModel):
    """How far behind."""

    records: int | None = Field(description="Of the log that no worker has committed; null: the database is away")
    replica_records: int = Field(description="Of the log that this API has not folded")
    event_time_s: float | None = Field(description="Wall clock less event time")


class Summary(BaseModel):
    """One line about everything: the header of a page."""

    event_time: datetime | None
    revisions: dict[str, int]
    ready: bool
    reasons: list[str]
    objects: dict[str, int] = Field(description="Of each kind")
    cells: dict[str, int] = Field(description="up, asleep, failed, silent, unknown and total")
    alarms: dict[str, int] = Field(description="Standing, by severity")
    staleness_s: Quantiles
    lag: Lag
    fidelity: float | None = Field(description="Mean of the newest scores over all values, weighted by objects")
    congested_soon: int = Field(description="Cells that are likelier than not to be congested within a horizon")
    bursts: dict[str, int] = Field(description="Requests by status")
    rejected: int
    subscribers: int
