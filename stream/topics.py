"""Every topic in one table, and the CloudEvents headers of what is written to them."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from stream.decode import (
    ALARM,
    ALARM_STATE,
    LATEST_MS,
    ORDER,
    OUTAGE,
    REPORT,
    SOUNDING,
    TOPOLOGY,
    TRANSITION,
    from_ms,
    to_ms,
)

DAY_MS = 86_400_000


class Topic(NamedTuple):
    """One topic.

    Attributes:
        partitions: 0 stands for the setting `partitions`; the log and its outlets are partitioned alike.
        retention_ms: How long the broker keeps a message [ms].
    """

    name: str
    key: str
    event: str
    partitions: int = 0
    retention_ms: int = 7 * DAY_MS


INBOX = Topic("twin.inbox", "element", "any event of the log", retention_ms=30 * DAY_MS)

SOURCES = {
    "report": Topic("telemetry.reports", "element", REPORT),
    "senml": Topic("telemetry.senml", "element", "application/senml+json"),
    # VES, PM JSON and whatever else the table of formats knows, as its sender makes it.
    "raw": Topic("telemetry.raw", "element", "application/octet-stream"),
    "topology": Topic("inventory.changes", "source", TOPOLOGY, partitions=1),
    # O-RAN's topology exposure and inventory: CloudEvents in binary or structured mode.
    "teiv": Topic("inventory.teiv", "source", "application/cloudevents+json", partitions=1),
    "alarm": Topic("alarms", "object", ALARM),
    # A topic of its own: whoever may raise alarms may not say that they are expected.
    "outage": Topic("alarms.outages", "object", OUTAGE, partitions=1),
    "sounding": Topic("telemetry.soundings", "element", SOUNDING),
    # A topic of its own: whoever may tell what was heard may not spend the burst workers' time.
    "order": Topic("twin.bursts.orders", "region", ORDER, partitions=1),
    # One partition, so that every shard sees candidates and transitions in one order.
    "models": Topic("models.changes", "model", TRANSITION, partitions=1, retention_ms=365 * DAY_MS),
}

OUTLETS = {
    "congestion": Topic("predictions.congestion", "element", "lockstep.congestion.v1"),
    "drift": Topic("twin.drift", "object", "lockstep.drift.v1"),
    "fidelity": Topic("twin.fidelity", "partition", "lockstep.fidelity.v1"),
    "updates": Topic("twin.updates", "element", "lockstep.update.v1"),
    "failure": Topic("predictions.failure", "object", "lockstep.failure.v1"),
    "alarms": Topic("twin.alarms", "object", ALARM_STATE),
    "own-alarms": Topic("alarms.own", "object", ALARM),
    "scores": Topic("predictions.scores", "target", "lockstep.score.v1"),
    "comparisons": Topic("models.comparisons", "target", "lockstep.model-comparison.v1", retention_ms=30 * DAY_MS),
    "monitoring": Topic("models.monitoring", "target", "lockstep.model-monitoring.v1", retention_ms=30 * DAY_MS),
    "bursts": Topic("twin.bursts.requests", "region", "lockstep.burst-request.v1"),
    "rejected": Topic("telemetry.rejected", "element", "lockstep.rejected.v1", retention_ms=30 * DAY_MS),
}

PROGRESS = Topic("twin.bursts.progress", "region", "lockstep.burst-progress.v1")
"""Written by burst workers: wall clock, and nothing that the fold reads."""

TOPICS = [INBOX, *SOURCES.values(), *OUTLETS.values(), PROGRESS]

Headers = list[tuple[str, bytes]]

RECORDED = "ce_recordedtime"
"""CloudEvents' extension for when an event entered the log; Kafka's own time stamp goes with the copy."""


def headers(
    type_: str, id_: str, subject: str, time: int, source: str = "lockstep", recorded: int | None = None
) -> Headers:
    """CloudEvents 1.0 attributes in Kafka's binary mode.

    Args:
        time: Event time [ms since 1970].
        recorded: When the log took it in, the extension `recordedtime` [ms since 1970]; records of the log have it.
    """
    attributes = [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type_.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", _stamp(time)),
        ("content-type", b"application/json"),
    ]
    if recorded is not None:
        attributes.append((RECORDED, _stamp(recorded)))
    return attributes


@lru_cache(maxsize=1024)
def _stamp(time: int) -> bytes:
    return from_ms(time).isoformat().encode()


def attributes_of(message_headers: object, default: str) -> tuple[str, int | None]:
    """The CloudEvents type of a message, or `default` where it says none, and when it was recorded [ms], or None."""
    type_, recorded = default, None
    if message_headers:
        items = message_headers.items() if isinstance(message_headers, dict) else message_headers
        for name, value in items:  # type: ignore[attr-defined]
            if value is None:
                continue
            if name == "ce_type":
                type_ = bytes(value).decode("utf-8", "replace")
            elif name == RECORDED:
                recorded = _recorded(bytes(value))
    return type_, recorded


@lru_cache(maxsize=1024)
def _recorded(stamp: bytes) -> int | None:
    try:
        ms = to_ms(datetime.fromisoformat(stamp.decode()))
    except (ValueError, TypeError):  # no time at all, or one without a zone: as good as not said
        return None
    return min(max(ms, 0), LATEST_MS)
