"""What the API answers of what the twin says of itself and of what is to come, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from pydantic.alias_generators import to_camel


class Congestion(BaseModel):
    """The newest prediction for one cell and target."""

    cell: str
    target: str
    counter: str
    threshold: float
    time: datetime = Field(description="It was made from the period that ended then")
    speaks_of: datetime = Field(description="`time` and the horizon")
    horizon_s: int
    probability: float
    value: float | None
    expected: float | None = Field(description="Forecast of the counter for `speaks_of`")
    sigma: float | None = Field(
        None, description="Standard deviation of the errors of such forecasts of this cell; null: not known yet"
    )
    drivers: list[str]
    contributions: list[float | None]
    model: str
    model_version: str
    tier: str
    revision: int


class Congestions(BaseModel):
    """Most probable first."""

    items: list[Congestion]
    next: str | None


class Failure(BaseModel):
    """The newest prediction of a failure of one object; fields as in the outlet, see docs/failure-prediction.md."""

    object: str
    kind: str
    target: str
    time: datetime
    horizon_s: int
    probability: float
    base_rate: float
    health: float
    wears: str | None
    remaining_life_s: float | None
    remaining_life_low_s: float | None
    remaining_life_high_s: float | None
    drivers: list[str]
    contributions: list[float]
    fault: int | None
    fault_name: str
    note: str
    model: str
    model_version: str
    tier: str
    revision: int


class Failures(BaseModel):
    """Most probable first."""

    items: list[Failure]
    next: str | None


class Event(BaseModel):
    """Something that the twin has said, as its topic has it; see docs/history.md."""

    time: datetime
    id: str
    kind: str
    key: str
    body: dict[str, Any]


class Events(BaseModel):
    """Newest first."""

    items: list[Event]
    next: str | None


class FidelityItem(BaseModel):
    """The newest fidelity score of a counter, granularity, context and partition."""

    counter: str
    granularity_s: int
    partition: int
    context: str
    time: datetime
    score: float
    num_objects: int
    worst: list[str]
    worst_scores: list[float]
    tier: str


class FidelityItems(BaseModel):
    """All of them, and their mean weighted by objects."""

    mean: float | None
    items: list[FidelityItem]


class ScoreItem(BaseModel):
    """The newest progressive scores of a target in one partition and granularity."""

    id: str = Field(description="Before its end, which is the time, it names partition and granularity")
    target: str
    time: datetime
    model_version: str
    metrics: dict[str, float | None]


class ScoreItems(BaseModel):
    """All of them."""

    items: list[ScoreItem]


class Alarm(BaseModel):
    """A standing alarm: the 3GPP AlarmRecord (TS 28.111) as far as its source filled it in, and how it stands."""

    model_config = {"extra": "allow", "alias_generator": to_camel}

    id: str = Field(description="By which it is acknowledged")
    object_instance: str
    perceived_severity: str
    raised: datetime
    held: list[str] = Field(description="Why it is kept back; empty: somebody should look at it")
    root_cause: dict[str, str] | None
    correlated: int = Field(description="Alarms that have it for their root cause")
    flaps: int
    in_doubt: bool = Field(description="Its source's list is to be read again")
    escalates: datetime | None = Field(description="When it goes to the next level unless it is acknowledged")


class Alarms(BaseModel):
    """Worst first, then newest."""

    items: list[Alarm]
    next: str | None
    counts: dict[str, int] = Field(description="Of all that stand, by severity; HELD: kept back")


class TmfAlarm(BaseModel):
    """A TMF642 v4 Alarm; what isn't known is left out."""

    model_config = {"extra": "allow"}

    id: str
    href: str


class TmfAlarms(BaseModel):
    """Worst first, then newest."""

    items: list[TmfAlarm]
    next: str | None


class Note(BaseModel):
    """What somebody says of an alarm."""

    text: str = Field("", max_length=4096)
    by: str = Field("", max_length=256, description="Who, where no token says so")


class Noted(BaseModel):
    """A note on its way through the log."""

    id: str
    alarm: str
    action: str
