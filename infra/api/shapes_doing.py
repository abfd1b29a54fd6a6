"""What the API answers of bursts, radio maps, models and rejected messages, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field


class Parameter(BaseModel):
    """One parameter of the radio twin that a burst has set."""

    name: str = Field(
        description="power/<cell>, azimuth/<cell>, tilt/<cell>: offsets from what is declared; eps/<material>: "
        "relative permittivity; sigma/<material>: conductivity"
    )
    unit: str
    before: float | None = Field(description="null: as declared")
    after: float
    low: float = Field(description="Of its 90 % interval now")
    high: float


class Burst(BaseModel):
    """A request for a burst and what became of it; see docs/bursts.md."""

    request: str
    region: str
    reason: str
    time: datetime
    partition: int
    status: str
    stage: str
    percent: float
    attempt: int
    worker: str
    detail: str
    begun: datetime | None = Field(
        None, description="When its last attempt was queued or first said to be under way; null: only its end was heard"
    )
    heard: datetime | None = Field(None, description="When the last was told of it")
    seconds: float = Field(description="From begun to heard; 0: not known")
    verdict: str
    finding: str
    before: float | None = Field(description="Median absolute error on held-out soundings before [dB]")
    after: float | None
    parameters: list[Parameter] = Field(
        [], description="What it has set where the twin has adopted it, what moved most beyond doubt first"
    )


class Bursts(BaseModel):
    """Newest first."""

    items: list[Burst]
    next: str | None


class Order(BaseModel):
    """A wish for a burst."""

    region: str = Field(min_length=3, max_length=1024, examples=["SubNetwork=1"])
    reason: str = Field("", max_length=200)


class Ordered(BaseModel):
    """An order on its way through the log."""

    id: str
    region: str


class RejectedItem(BaseModel):
    """A message that could not be used; its bytes are at `original`."""

    id: str
    time: datetime
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: str
    type: str
    size: int
    truncated: bool
    scrubbed: bool
    original: str = Field(description="Where its bytes are")


class RejectedItems(BaseModel):
    """Newest first; those that this process has seen, at most 5,000."""

    items: list[RejectedItem]
    next: str | None


class ModelRow(BaseModel):
    """One version and target; see docs/model-registry.md."""

    model: str
    target: str
    state: str
    since: datetime
    trained_to: datetime
    against: str
    gain: float | None
    events: int
    verdict: str
    reason: str
    scores: dict[str, float] = Field(
        {}, description="Of its training report, on data that were held out, such as averagePrecision, logLoss"
    )


class ModelRows(BaseModel):
    """In the order they came."""

    items: list[ModelRow]


class ModelShape(BaseModel):
    """A version with its training report and the steps of its life."""

    model_config = {"extra": "allow"}

    model: str
    states: list[ModelRow]
    steps: list[dict[str, Any]]
    evidence: dict[str, Any]


class Decision(BaseModel):
    """What to do with a version."""

    targets: list[str] = Field([], max_length=64, description="Of its targets; none: all that can")
    reason: str = Field("", max_length=4096)


class RollBack(BaseModel):
    """Give back to whoever was champion before."""

    target: str | None = Field(None, max_length=256, description="None: every target")
    reason: str = Field("", max_length=4096)


class Written(BaseModel):
    """Transitions that were written to the log."""

    transitions: list[dict[str, Any]]


class RadioRegion(BaseModel):
    """A region with a scene."""

    region: str
    scene: str
    tier: str
    version: int
    cells: list[str]
    error_db: float | None
    map: bool = Field(description="Whether there is a ray-traced map")


class RadioRegions(BaseModel):
    """All of them."""

    items: list[RadioRegion]


class AntennaShape(BaseModel):
    """An antenna as the inventory declares it, in the metres of its radio map."""

    cell: str
    site: str | None = Field(description="Where it stands, if anybody says so")
    x: float = Field(description="To the east [m]")
    y: float = Field(description="To the north [m]")
    z: float = Field(description="Above the scene's zero [m]")
    azimuth_deg: float = Field(description="Clockwise from north")
    tilt_deg: float = Field(description="Below the horizon")


class RadioMapShape(BaseModel):
    """Power of the reference signal over an even grid, rows to the north."""

    region: str
    scene: str
    version: int
    cells: list[str]
    origin: list[float] = Field(description="Middle of the south-western square [m]")
    step: float = Field(description="Side of a square [m]")
    shape: list[int] = Field(description="Rows to the north, columns to the east")
    height: float
    antennas: list[AntennaShape] = Field([], description="Of its cells, as far as the inventory still has them")
    rsrp: list[list[float | None]] = Field(
        description="Of the cell, or of the strongest one [dBm]; null: nothing arrives"
    )
    strongest: list[list[int]] | None = Field(None, description="Index of the strongest cell; -1: none")
