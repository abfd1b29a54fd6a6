"""What the twin predicts of failures."""

from __future__ import annotations

import msgspec

from twin.events import SCHEMA_VERSION, Time


class FailurePrediction(msgspec.Struct, frozen=True, kw_only=True):
    """What the twin predicts of the failure of one object.

    Attributes:
        id: A function of object, target and time.
        time: Of the evidence it was made from; it speaks of the time from then to `time + horizon_s`.
        kind: Of the object: `element`, `cell` or `link`.
        probability: That the target happens to the object, or below it, within the horizon.
        base_rate: Of objects of this kind that nothing speaks against: what random failures leave to say.
        health: 0 to 100, 100 as new (definition: `models.failure.health`).
        wears: The signal whose trend runs towards its limit, where one does; then `remaining_life_s` is when the
            trend reaches it, and `remaining_life_low_s`, `remaining_life_high_s` are the ends of a 90 % interval [s]; a
            year at its upper end: it is open.
        drivers: The features that add most to the log-odds, largest first.
        contributions: What each adds.
        fault: O-RAN fault id of the expected failure, and `fault_name`; null where nothing points to one.
        note: What the numbers can't say.
        batch_model: Name of the batch model that takes part; empty: the online model alone.
        blend: What each counts in the log-odds, see `models.blend`.
    """

    id: str
    time: Time
    object: str
    kind: str
    target: str
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
    batch_model: str = ""
    blend: dict[str, float] = {}
    schema_version: int = SCHEMA_VERSION
