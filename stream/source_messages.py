"""Events that came otherwise than by Kafka -> messages of the source topics, as if their sender had sent them there."""

from __future__ import annotations

from hashlib import blake2b
from typing import NamedTuple

from stream.broker import Message
from stream.decode import ALARM, ALARM_NOTE, INVENTORY, OUTAGE, REPORT, SOUNDING, TOPOLOGY, to_ms
from stream.outlets import ENCODER
from stream.partition import partition_of
from stream.topics import SOURCES, headers
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.events import Alarm, Inventory, Report, TopologyChange
from twin.radio.events import Sounding

SourceEvent = Report | Alarm | AlarmNote | PlannedOutage | TopologyChange | Inventory | Sounding
"""What a source may say."""


class Told(NamedTuple):
    """An event as a source's message.

    Attributes:
        kind: Of the source, a key of `SOURCES`.
        type: CloudEvents type.
        key: Whose it is: what one object says stays in order.
        time: Of the event [ms since 1970]; Kafka takes none before 1970.
        body: JSON.
        source: Who said it.
    """

    kind: str
    type: str
    key: str
    time: int
    body: bytes
    source: str

    @property
    def everywhere(self) -> bool:
        """Whether the log has it in every partition."""
        return SOURCES[self.kind].partitions == 1 or (self.type == ALARM_NOTE and not self.key)


def told(event: SourceEvent) -> Told:
    """Write an event down."""
    if isinstance(event, Report):
        kind, type_, key, time = "report", REPORT, event.element, event.end
    elif isinstance(event, Alarm):
        kind, type_, key, time = "alarm", ALARM, event.object_instance, event.event_time
    elif isinstance(event, AlarmNote):
        kind, type_, key, time = "alarm", ALARM_NOTE, event.object_instance, event.time
    elif isinstance(event, PlannedOutage):
        kind, type_, key, time = "outage", OUTAGE, event.object_instance, event.time
    elif isinstance(event, Sounding):
        kind, type_, key, time = "sounding", SOUNDING, event.element, event.time
    elif isinstance(event, Inventory):
        kind, type_, key, time = "topology", INVENTORY, event.scope or event.source, event.time
    else:
        kind, type_, key, time = "topology", TOPOLOGY, event.source, event.time
    return Told(kind, type_, key, max(to_ms(time), 0), ENCODER.encode(event), event.source)


def message_of(one: Told, partitions: int) -> tuple[str, Message]:
    """The topic, without its prefix, and the message. The id is a function of the content.

    Args:
        partitions: Of the topics of reports, alarms and soundings.
    """
    partition = 0 if one.everywhere else partition_of(one.key, partitions)
    id_ = f"{one.kind}/{blake2b(one.body, digest_size=12).hexdigest()}"
    head = headers(one.type, id_, one.key, one.time, one.source)
    return SOURCES[one.kind].name, Message(partition, one.key, one.time, one.body, head)


def source_message(event: SourceEvent, partitions: int) -> tuple[str, Message]:
    """`message_of` what is `told`."""
    return message_of(told(event), partitions)
