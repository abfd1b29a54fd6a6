"""Soundings in, bursts out and back: the radio twin's part of the vocabulary; see `twin.events`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from twin.events import SCHEMA_VERSION, Time
from twin.radio.cells import CellRadio
from twin.radio.maps import RadioMap
from twin.radio.posterior import Posterior

Point = tuple[float, float, float]


class Sounding(msgspec.Struct, frozen=True, kw_only=True):
    """What receivers at known places heard of some cells, one row a place; enters the log.

    Attributes:
        element: Distinguished name of whose measurement this is: it decides on the partition.
        positions: In the region's scene [m], `[num_positions]`.
        cells: Distinguished names, one a column.
        rsrp: Power of a reference resource element [dBm], `[num_positions, num_cells]`; null: not heard.
        offsets: Of subcarriers from the carrier [Hz], `[num_subcarriers]`; empty: powers only.
        response: Channel of each, real and imaginary part, square root of milliwatt as in `rsrp`,
            `[num_positions, num_cells, num_subcarriers, 2]`; null: not heard.
        noise: Variance of a response's noise [mW].
        rsrq: Reference signal received quality [dB], `[num_positions, num_cells]`; empty: not measured.
        sinr: Signal to interference and noise [dB], `[num_positions, num_cells]`; empty: not measured.
    """

    id: Annotated[str, msgspec.Meta(max_length=256)]
    time: Time
    element: str
    positions: list[Point]
    cells: list[str]
    rsrp: list[list[float | None]]
    offsets: list[float] = []
    response: list[list[list[tuple[float, float]] | None]] = []
    noise: float = 0.0
    source: str = ""
    rsrq: list[list[float | None]] = []
    sinr: list[list[float | None]] = []
    schema_version: int = SCHEMA_VERSION


class SoundingTable(msgspec.Struct, frozen=True, kw_only=True):
    """Soundings that a burst may use, oldest first.

    Attributes:
        time: [ms since 1970], `[num_positions]`.
        positions: [m], `[num_positions]`.
        cells: Distinguished names, one a column.
        rsrp: [dBm], `[num_positions, num_cells]`; null: not heard.
    """

    time: list[int]
    positions: list[Point]
    cells: list[str]
    rsrp: list[list[float | None]]


class BurstRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The twin asks for a simulation: everything that is needed for it is in here.

    Attributes:
        id: A function of region, time and base version: a repeated request is the same one.
        region: Distinguished name; the area is within its scene.
        scene: Name of a built-in scene, or a file.
        reason: Why, in words; `drifts` are the ids of what was noticed.
        area: West, south, east, north [m].
        cells: All of the region; `touched` those whose expectation failed.
        frequency: [Hz].
        base_version: Of the parameters to begin with; a result for another one is not adopted.
        posterior: To begin with; none: the prior.
        since: When the change began: older soundings tell of what was before.
        error_db: Median absolute error of the expectation in use [dB]; none: there was none.
        budget_s: Time it may take [s].
        memory_mib: Memory it may take [MiB].
    """

    id: str
    time: Time
    partition: int
    region: str
    scene: str
    frequency: float
    reason: str
    area: tuple[float, float, float, float]
    cells: list[CellRadio]
    touched: list[str]
    soundings: SoundingTable
    since: Time
    base_version: int
    posterior: Posterior | None = None
    drifts: list[str] = []
    tier: Literal["ray-traced"] = "ray-traced"
    error_db: float | None = None
    budget_s: float = 120.0
    memory_mib: int = 4096
    revision: int = 0
    schema_version: int = SCHEMA_VERSION


class BurstOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A person asks for a burst; enters the log. The twin asks the burst workers as soon as nothing else is under way.

    Attributes:
        region: Distinguished name of a region that the radio twin covers.
        reason: Why, in words.
        by: Who.
    """

    id: Annotated[str, msgspec.Meta(max_length=256)]
    time: Time
    region: str
    reason: Annotated[str, msgspec.Meta(max_length=256)] = ""
    by: Annotated[str, msgspec.Meta(max_length=256)] = ""
    schema_version: int = SCHEMA_VERSION


class BurstControl(msgspec.Struct, frozen=True, kw_only=True):
    """A person's word to the burst workers; travels on the requests' topic."""

    id: str
    request: str
    action: Literal["cancel"] = "cancel"
    schema_version: int = SCHEMA_VERSION


Status = Literal["NOT_STARTED", "IN_PROGRESS", "SUSPENDED", "FINISHED", "CANCELLING", "CANCELLED", "FAILED"]
"""As `RequestStatus` of TS 28.105, and FAILED."""


class BurstProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a burst is.

    Attributes:
        time: Wall clock.
        stage: What it is doing, such as `trace` or `materials`.
        percent: Of the whole.
        attempt: Counted from 1.
    """

    id: str
    time: Time
    request: str
    region: str
    status: Status
    stage: str
    percent: float
    attempt: int = 1
    worker: str = ""
    detail: str = ""
    schema_version: int = SCHEMA_VERSION


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """How well some parameters explain soundings that they were not fitted to.

    Attributes:
        num_soundings: Values compared.
        median_db: Median absolute error [dB].
        rmse_db: Root of the mean squared error [dB].
        log_score: Mean log density of a value.
        spearman: Rank correlation of predicted and measured powers.
    """

    num_soundings: int
    median_db: float
    rmse_db: float
    log_score: float
    spearman: float | None = None


class BurstResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a burst; enters the log, and is adopted there or not.

    Attributes:
        id: A function of the request.
        time: The request's: event time, not when it was computed.
        outcome: Only what is `done` can be adopted.
        reason: Why it failed, or what was found, in words.
        before, after: On the same soundings, held out of the fit.
        finding: What explains the change best: `power`, `pose`, `material`, `geometry` or `nothing`.
        map: With the parameters found.
        device: What it was computed on, such as `llvm` or `cuda`.
        seconds: How long it took.
    """

    id: str
    time: Time
    request: str
    partition: int
    region: str
    base_version: int
    outcome: Literal["done", "failed", "cancelled"]
    reason: str
    tier: str = "ray-traced"
    posterior: Posterior | None = None
    map: RadioMap | None = None
    before: Evidence | None = None
    after: Evidence | None = None
    finding: str = ""
    device: str = ""
    seconds: float = 0.0
    schema_version: int = SCHEMA_VERSION
