"""Every topic in one table, and the CloudEvents headers of what is written to them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from stream.decode import ALARM, REPORT, TOPOLOGY, from_ms

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
    "topology": Topic("inventory.changes", "source", TOPOLOGY, partitions=1),
    "alarm": Topic("alarms", "object", ALARM),
}

OUTLETS = {
    "congestion": Topic("predictions.congestion", "element", "lockstep.congestion.v1"),
    "drift": Topic("twin.drift", "object", "lockstep.drift.v1"),
    "fidelity": Topic("twin.fidelity", "partition", "lockstep.fidelity.v1"),
    "updates": Topic("twin.updates", "element", "lockstep.update.v1"),
    "scores": Topic("predictions.scores", "target", "lockstep.score.v1"),
    "rejected": Topic("telemetry.rejected", "element", "lockstep.rejected.v1", retention_ms=30 * DAY_MS),
}

TOPICS = [INBOX, *SOURCES.values(), *OUTLETS.values()]

Headers = list[tuple[str, bytes]]


def headers(type_: str, id_: str, subject: str, time: int, source: str = "lockstep") -> Headers:
    """CloudEvents 1.0 attributes in Kafka's binary mode.

    Args:
        time: Event time [ms since 1970].
    """
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", source.encode()),
        ("ce_type", type_.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", _stamp(time)),
        ("content-type", b"application/json"),
    ]


@lru_cache(maxsize=1024)
def _stamp(time: int) -> bytes:
    return from_ms(time).isoformat().encode()


def event_type(message_headers: object, default: str) -> str:
    """The CloudEvents type of a message, or `default` where it says none."""
    if message_headers:
        items = message_headers.items() if isinstance(message_headers, dict) else message_headers
        for name, value in items:  # type: ignore[attr-defined]
            if name == "ce_type" and value is not None:
                return bytes(value).decode("utf-8", "replace")
    return default
