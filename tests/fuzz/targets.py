"""Every target, by name."""

from __future__ import annotations

from tests.fuzz import (
    alarms,
    drives,
    events,
    files,
    guards,
    ingest,
    logs,
    measurements,
    names,
    network_files,
    senml,
    sensors,
    shards,
    sources,
    topologies,
)
from tests.fuzz.target import Target

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        *(*events.TARGETS, *senml.TARGETS, *ingest.TARGETS, *logs.TARGETS),
        *(*sources.TARGETS, *measurements.TARGETS, *names.TARGETS, *sensors.TARGETS, *alarms.TARGETS),
        *(
            *guards.TARGETS,
            *files.TARGETS,
            *shards.TARGETS,
            *network_files.TARGETS,
            *drives.TARGETS,
            *topologies.TARGETS,
        ),
    )
}
