"""Sparkplug B as a host application reads it: births and deaths give liveness, data give reports.

An edge node's birth names its metrics and their aliases; it, and its devices, are then `connected` in what they report
of themselves, until a death says otherwise. A death belongs to the birth with the same `bdSeq`: one that comes late
from a session that is over says nothing. Messages are numbered by `seq`; a gap means that something was lost: the next
birth is needed to know what is true, and asked for where the table says so.

Source: Eclipse Sparkplug 3.0.0, 4 and 5.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from stream.decode import from_ms, to_ms
from stream.source_messages import SourceEvent
from stream.sources.mqtt_table import Rule
from stream.sources.sparkplug_payload import MOST_METRICS, Metric, Payload, read, write
from twin import dn
from twin.errors import BadInput
from twin.events import Entity, TopologyChange

MOST_NODES: Final = 10_000
MOST_DEVICES: Final = 2_000
"""Of one edge node."""

KINDS: Final = ("NBIRTH", "NDEATH", "DBIRTH", "DDEATH", "NDATA", "DDATA")
PASSED_OVER: Final = ("NCMD", "DCMD", "STATE")
REBIRTH: Final = "Node Control/Rebirth"
BD_SEQ: Final = "bdSeq"
_BOOLEAN: Final = 11


@dataclass(slots=True)
class Node:
    """An edge node.

    Attributes:
        bd_seq: Of its birth; -1: it said none.
        seq: Of its newest message; -1 before a birth.
        aliases: By device, "" the node itself: alias -> metric.
        alive: The devices that are; the node itself is in it as "".
        asked: A birth has been asked for and has not come.
    """

    bd_seq: int = -1
    seq: int = -1
    aliases: dict[str, dict[int, str]] = field(default_factory=dict)
    alive: set[str] = field(default_factory=set)
    asked: bool = False


class Remembered(msgspec.Struct, frozen=True):
    """What outlives a restart of an edge node: its birth. Numbers of messages don't: the next one is a gap."""

    group: str
    edge: str
    bd_seq: int
    alive: list[str]
    aliases: dict[str, dict[int, str]]


class Host:
    """Reads the messages of all edge nodes that one entry of the table is for.

    Args:
        notes: Is told what was left out, or missing.

    Attributes:
        changed: A birth or a death has come since somebody last set this to False.
    """

    def __init__(self, rule: Rule, notes: Counter[str]) -> None:
        assert rule.element is not None
        assert rule.device is not None
        assert rule.fields is not None
        self._element, self._device, self._fields = rule.element, rule.device, rule.fields
        self._ask, self.notes = rule.spec.rebirth, notes
        self.changed = False
        self._nodes: dict[tuple[str, str], Node] = {}
        self._commands: list[tuple[str, bytes]] = []

    def take_commands(self) -> list[tuple[str, bytes]]:
        """What is to be published: topics and payloads."""
        taken, self._commands = self._commands, []
        return taken

    def remember(self) -> list[Remembered]:
        """The births that are known."""
        return [
            Remembered(group, edge, node.bd_seq, sorted(node.alive), node.aliases)
            for (group, edge), node in sorted(self._nodes.items())
            if node.alive
        ]

    def recall(self, known: list[Remembered]) -> None:
        """Take over what `remember` gave."""
        for one in known[:MOST_NODES]:
            self._nodes[one.group, one.edge] = Node(one.bd_seq, -1, one.aliases, set(one.alive))

    def read(self, topic: str, payload: bytes, at: datetime) -> list[SourceEvent]:
        """What a message says.

        Args:
            at: When it came: a death has no time of its own.

        Raises:
            BadInput: bad-name, it is no topic of Sparkplug; malformed; too-large; too-many.
        """
        parts = topic.split("/")
        if parts[1:2] == ["STATE"] or (len(parts) > 2 and parts[2] in PASSED_OVER):
            self.notes["commands and states passed over"] += 1
            return []
        if not 4 <= len(parts) <= 5 or parts[0] != "spBv1.0" or parts[2] not in KINDS or not all(parts):
            raise BadInput("bad-name", f"{topic[:200]!r} is no topic of Sparkplug B")
        kind, group, edge, device = parts[2], parts[1], parts[3], parts[4] if len(parts) == 5 else ""
        if (kind[0] == "D") != bool(device):
            raise BadInput("bad-name", f"{kind} is {'' if device else 'not '}of an edge node: {topic[:200]!r}")
        told = read(payload)
        node = self._node(group, edge)
        self.changed |= kind not in ("NDATA", "DDATA")
        if kind == "NDEATH":
            return self._node_died(node, group, edge, told, at)
        if kind == "NBIRTH":
            self._born(node, told)
        else:
            self._follow(node, group, edge, told)
        if kind == "DDEATH":
            node.alive.discard(device)
            node.aliases.pop(device, None)
            return [self._liveness(group, edge, [device], told, at, alive=False)]
        events: list[SourceEvent] = []
        if kind in ("NBIRTH", "DBIRTH"):
            if device not in node.alive and len(node.alive) >= MOST_DEVICES:
                raise BadInput("too-many", f"edge node {edge[:80]!r} has more than {MOST_DEVICES} devices")
            node.aliases[device] = {m.alias: m.name for m in told.metrics if m.alias is not None and m.name}
            node.alive.add(device)
            events.append(self._liveness(group, edge, [device], told, at, alive=True))
        events += self._reports(node, group, edge, device, told, at)
        return events

    def _node(self, group: str, edge: str) -> Node:
        node = self._nodes.get((group, edge))
        if node is None:
            if len(self._nodes) >= MOST_NODES:
                raise BadInput("too-many", f"more than {MOST_NODES} edge nodes: divide them over several tables")
            node = self._nodes[group, edge] = Node()
        return node

    def _born(self, node: Node, told: Payload) -> None:
        """A new session: what was known of the old one is void."""
        node.bd_seq, node.seq, node.asked = _bd_seq(told), max(told.seq, 0), False
        node.aliases.clear()
        node.alive.clear()

    def _node_died(self, node: Node, group: str, edge: str, told: Payload, at: datetime) -> list[SourceEvent]:
        bd_seq = _bd_seq(told)
        if node.alive and bd_seq != node.bd_seq:
            self.notes["deaths of sessions that were over"] += 1
            return []
        gone = sorted({"", *node.alive})
        node.seq, node.alive, node.aliases = -1, set(), {}
        return [self._liveness(group, edge, gone, told, at, alive=False)]

    def _follow(self, node: Node, group: str, edge: str, told: Payload) -> None:
        if node.seq < 0:
            self.notes["messages before a birth"] += 1
            self._need_birth(node, group, edge)
            return
        if told.seq != (node.seq + 1) % 256:
            self.notes["gaps in seq"] += 1
            self._need_birth(node, group, edge)
        node.seq = told.seq if told.seq >= 0 else node.seq

    def _need_birth(self, node: Node, group: str, edge: str) -> None:
        if node.asked:
            return
        node.asked = True
        self.notes["births needed"] += 1
        if self._ask:
            wanted = Metric(REBIRTH, None, 0, _BOOLEAN, True, False, False, False)
            self._commands.append((f"spBv1.0/{group}/NCMD/{edge}", write(Payload(0, -1, [wanted]))))

    def _name(self, group: str, edge: str, device: str) -> str:
        template = self._device if device else self._element
        return dn.check(template.make([group, edge, device or "-"]))

    def _liveness(
        self, group: str, edge: str, devices: list[str], told: Payload, at: datetime, *, alive: bool
    ) -> TopologyChange:
        """What an edge node or its devices report of themselves: reported, not declared."""
        time = from_ms(told.time) if told.time else at
        entities = [
            Entity(
                dn=self._name(group, edge, device),
                kind="sensor" if device else "element",
                reported={"connected": alive, "connectedChanged": time.isoformat()},
            )
            for device in devices
        ]
        # A death comes from the broker, without a time and maybe twice: its session tells it from others.
        id_ = f"sparkplug/{group}/{edge}/{devices[-1]}/{'birth' if alive else 'death'}/{_bd_seq(told)}/{to_ms(time)}"
        return TopologyChange(id=id_, time=time, entities=entities, source="sparkplug")

    def _reports(
        self, node: Node, group: str, edge: str, device: str, told: Payload, at: datetime
    ) -> list[SourceEvent]:
        """One report a time stamp: what was kept while the connection was down comes with times of its own."""
        aliases = node.aliases.get(device, {})
        found: dict[int, dict[str, float | None]] = {}
        for metric in told.metrics:
            name = metric.name or aliases.get(-1 if metric.alias is None else metric.alias, "")
            if not name:
                self.notes["metrics with an alias that no birth has named"] += 1
                self._need_birth(node, group, edge)
            elif name in self._fields and not isinstance(metric.value, str):
                if metric.value is None and not metric.null:
                    self.notes["metrics that are no single value"] += 1
                    continue
                if metric.historical:
                    self.notes["historical values"] += 1
                time = metric.time or told.time or to_ms(at)
                self._fields.take(found.setdefault(time, {}), name, metric.value)
            elif name not in (BD_SEQ, REBIRTH):
                self.notes["metrics that the table doesn't name"] += 1
        element = self._name(group, edge, device)
        return [
            self._fields.report(element, from_ms(time), values, "sparkplug", whole=True)
            for time, values in sorted(found.items())
        ]


def _bd_seq(told: Payload) -> int:
    for metric in told.metrics[:MOST_METRICS]:
        if metric.name == BD_SEQ and isinstance(metric.value, int | float):
            return int(metric.value)
    return -1
