"""Events that came otherwise than by Kafka -> messages of the source topics, as if their sender had sent them there."""

from __future__ import annotations

from hashlib import blake2b

from stream.broker import Message
from stream.decode import ALARM, REPORT, TOPOLOGY, to_ms
from stream.outlets import ENCODER
from stream.partition import partition_of
from stream.topics import SOURCES, headers
from twin.events import Alarm, Report, TopologyChange


def source_message(event: Report | Alarm | TopologyChange, partitions: int) -> tuple[str, Message]:
    """The topic, without its prefix, and the message.

    What one element says stays in order: it has a partition. The id is a function of the content.

    Args:
        partitions: Of the topics of reports and alarms.
    """
    if isinstance(event, Report):
        kind, type_, key, time = "report", REPORT, event.element, event.end
    elif isinstance(event, Alarm):
        kind, type_, key, time = "alarm", ALARM, event.object_instance, event.event_time
    else:
        kind, type_, key, time = "topology", TOPOLOGY, event.source, event.time
    topic = SOURCES[kind]
    partition = 0 if topic.partitions == 1 else partition_of(key, partitions)
    body, time_ms = ENCODER.encode(event), max(to_ms(time), 0)
    id_ = f"{kind}/{blake2b(body, digest_size=12).hexdigest()}"
    return topic.name, Message(partition, key, time_ms, body, headers(type_, id_, key, time_ms, event.source))
