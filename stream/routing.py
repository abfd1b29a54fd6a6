"""Which records of the log a source's message becomes, and in which partitions. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from stream.decode import (
    ALARM,
    ALARM_NOTE,
    CANDIDATE,
    INVENTORY,
    ORDER,
    OUTAGE,
    REPORT,
    SOUNDING,
    TOPOLOGY,
    TRANSITION,
    decode,
    from_ms,
    to_ms,
)
from stream.outlets import ENCODER
from stream.partition import partition_of
from stream.pseudonyms import Pseudonyms
from stream.raw_messages import RawMessages
from stream.registry.model_bytes import without_identifiers
from stream.source_messages import told
from stream.sources import teiv_kafka
from stream.sources.alarm_record import is_ours
from stream.sources.alarm_record import read as alarm_records
from stream.sources.senml import reports as senml_reports
from stream.sources.teiv_model import BUILTIN
from stream.sources.teiv_model import Model as TeivModel
from twin import dn
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.errors import BadInput
from twin.events import Alarm, Inventory, NeighboursSeen, Report, Tick, TopologyChange, TopologyChanges
from twin.log import LogRecord
from twin.model_events import ModelCandidate, ModelTransition
from twin.radio.events import BurstOrder, BurstResult, Sounding

RAW = RawMessages()
ALL = -1
"""Stands for every partition: what concerns the whole network."""

LONGEST_KEY = 1024
"""Of a message [character]; it is sent twice, as the key and as the subject."""


class Entry(NamedTuple):
    """One record on its way into the log.

    Attributes:
        time: The event's [ms since 1970].
        reporting: So many objects only report of themselves in it; 0: it says anything else.
    """

    partition: int
    key: str
    type: str
    time: int
    value: bytes
    reporting: int = 0


def entries(
    kind: str,
    record: LogRecord,
    partitions: int,
    pseudonyms: Pseudonyms,
    headers: object = None,
    teiv: TeivModel = BUILTIN,
    raw: RawMessages = RAW,
) -> list[Entry]:
    """What a source's message becomes in the log, identifiers of subscribers replaced.

    Args:
        kind: Of the source, a key of `SOURCES`.
        headers: Of the message; only TEIV's events need more of them than their type.
        teiv: Types of entities and relationships that these may have.
        raw: Reads what comes as its sender makes it.

    Raises:
        BadInput: It can't be used.
    """
    if kind == "senml":
        # Names come from base name and name: whole they are only when taken together.
        packed = (ENCODER.encode(report) for report in senml_reports(record.value, record.key, record.time))
        return [_entry(REPORT, pseudonyms.json(value), partitions) for value in packed]
    if record.type in (CANDIDATE, TRANSITION) and kind != "models":
        # Who may measure may not decide on models: the broker's rights are by topic.
        raise BadInput("unknown-type", f"{record.type!r} comes by the topic of models, not by this one")
    if record.type == OUTAGE and kind != "outage":
        raise BadInput("unknown-type", f"{record.type!r} comes by the topic of planned outages, not by this one")
    if record.type == ORDER and kind != "order":
        raise BadInput("unknown-type", f"{record.type!r} comes by the topic of orders, not by this one")
    if kind == "raw":
        return [_entry(one.type, pseudonyms.json(one.body), partitions) for one in raw.read(record.value)]
    if kind == "teiv":
        change = told(teiv_kafka.read(record.value, headers, from_ms(record.time), teiv))
        return [_entry(change.type, pseudonyms.json(change.body), partitions)]
    if kind == "alarm" and record.type == ALARM and not is_ours(record.value):
        made = [told(event) for event in alarm_records(record.value, "kafka", Counter())]
        return [_entry(one.type, without_identifiers(one.type, one.body, pseudonyms), partitions) for one in made]
    return [_entry(record.type, without_identifiers(record.type, record.value, pseudonyms), partitions)]


def _entry(type_: str, value: bytes, partitions: int) -> Entry:
    event = decode(type_, value)
    if isinstance(event, Report):
        partition = partition_of(dn.check(event.element), partitions)
        return Entry(partition, event.element, REPORT, _sent(event.end), value)
    if isinstance(event, TopologyChange):
        key = (event.source or event.id)[:LONGEST_KEY]
        return Entry(ALL, key, TOPOLOGY, _sent(event.time), value, _reporting(event))
    if isinstance(event, Inventory):
        return Entry(ALL, (event.scope or event.source)[:LONGEST_KEY], INVENTORY, _sent(event.time), value)
    if isinstance(event, ModelCandidate | ModelTransition):
        type_ = CANDIDATE if isinstance(event, ModelCandidate) else TRANSITION
        return Entry(ALL, event.model, type_, _sent(event.time), value)
    if isinstance(event, Tick | BurstResult | TopologyChanges | NeighboursSeen):
        raise BadInput("unknown-type", f"{type_!r} comes from workers, not from sources")
    if isinstance(event, Sounding):
        partition = partition_of(event.element, partitions)
        return Entry(partition, event.element, SOUNDING, _sent(event.time), value)
    if isinstance(event, BurstOrder):
        return Entry(partition_of(event.region, partitions), event.region, ORDER, _sent(event.time), value)
    if isinstance(event, AlarmNote):
        where = partition_of(event.object_instance, partitions) if event.object_instance else ALL
        return Entry(where, event.object_instance or event.source, ALARM_NOTE, _sent(event.time), value)
    if isinstance(event, PlannedOutage):
        return Entry(ALL, event.object_instance, OUTAGE, _sent(event.time), value)
    assert isinstance(event, Alarm)
    partition = partition_of(event.object_instance, partitions)
    return Entry(partition, event.object_instance, ALARM, _sent(event.event_time), value)


def _reporting(change: TopologyChange) -> int:
    """How many objects report of themselves in a change that says nothing else; else 0."""
    if change.removed or change.relations or change.removed_having or change.cardinalities:
        return 0
    return len(change.entities) * all(each.reported and not each.attributes for each in change.entities)


def _sent(time: datetime) -> int:
    """The time of a message [ms since 1970]: Kafka takes none before 1970, and what is from before must not stop it."""
    return max(to_ms(time), 0)
