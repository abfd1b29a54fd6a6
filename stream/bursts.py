"""The burst worker: requests -> pool of processes -> results into the log, progress beside it.

A request's offset is committed when its answer is in the log; whoever is killed before leaves it to the next worker.
The broker is polled all the time, however long a burst takes, so a long one loses no partition.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Coroutine
from typing import Any

from infra import metrics as m
from infra.settings import Settings
from stream.batching import RejectLimit
from stream.broker import Message, Producer
from stream.burst.answers import Answer, into_log, read, without_result
from stream.burst.child import JOB
from stream.burst.computing import Computing
from stream.burst.desk import Desk, Open
from stream.burst.group import BurstGroup
from stream.burst.health import BurstBoard
from stream.burst.probe import Tracing
from stream.burst.telling import Teller, wall_ms
from stream.engine.patience import INGEST, PUBLISH, Waits, patiently
from stream.engine.security import kafka_security
from stream.health.reach import LogEnds
from stream.health.watch import Watch, limits_of
from stream.outlets import rejected
from stream.topics import INBOX, OUTLETS, headers
from twin.errors import BadInput
from twin.log import LogRecord
from twin.radio.events import BurstRequest

log = logging.getLogger("lockstep.bursts")

REQUESTS = OUTLETS["bursts"]
POLL_MS = 100
LEAVE_S = 1.5
"""How long each step of leaving may take with the broker away [s]."""
STATUS = {"done": "FINISHED", "failed": "FAILED", "cancelled": "CANCELLED"}


class BurstWorker:
    """Answers requests until it is told to stop.

    Args:
        partitions: Of the log.
        tracing: What rays can be traced on here; without a device every request is answered `failed`.
        job: Where the work is, as `module:function`.
    """

    def __init__(self, settings: Settings, bootstrap: str, partitions: int, tracing: Tracing, job: str = JOB) -> None:
        self._settings, self._partitions, self._tracing = settings, partitions, tracing
        self.failure: BaseException | None = None
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._security = kafka_security(settings)
        self._desk = Desk()
        self._board = BurstBoard(limits_of(settings))
        self._producer = Producer(bootstrap, self._security, settings.max_message_bytes)
        self._teller = Teller(self._producer, settings.topic_prefix, self._name)
        self._computing = Computing(settings, tracing, job, self._board.metrics, self._teller)
        self._group = BurstGroup(settings, bootstrap, self._security, REQUESTS.name, self._desk, self._board)
        self._waits = Waits("burst worker", on_retry=lambda step: self._board.metrics.count(m.RETRIES, 1, step.name))
        self._limit = RejectLimit(settings.reject_consecutive, settings.reject_share, settings.reject_window)
        self._ends = LogEnds(bootstrap, self._security, settings.topic_prefix + REQUESTS.name)
        self._watch = Watch(self._board, settings, "", self._ends, self._name, ("bursts",), self._fatal)
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Work until a signal. Returns the exit status: 0 after a signal, 1 after a failure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        try:
            await self._producer.start()
            await self._watch.on_start()
            await self._group.start()
            self._begin(self._teller.run())
            self._begin(self._work())
            await self._stop.wait()
        finally:
            await self._leave()
        return 1 if self.failure else 0

    # Reading -------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            records = await self._group.read(POLL_MS)
            generation = self._group.generation
            for record in records:
                await self._take(record)
                if self._group.generation != generation:
                    break
            await self._group.look()
            self._start()
            await self._group.commit()
            self._show()

    async def _take(self, record: LogRecord) -> None:
        settings = self._settings
        try:
            event = read(record, self._partitions, settings.max_message_bytes)
        except BadInput as error:
            await self._reject(record, error)
            self._desk.nothing(record.partition, record.offset)
            self._limit.note(True, str(error))
            return
        self._limit.note(False, "")
        if isinstance(event, BurstRequest):
            new = self._desk.request(record.partition, record.offset, event)
            if new is not None:
                self._teller.tell(event, "NOT_STARTED", "queued")
            return
        stopped = self._desk.control(record.partition, record.offset, event)
        if stopped is not None:
            self._teller.tell(stopped.request, "CANCELLING")

    async def _reject(self, record: LogRecord, error: BadInput) -> None:
        out = rejected(REQUESTS.name, record, error)
        head = headers(OUTLETS["rejected"].event, out.id, out.key, out.time)
        message = Message(record.partition % self._partitions, out.key, out.time, out.value, head)
        topic = self._settings.topic_prefix + OUTLETS["rejected"].name
        await patiently(PUBLISH, lambda: self._producer.send(topic, [message]), self._waits)
        self._board.metrics.count(m.REJECTED, 1, "ingest", error.reason)

    # Working -------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Begin what can be begun."""
        for one in self._desk.stopped():
            one.running = True
            self._begin(self._answer(one, without_result(one.request, "cancelled", one.stop)))
        while self._busy < self._settings.burst_processes and (due := self._desk.next()) is not None:
            due.running = True
            self._busy += 1
            self._begin(self._burst(due))

    async def _burst(self, one: Open) -> None:
        try:
            self._teller.tell(one.request, "IN_PROGRESS", "start")
            found = await self._computing.answer(one)
        finally:
            self._busy -= 1
        if found is not None:
            await self._answer(one, found)
        else:
            self._desk.dropped(one)

    async def _answer(self, one: Open, found: Answer) -> None:
        """Put an answer into the log; until it is there, the request counts as open."""
        message = into_log(one.request, found.body, wall_ms())
        topic = self._settings.topic_prefix + INBOX.name
        await patiently(INGEST, lambda: self._producer.send(topic, [message]), self._waits)
        self._desk.answered(one)
        self._board.metrics.count(m.BURSTS, 1, found.outcome)
        percent = 100.0 if found.outcome == "done" else 0.0
        self._teller.tell(one.request, STATUS[found.outcome], found.outcome, percent, detail=found.reason)  # type: ignore[arg-type]
        log.info("burst %s: %s%s", one.request.id, found.outcome, f": {found.reason}" if found.reason else "")

    def _show(self) -> None:
        self._board.metrics.set(m.BURSTS_OPEN, len(self._desk))
        self._watch.about["bursts"] = {"open": len(self._desk), "running": self._busy, "device": self._tracing.device}

    # Ending --------------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fatal(error)

    def _fatal(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
            self._board.failure = str(error) or repr(error)
            log.critical("stopping: %s", error, exc_info=error)
        self._stop.set()

    async def _leave(self) -> None:
        """Stop computing, which is done again by whoever comes; commit what is answered; disconnect."""
        self._computing.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._computing.join()
        await self._group.stop(LEAVE_S)
        for ending in (self._teller.flush(), self._producer.stop(), self._watch.on_stop()):
            # aiokafka lets the end of its own tasks out as if it were ours: hence a task for each.
            await asyncio.wait([asyncio.ensure_future(ending)], timeout=LEAVE_S)
