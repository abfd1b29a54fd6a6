"""How good a version of a model has been lately, as an event."""

from __future__ import annotations

import msgspec

from twin.events import SCHEMA_VERSION, Time, Whole


class ModelMonitoring(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one target, model version and group of cells over the last days, told when a day (UTC) is over.

    What TS 28.105 calls a `ModelPerformance`: `inferenceOutputName` is the target, each figure a `performanceMetric`.

    Attributes:
        id: A function of target, version, group, granularity, partition and day.
        time: The end of the day.
        target: What is predicted, by name, as scores have it: of failures with the kind of objects behind it.
        model_version: `mLModelId@mLModelVersion`, or `online` for the online model alone.
        group: `all`, or `attribute=value` of the cells.
        days: How many days the figures look back on.
        figures: See `models.monitor_tally.figures`.
        bin_edges: Between the reliability bins, `[num_bins - 1]`.
        bin_count, bin_probability, bin_positives: Labels of each bin, their mean probability and the share of them
            that are true, `[num_bins]`.
    """

    id: str
    time: Time
    target: str
    model_version: str
    group: str
    granularity_s: Whole
    partition: Whole
    days: Whole
    figures: dict[str, float | None]
    bin_edges: list[float]
    bin_count: list[Whole]
    bin_probability: list[float | None]
    bin_positives: list[float | None]
    revision: int
    schema_version: int = SCHEMA_VERSION
