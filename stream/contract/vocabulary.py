"""Every event that travels on a topic, by its CloudEvents type, and which topics carry which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from stream.burst.answers import CONTROL, REQUEST
from stream.decode import ALARM, ALARM_NOTE, ALARM_STATE, CANDIDATE, INVENTORY, KNOWN, TOPOLOGY, TRANSITION
from stream.topics import INBOX, TOPICS, Topic
from twin.alarm_events import AlarmState
from twin.errors import ConfigurationError
from twin.events import CongestionPrediction, Drift, Fidelity, Rejected, Score, TwinUpdate
from twin.failure_events import FailurePrediction
from twin.model_events import ModelComparison
from twin.monitoring_events import ModelMonitoring
from twin.radio.events import BurstControl, BurstProgress, BurstRequest

OUTLETS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "lockstep.congestion.v1": CongestionPrediction,
    "lockstep.failure.v1": FailurePrediction,
    "lockstep.drift.v1": Drift,
    "lockstep.fidelity.v1": Fidelity,
    "lockstep.update.v1": TwinUpdate,
    "lockstep.score.v1": Score,
    ALARM_STATE: AlarmState,
    "lockstep.model-comparison.v1": ModelComparison,
    "lockstep.model-monitoring.v1": ModelMonitoring,
    "lockstep.rejected.v1": Rejected,
    REQUEST: BurstRequest,
    CONTROL: BurstControl,
    "lockstep.burst-progress.v1": BurstProgress,
}
"""What leaves the twin, and a person's word to the burst workers."""

EVENTS: Final[Mapping[str, type[msgspec.Struct]]] = {**KNOWN, **OUTLETS}

_MORE: Final = {
    "inventory.changes": (TOPOLOGY, INVENTORY),
    "alarms": (ALARM, ALARM_NOTE),
    "models.changes": (TRANSITION, CANDIDATE),
    "twin.bursts.requests": (REQUEST, CONTROL),
}
"""Topics that carry more than one type."""


def carried(topic: Topic) -> tuple[str, ...]:
    """Types of a topic's messages: CloudEvents types, or a media type where the messages are not ours.

    Raises:
        ConfigurationError: There is an event of ours whose structure isn't in this file.
    """
    types = tuple(KNOWN) if topic is INBOX else _MORE.get(topic.name, (topic.event,))
    for type_ in types:
        if type_ not in EVENTS and "/" not in type_:
            raise ConfigurationError(
                f"topic {topic.name} carries {type_!r}, which has no structure in stream/contract/vocabulary.py: "
                "add it to OUTLETS there"
            )
    return types


def topics() -> list[Topic]:
    """Every topic there is, in the order of the table."""
    return list(TOPICS)
