"""Every target, by name."""

from __future__ import annotations

from tests.fuzz import events, files, guards, measurements, names, sensors, shards, sources
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(*events.TARGETS, *sources.TARGETS, *measurements.TARGETS, *names.TARGETS, *sensors.TARGETS),
        *(*guards.TARGETS, *files.TARGETS, *shards.TARGETS),
    )
}
