"""Which candidates enter shadow: those whose report holds up, the newest first, as far as there is room. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from models.evidence import objection, read_report
from models.gate import DAY_MS
from models.registry import MOST_RUNNING, Registry, Version
from stream.decode import from_ms
from twin.errors import BadInput
from twin.model_events import ModelCandidate, ModelTransition, new_transition

MOST_LATENCY_US = 50.0
"""Of inference, an object [us]: a cell-period costs the fold about 10."""


def in_line(registry: Registry) -> list[Version]:
    """Versions that wait for at least one of their targets, in the order in which they are admitted."""
    waiting = [version for version in registry.versions.values() if "candidate" in version.life.values()]
    return sorted(waiting, key=lambda version: -version.time)


def admissions(registry: Registry, reports: Mapping[str, ModelCandidate], now: int) -> list[ModelTransition]:
    """What becomes of the candidates.

    Args:
        reports: Of those that wait, by version, without their bytes.
        now: The network's time [ms since 1970]; -1: not known yet.
    """
    return list(_admissions(registry, reports, now))


def _admissions(registry: Registry, reports: Mapping[str, ModelCandidate], now: int) -> Iterator[ModelTransition]:
    running = Counter({t: len(registry.running(t)) for v in registry.versions.values() for t in v.life})
    sound: list[Version] = []
    for version in in_line(registry):
        targets = targets_of(version)
        event = reports.get(version.model)
        if event is not None and (why := _objection(event)):
            yield new_transition(version.model, "retired", from_ms(version.time), targets=targets, reason=why)
            continue
        if newer := next((one for one in sound if _supersedes(one, version)), None):
            why = f"superseded: {newer.model} has learnt from later data"
            yield new_transition(version.model, "retired", from_ms(version.time), targets=targets, reason=why)
            continue
        sound.append(version)
        if all(running[target] < MOST_RUNNING for target in targets):
            running.update(targets)
            why = "its training report holds up"
            # Its time in shadow begins now, not when its data ended. The day's begin: two keepers write the same event.
            time = from_ms(max(version.time, now // DAY_MS * DAY_MS))
            yield new_transition(version.model, "shadow", time, targets=targets, reason=why)


def targets_of(version: Version) -> list[str]:
    """For which it waits."""
    return sorted(target for target, life in version.life.items() if life == "candidate")


def _supersedes(newer: Version, older: Version) -> bool:
    """Whether both are versions of one model, and there is nothing that the older one alone can tell."""
    same = newer.model.rpartition("@")[0] == older.model.rpartition("@")[0]
    return same and newer.time > older.time and set(targets_of(newer)) >= set(targets_of(older))


def _objection(event: ModelCandidate) -> str:
    try:
        return objection(read_report(event.evidence), MOST_LATENCY_US)
    except BadInput as error:
        return str(error)
