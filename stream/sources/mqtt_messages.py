"""One MQTT message -> messages of the source topics, by the table. No I/O, no clock; Sparkplug's nodes are remembered.

What can't be used is BadInput, or left out and counted: one bad sender never holds up the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from stream.broker import Message
from stream.decode import from_ms
from stream.partition import partition_of
from stream.source_messages import SourceEvent, source_message
from stream.sources import senml_pack
from stream.sources.lorawan import Frames
from stream.sources.mqtt_table import Rule, Table
from stream.sources.sensor_fields import decode_tree, moment, pick
from stream.sources.sparkplug import Host, Remembered
from stream.topics import SOURCES, headers
from twin.errors import BadInput
from twin.events import Report

LARGEST_TREE = 1 << 20
"""A message that is read into a tree of objects [byte]; packs of SenML have limits of their own."""

Out = tuple[str, Message]
"""A topic, without its prefix, and a message."""


class Arrived(NamedTuple):
    """A message as MQTT brought it.

    Attributes:
        at: When [ms since 1970].
        retained: The broker had kept it from before.
    """

    topic: str
    payload: bytes
    at: int
    retained: bool = False


class Translator:
    """Translates messages in their order.

    Args:
        partitions: Of the source topics.
        most_bytes: Of a pack of SenML; larger ones Kafka may not take.

    Attributes:
        notes: What was left out or taken differently, and how often.
        commands: Topics and payloads to be published: births that are asked for.
    """

    def __init__(self, table: Table, partitions: int, most_bytes: int = 8 << 20) -> None:
        self._table, self._partitions, self._most_bytes = table, partitions, most_bytes
        self._hosts: dict[int, Host] = {}
        self._frames: dict[int, Frames] = {}
        self.notes: Counter[str] = Counter()
        self.commands: list[tuple[str, bytes]] = []

    def remember(self) -> dict[str, list[Remembered]] | None:
        """The births of Sparkplug's nodes, by filter; None if nothing has changed since it was asked last."""
        hosts = {rule.spec.filter: self._hosts[id(rule)] for rule in self._table.rules if id(rule) in self._hosts}
        if not any(host.changed for host in hosts.values()):
            return None
        for host in hosts.values():
            host.changed = False
        return {filter_: host.remember() for filter_, host in hosts.items()}

    def recall(self, known: dict[str, list[Remembered]]) -> None:
        """Take over what `remember` gave."""
        for rule in self._table.rules:
            if rule.spec.format == "sparkplug" and rule.spec.filter in known:
                host = self._hosts.setdefault(id(rule), Host(rule, self.notes))
                host.recall(known[rule.spec.filter])

    def translate(self, message: Arrived) -> list[Out]:
        """What one message becomes.

        Raises:
            BadInput: It can't be used.
        """
        found = self._table.find(message.topic)
        if found is None:
            raise BadInput("unknown-type", f"no entry of the table is for the topic {message.topic[:200]!r}")
        rule, places = found
        if message.retained and not rule.spec.retained:
            # It may be from any time, and would look as if it were from now.
            self.notes["retained messages passed over"] += 1
            return []
        most = self._most_bytes if rule.spec.format == "senml" else LARGEST_TREE
        if len(message.payload) > most:
            raise BadInput("too-large", f"{len(message.payload)} bytes in one message; {most} are read")
        if rule.spec.format == "senml":
            return [self._pack(rule, places, message)]
        return [source_message(event, self._partitions) for event in self._events(rule, places, message)]

    def _events(self, rule: Rule, places: list[str], message: Arrived) -> Iterable[SourceEvent]:
        at = from_ms(message.at)
        if rule.lorawan is not None:
            frames = self._frames.setdefault(id(rule), Frames(rule.lorawan, "lorawan", self.notes))
            return list(frames.read(message.payload))
        if rule.spec.format == "sparkplug":
            host = self._hosts.setdefault(id(rule), Host(rule, self.notes))
            events = host.read(message.topic, message.payload, at)
            self.commands += host.take_commands()
            return events
        return [self._json(rule, places, message.payload, at)]

    def _json(self, rule: Rule, places: list[str], payload: bytes, at: datetime) -> Report:
        tree, fields = decode_tree(payload), rule.fields
        assert fields is not None
        assert rule.element is not None
        if rule.spec.time:
            at = moment(pick(tree, rule.spec.time), rule.spec.time_kind)
        values: dict[str, float | None] = {}
        for path in fields:
            fields.take(values, path, pick(tree, path))
        if all(value is None for value in values.values()):
            raise BadInput("empty", f"none of the table's fields is in it: {', '.join(fields)}"[:500])
        return fields.report(rule.element.make(places), at, values, "mqtt", whole=True)

    def _pack(self, rule: Rule, places: list[str], message: Arrived) -> Out:
        """A pack goes on as it is: who reads it, reads the name of its element as the key."""
        key = rule.element.make(places) if rule.element is not None else ""
        partition = partition_of(key, self._partitions) if key else 0
        type_ = f"application/senml+{senml_pack.form(message.payload)}"
        digest = blake2b(message.topic.encode() + b"\0" + message.payload, digest_size=12).hexdigest()
        head = headers(type_, f"mqtt/{message.at}/{digest}", key, message.at, "mqtt")
        return SOURCES["senml"].name, Message(partition, key, message.at, message.payload, head)
