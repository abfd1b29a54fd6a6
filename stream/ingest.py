"""Source formats -> `twin.inbox`; what can't be read -> `telemetry.rejected`. Stateless."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from stream.batching import Mailbox, RejectLimit
from stream.broker import Message, Producer, to_record
from stream.decode import ALARM, REPORT, TOPOLOGY, decode
from stream.outlets import ENCODER, rejected
from stream.partition import partition_of
from stream.patience import patiently
from stream.sources.senml import reports as senml_reports
from stream.topics import INBOX, OUTLETS, SOURCES, headers
from twin import dn
from twin.errors import BadInput
from twin.events import Alarm, Report, TopologyChange
from twin.log import LogRecord

ALL = -1
"""Stands for every partition: what concerns the whole network."""


class Entry(NamedTuple):
    """One record on its way into the log."""

    partition: int
    key: str
    type: str
    time: int
    value: bytes


def entries(kind: str, record: LogRecord, partitions: int, max_bytes: int) -> list[Entry]:
    """What a source's message becomes in the log.

    Args:
        kind: Of the source, a key of `SOURCES`.
        max_bytes: Larger messages are rejected unread [byte].

    Raises:
        BadInput: It can't be used.
    """
    if len(record.value) > max_bytes:
        raise BadInput(
            "too-large", f"{len(record.value)} bytes, the limit is {max_bytes}: split it, or raise the limit"
        )
    if kind == "senml":
        return [
            Entry(partition_of(report.element, partitions), report.element, REPORT, record.time, ENCODER.encode(report))
            for report in senml_reports(record.value, record.key, record.time)
        ]
    event = decode(record.type, record.value)
    if isinstance(event, Report):
        return [
            Entry(partition_of(dn.check(event.element), partitions), event.element, REPORT, record.time, record.value)
        ]
    if isinstance(event, TopologyChange):
        return [Entry(ALL, event.source or event.id, TOPOLOGY, record.time, record.value)]
    assert isinstance(event, Alarm)
    return [
        Entry(partition_of(event.object_instance, partitions), event.object_instance, ALARM, record.time, record.value)
    ]


class Ingest:
    """One source topic: takes its events, writes to the log, acknowledges what the log has.

    Args:
        kind: Of the source, a key of `SOURCES`.
        on_fatal: Called with the error that ends this task.
    """

    def __init__(
        self,
        kind: str,
        producer: Producer,
        partitions: int,
        prefix: str,
        batch: int,
        wait_s: float,
        max_bytes: int,
        limit: RejectLimit,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._kind = kind
        self._producer = producer
        self._partitions = partitions
        self._prefix = prefix
        self._batch, self._wait_s, self._max_bytes = batch, wait_s, max_bytes
        self._limit = limit
        self._on_fatal = on_fatal
        self.queue: Mailbox[Any] = Mailbox(4 * batch)

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                await self._process(await self.queue.take(self._batch, self._wait_s))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the worker must stop, whatever it is
            self._on_fatal(error)

    async def _process(self, events: list[Any]) -> None:
        source = SOURCES[self._kind]
        into_log: list[Message] = []
        refused: list[Message] = []
        verdicts: list[str] = []
        for event in events:
            record = to_record(event.message, source.event)
            try:
                found = entries(self._kind, record, self._partitions, self._max_bytes)
            except BadInput as error:
                out = rejected(source.name, record, error)
                type_ = OUTLETS["rejected"].event
                refused.append(
                    Message(
                        record.partition % self._partitions,
                        out.key,
                        out.time,
                        out.value,
                        headers(type_, out.id, out.key, out.time),
                    )
                )
                verdicts.append(str(error))
                continue
            verdicts.append("")
            for number, entry in enumerate(found):
                id_ = f"{source.name}-{record.partition}-{record.offset}-{number}"
                head = headers(entry.type, id_, entry.key, entry.time, source.name)
                targets = range(self._partitions) if entry.partition == ALL else (entry.partition,)
                into_log.extend(Message(p, entry.key, entry.time, entry.value, head) for p in targets)

        async def send() -> None:
            await asyncio.gather(
                self._producer.send(self._prefix + INBOX.name, into_log),
                self._producer.send(self._prefix + OUTLETS["rejected"].name, refused),
            )

        await patiently(f"writing {source.name} to the log", send)
        # After sending: the message that passes the limit can be looked at, too.
        for verdict in verdicts:
            self._limit.note(bool(verdict), verdict)
        for event in events:
            event.ack()
