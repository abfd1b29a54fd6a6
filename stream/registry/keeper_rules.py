"""What the settings say to the keeper."""

from __future__ import annotations

from infra.settings import Settings
from models.failure.target import parse_failure_target
from models.gate import GateRule
from models.retraining import DAY_MS, HOUR_MS, TrainingRule
from models.targets import parse_target
from stream.registry.fit import predicted


def gate_rule(settings: Settings) -> GateRule:
    """When a challenger wins."""
    return GateRule(alpha=settings.gate_alpha, margin=settings.gate_margin)


def training_rule(settings: Settings) -> TrainingRule:
    """When a training starts by itself."""
    return TrainingRule(
        every_ms=int(settings.train_every_days * DAY_MS),
        drifts=settings.train_drifts,
        least_precision=settings.train_below,
        cooldown_ms=int(settings.train_cooldown_hours * HOUR_MS),
    )


def horizons(settings: Settings) -> dict[str, int]:
    """Of the targets that batch models speak for [s], by name; failures by kind of object."""
    failures = [parse_failure_target(text) for text in settings.failure_targets]
    return predicted([parse_target(text) for text in settings.targets], failures)
