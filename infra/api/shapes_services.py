"""What decision services are asked and what they answer, for the OpenAPI document."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from infra.api import shapes, shapes_doing, shapes_telling

Kind = Literal["descriptive", "diagnostic", "predictive", "prescriptive", "simulation"]
Event = Literal["congestion", "failure"]
LONGEST = 1024
LEAST_COST = 1e-6
"""What costs less costs nothing, and there is nothing to decide."""


class Asked(BaseModel):
    """What a service is asked: what it doesn't know is refused."""

    model_config = ConfigDict(extra="forbid")


class Quality(BaseModel):
    """One measured figure of how good a service is."""

    of: str = Field(description="Counter, target or region that it is of")
    measure: str
    value: float | None
    better: Literal["higher", "lower"]
    count: float | None = Field(None, description="Labels, alarms, objects or bursts that it rests on")
    time: datetime | None = Field(None, description="When it was measured, by event time")
    meaning: str


class Answered(BaseModel):
    """How this process has answered lately."""

    count: int
    p50_s: float | None
    p95_s: float | None


class ServiceShape(BaseModel):
    """A decision service."""

    id: str
    kind: Kind
    version: str
    title: str
    description: str
    owner: str | None = Field(description="Who answers for it: LOCKSTEP_SERVICES_OWNER; null: nobody has said")
    asynchronous: bool = Field(description="It answers before it is done")
    invoke: str = Field(description="Where it is asked, by POST")
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    model_versions: list[str] = Field(
        description="That speak now; none: it rests on no learnt model, or none has spoken"
    )
    quality: list[Quality] = Field(description="As measured in this network")
    quality_note: str
    answered: Answered


class ServiceShapes(BaseModel):
    """The catalogue."""

    items: list[ServiceShape]


class Decision(BaseModel):
    """What every service says beside its answer."""

    service: str
    version: str
    event_time: datetime | None = Field(description="How far the twin has come, or the moment asked for")
    model_versions: list[str]


class StateAsked(Asked):
    """Of which object, and when."""

    dn: str = Field(min_length=3, max_length=LONGEST, examples=["ManagedElement=gnb-17"])
    at: datetime | None = Field(None, description="As it was then, RFC 3339 with a zone; null: now")


class StateSaid(BaseModel):
    """An object, and the cells below it."""

    object: shapes.ObjectState
    cells: dict[str, int] = Field(description="Cells below it by condition; empty of an object without, or of the past")


class StateDecision(Decision):
    """How an element stands."""

    kind: Literal["descriptive"]
    output: StateSaid


class AlarmAsked(Asked):
    """Which alarm."""

    alarm: str = Field(min_length=1, max_length=64, description="Its `id` in /alarms")


class AlarmSaid(BaseModel):
    """Where an alarm comes from, as the fold has traced it along the topology."""

    alarm: shapes_telling.Alarm
    root: shapes_telling.Alarm | None = Field(description="The alarm it comes from; null: it comes from no other")
    caused: int = Field(description="Alarms that come from it")
    kept_back: list[str] = Field(description="Why nobody need look at it")
    reasons: list[str]


class AlarmDecision(Decision):
    """Why an alarm stands."""

    kind: Literal["diagnostic"]
    output: AlarmSaid


class DriftAsked(Asked):
    """Of which object."""

    dn: str = Field(min_length=3, max_length=LONGEST, description="As the drift names it")
    most: int = Field(5, ge=1, le=50, description="Drifts, newest first")


class DriftSaid(BaseModel):
    """What has changed, as far as the twin can tell."""

    drifts: list[dict[str, Any]] = Field(description="With kind, since, direction, size, evidence and reasons")
    alarms: list[shapes_telling.Alarm] = Field(
        description="That stand on the object and below it, worst first, up to 20"
    )
    deviations: dict[str, shapes.Deviation] = Field(description="What it reports otherwise than it is declared")


class DriftDecision(Decision):
    """Why reality has left the twin."""

    kind: Literal["diagnostic"]
    output: DriftSaid


class ForecastAsked(Asked):
    """Of what, and from which probability on."""

    below: str = Field("", max_length=LONGEST, description="An object and all below it by name; empty: the network")
    target: str = Field("", max_length=256, description="Empty: all")
    least: float = Field(0, ge=0, le=1)
    most: int = Field(100, ge=1, le=1000)


class CongestionSaid(BaseModel):
    """Most probable first."""

    items: list[shapes_telling.Congestion]


class CongestionDecision(Decision):
    """Which cells will be congested."""

    kind: Literal["predictive"]
    output: CongestionSaid


class FailureSaid(BaseModel):
    """Most probable first."""

    items: list[shapes_telling.Failure]


class FailureDecision(Decision):
    """What will fail."""

    kind: Literal["predictive"]
    output: FailureSaid


class CostAsked(Asked):
    """What acting costs, and what it costs where nobody has acted: in one currency, whichever."""

    event: Event = "failure"
    below: str = Field("", max_length=LONGEST)
    target: str = Field("", max_length=256, description="Empty: all of that event")
    action_cost: float = Field(
        ge=LEAST_COST, le=1e12, description="Of one inspection, or of whatever is done against it"
    )
    event_cost: float = Field(ge=LEAST_COST, le=1e12, description="Of one failure or congestion that happens")
    prevented: float = Field(1, ge=0.001, le=1, description="Share of events that acting prevents")
    most: int = Field(20, ge=1, le=1000)


class Advice(BaseModel):
    """One object on which acting pays."""

    object: str
    target: str
    action: Literal["inspect", "relieve"]
    probability: float
    horizon_s: int
    avoided: float = Field(description="Expected cost that acting avoids: probability x prevented x event_cost")
    gain: float = Field(description="The same less action_cost")
    because: list[str] = Field(description="What moved the probability most")
    expected: str = Field(description="The fault that is expected, or the forecast")


class AdviceSaid(BaseModel):
    """What to act on, greatest gain first; for all others waiting is cheaper."""

    break_even: float = Field(description="Probability above which acting pays; above 1: it never does")
    considered: int = Field(description="Predictions looked at, from break_even on")
    advised: list[Advice]


class AdviceDecision(Decision):
    """Where acting pays."""

    kind: Literal["prescriptive"]
    output: AdviceSaid


class BurstAsked(shapes_doing.Order):
    """Which region to look at again, and why."""

    model_config = ConfigDict(extra="forbid")


class BurstSaid(BaseModel):
    """An order on its way: the twin asks the burst workers next."""

    order: str
    region: str
    follow: str = Field(description="Where requests stand with status, percent, verdict and parameters")


class BurstDecision(Decision):
    """A simulation that has been ordered."""

    kind: Literal["simulation"]
    output: BurstSaid
