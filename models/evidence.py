"""What a candidate brings with it: an MLTrainingReport, and whether that lets it into shadow. Pure.

Names and meaning as in TS 28.105 clause 7.3 (MLTrainingReport, ModelPerformance), with what the standard leaves open:
the data's range and origin, calibration, latency, and a regression set that every version must pass.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from twin.errors import BadInput
from twin.events import Time


class ModelPerformance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One score of one output.

    Attributes:
        inference_output_name: Of the target.
        performance_metric: Such as `averagePrecision`, `logLoss`, `calibrationLoss`.
        performance_score: Its value.
    """

    inference_output_name: str
    performance_metric: str
    performance_score: float


class Regression(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a version says of a fixed set of inputs whose answers are known.

    Attributes:
        digest: Of the set.
        failed: What it got wrong; empty: it has passed.
    """

    digest: str = ""
    cases: int = 0
    failed: list[str] = []


class TrainingReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """MLTrainingReport: on what and how a model was trained, and how good it is there.

    Attributes:
        begin, end: Of the data.
        rows, positives: How much of it was trained on.
        origin: Rows that were measured (`real`) and made (`synthetic`).
        model_performance_training, model_performance_validation: Scores.
        data_ratio_training_and_validation: Share of the data that was trained on [%].
        are_new_training_data_used: Whether there are data in it that the version before hadn't.
        model_confidence_indication: [%]; none: not known.
        latency_us: Of inference, an object [us].
        regression: None: there was no set.
    """

    begin: Time | None = None
    end: Time | None = None
    rows: int = 0
    positives: int = 0
    origin: dict[str, int] = {}
    model_performance_training: list[ModelPerformance] = []
    model_performance_validation: list[ModelPerformance] = []
    data_ratio_training_and_validation: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    are_new_training_data_used: bool = True
    model_confidence_indication: Annotated[float, msgspec.Meta(ge=0, le=100)] | None = None
    latency_us: float | None = None
    regression: Regression | None = None

    def validation(self, target: str, metric: str) -> float | None:
        """A score on held-out data, None if it wasn't told."""
        return next(
            (
                p.performance_score
                for p in self.model_performance_validation
                if (p.inference_output_name, p.performance_metric) == (target, metric)
            ),
            None,
        )


def read_report(evidence: dict[str, Any]) -> TrainingReport:
    """The report in a candidate's evidence; what it says besides is passed over.

    Raises:
        BadInput: wrong-type.
    """
    try:
        return msgspec.convert(evidence, TrainingReport, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"the evidence is no training report: {error}") from error


def objection(report: TrainingReport, most_latency_us: float) -> str:
    """Why a candidate may not even run in shadow; empty: it may.

    Args:
        most_latency_us: Of inference, an object [us].
    """
    if report.regression is not None and report.regression.failed:
        return f"it fails the regression set: {', '.join(report.regression.failed[:5])}"
    if report.latency_us is not None and report.latency_us > most_latency_us:
        return f"inference takes {report.latency_us:.3g} us an object, {most_latency_us:g} are allowed"
    if report.rows and not report.positives:
        return "it was trained on data without a single positive"
    return ""
