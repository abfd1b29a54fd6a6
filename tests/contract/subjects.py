"""Every model there is; one that is missing here is not under contract, and `test_all_are_there` says so."""

from __future__ import annotations

from tests.contract import kept_subjects as kept
from tests.contract import landed_subjects as landed
from tests.contract import online_subjects as online
from tests.contract import twin_subjects as twin
from tests.contract.subject import Subject

SUBJECTS: tuple[type[Subject], ...] = (
    *(online.ASeries, online.SomeHabits, online.Congestion, online.Contributions, online.Logit, online.RiverLogit),
    *(online.Regression, online.Failures, online.FailureContributions, online.Blended),
    *(landed.BatchNetwork, landed.NetworkExplained, landed.Anomalies, landed.FadingLinks, landed.Wear),
    *(kept.EquipmentEvidence, kept.Fades, kept.MovingRain, kept.StackedModels),
    *(twin.Drifts, twin.Fidelity, twin.Ratios, twin.RadioWatch),
)
