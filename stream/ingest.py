"""Source formats -> `twin.inbox`; what can't be read -> `telemetry.rejected`. Stateless."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time
from typing import Any

from stream.batching import Mailbox, RejectLimit
from stream.broker import Message, Producer, to_record
from stream.engine.patience import INGEST, patiently
from stream.guarding import UNCOUNTED, Guard
from stream.health.progress import SourceProgress
from stream.raw_messages import RawMessages
from stream.routing import ALL, RAW, entries
from stream.sources.teiv_model import BUILTIN
from stream.sources.teiv_model import Model as TeivModel
from stream.together import Arrived, together
from stream.topics import INBOX, OUTLETS, SOURCES, headers
from stream.tracing import NO_TRACER, Tracer, now_ns
from twin.errors import BadInput


def wall_ms() -> int:
    """The wall clock [ms since 1970]."""
    return int(time() * 1000)


class Ingest:
    """One source topic: takes its events, writes to the log, acknowledges what the log has.

    Args:
        kind: Of the source, a key of `SOURCES`.
        guard: Who lets messages in.
        on_fatal: Called with the error that ends this task.
        now_ms: The wall clock [ms since 1970].
        teiv: Types that TEIV's events may have.
        raw: Reads what comes as its sender makes it.
    """

    def __init__(
        self,
        kind: str,
        producer: Producer,
        partitions: int,
        prefix: str,
        batch: int,
        wait_s: float,
        guard: Guard,
        limit: RejectLimit,
        on_fatal: Callable[[BaseException], None],
        now_ms: Callable[[], int] = wall_ms,
        progress: SourceProgress | None = None,
        tracer: Tracer = NO_TRACER,
        teiv: TeivModel = BUILTIN,
        raw: RawMessages = RAW,
    ) -> None:
        self._kind = kind
        self._tracer = tracer
        self._teiv, self._raw = teiv, raw
        self.progress = progress or SourceProgress(kind)
        self._now_ms = now_ms
        self._producer = producer
        self._partitions = partitions
        self._prefix = prefix
        self._batch, self._wait_s, self._guard = batch, wait_s, guard
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
        came: list[Arrived] = []
        refused: list[Message] = []
        verdicts: list[str] = []
        now = self._now_ms()
        for event in events:
            record = to_record(event.message, source.event)
            try:
                self._guard.admit(record)
                found = entries(
                    self._kind,
                    record,
                    self._partitions,
                    self._guard.pseudonyms,
                    event.message.headers,
                    self._teiv,
                    self._raw,
                )
            except BadInput as error:
                out, told = self._guard.refusal(record, error)
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
                verdicts.append(str(told))
                continue
            verdicts.append("")
            # When the source's topic got it: the same each time it is read. A producer's clock may be ahead: then ours.
            recorded = min(record.time, now)
            for number, entry in enumerate(found):
                came.append(Arrived(entry, f"{source.name}-{record.partition}-{record.offset}-{number}", recorded))
        into_log: list[Message] = []
        arrived: list[int] = []
        for entry, id_, recorded in together(came):
            head = headers(entry.type, id_, entry.key, entry.time, source.name, recorded)
            targets = range(self._partitions) if entry.partition == ALL else (entry.partition,)
            into_log.extend(Message(p, entry.key, entry.time, entry.value, head) for p in targets)
            arrived.extend(recorded for _ in targets)

        async def send() -> None:
            await asyncio.gather(
                self._producer.send(self._prefix + INBOX.name, into_log),
                self._producer.send(self._prefix + OUTLETS["rejected"].name, refused),
            )

        await patiently(INGEST, send, self.progress)
        self.progress.ingested(verdicts)
        self._tracer.ingested(source.name, into_log, arrived, now_ns())
        # After sending: the message that passes the limit can be looked at, too.
        for verdict in verdicts:
            if verdict.partition(":")[0] not in UNCOUNTED:
                self._limit.note(bool(verdict), verdict)
        for event in events:
            event.ack()
