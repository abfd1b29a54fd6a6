"""The catalogue of decision services: five kinds, each thin over what the twin can do. Source: TM Forum DT4DI, "DI
enabling services"."""

from __future__ import annotations

from collections import deque
from time import perf_counter
from types import TracebackType
from typing import Any, NamedTuple, Self

from pydantic import BaseModel

from infra.api import shapes_services as shapes

REMEMBERED = 1000
"""Answers of a service whose times are kept."""


class Service(NamedTuple):
    """One of them.

    Attributes:
        asynchronous: It answers before it is done.
        unmeasured: What is said of its quality besides figures.
    """

    id: str
    kind: shapes.Kind
    title: str
    description: str
    asked: type[BaseModel]
    said: type[BaseModel]
    asynchronous: bool = False
    unmeasured: str = ""
    version: str = "1"


STATE = Service(
    "element-state",
    "descriptive",
    "How an element stands",
    "Declared, reported and measured values, standing alarms and radio of one object, and the cells below it by "
    "condition; now or at a past moment.",
    shapes.StateAsked,
    shapes.StateDecision,
    unmeasured="fidelity is how well the twin's expectation agrees with what was measured",
)
ALARM = Service(
    "alarm-cause",
    "diagnostic",
    "Why an alarm stands",
    "The alarm it comes from along the topology, how many come from it, and why it is kept back. docs/alarms.md",
    shapes.AlarmAsked,
    shapes.AlarmDecision,
    unmeasured="whether a cause is the right one is measured where the truth is known only",
)
DRIFT = Service(
    "drift-cause",
    "diagnostic",
    "Why reality has left the twin",
    "Kind, reasons and evidence of the newest drifts of one object, with its alarms and what it reports otherwise than "
    "declared. docs/drift-kinds.md",
    shapes.DriftAsked,
    shapes.DriftDecision,
    unmeasured="a running network doesn't say what had changed; docs/drift-kinds.md has the shares found right on "
    "emulated ones",
)
CONGESTION = Service(
    "congestion-forecast",
    "predictive",
    "Which cells will be congested",
    "Probability by target and horizon, forecast of the counter with its spread, what moved it. docs/congestion.md",
    shapes.ForecastAsked,
    shapes.CongestionDecision,
    unmeasured="from labels that have matured",
)
FAILURE = Service(
    "failure-forecast",
    "predictive",
    "What will fail",
    "Probability, health, remaining life, the fault that is expected, what moved it. docs/failure-prediction.md",
    shapes.ForecastAsked,
    shapes.FailureDecision,
    unmeasured="from labels that have matured",
)
ADVICE = Service(
    "where-acting-pays",
    "prescriptive",
    "What to inspect or relieve, at a stated cost",
    "Acting pays where probability x share prevented x cost of the event exceeds the cost of acting: the objects where "
    "it does, greatest gain first. It takes the probabilities at their word, so look at their calibration. It acts on "
    "nothing.",
    shapes.CostAsked,
    shapes.AdviceDecision,
    unmeasured="what is gained depends on the costs that are stated; that of the probabilities is measured",
)
BURST = Service(
    "radio-burst",
    "simulation",
    "Trace a region's radio again",
    "Orders a simulation burst: rays are traced, parameters calibrated on what was heard, and adopted if they explain "
    "held-out soundings better. Asynchronous: follow it in /bursts. docs/bursts.md",
    shapes.BurstAsked,
    shapes.BurstDecision,
    asynchronous=True,
    unmeasured="of the bursts whose answers this process has heard",
)
CATALOGUE = (STATE, ALARM, DRIFT, CONGESTION, FAILURE, ADVICE, BURST)


class Times:
    """How long answers have taken lately, by service."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys((one.id for one in CATALOGUE), 0)
        self._lately: dict[str, deque[float]] = {one.id: deque(maxlen=REMEMBERED) for one in CATALOGUE}

    def of(self, service: Service) -> dict[str, Any]:
        """Count, median and 95th percentile [s]."""
        known = sorted(self._lately[service.id])
        at = {q: known[min(int(q * len(known)), len(known) - 1)] if known else None for q in (0.5, 0.95)}
        return {"count": self._counts[service.id], "p50_s": at[0.5], "p95_s": at[0.95]}

    def measured(self, service: Service) -> _Measured:
        """Around an answer: what ends in an error doesn't count."""
        return _Measured(self, service)

    def note(self, service: Service, seconds: float) -> None:
        """One more answer."""
        self._counts[service.id] += 1
        self._lately[service.id].append(round(seconds, 6))


class _Measured:
    def __init__(self, times: Times, service: Service) -> None:
        self._times, self._service = times, service

    def __enter__(self) -> Self:
        self._begun = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._times.note(self._service, perf_counter() - self._begun)
