"""The keeper of models: reads what the fold tells of them, decides, writes transitions, records, starts trainings.

It holds no state of its own that matters: the registry is the topic of models and the database, the evidence is the
topic of comparisons and the database. Killed, it begins anew; two of them decide alike and write the same ids.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from time import monotonic

import msgspec

from infra import metrics as m
from infra.settings import Settings
from infra.store import models as store
from models.registry import REMEMBERED
from stream.broker import Producer
from stream.burst.reading import heard
from stream.decode import decode, from_ms
from stream.engine.patience import PUBLISH, WAITS_S, WRITE, Waits, patiently
from stream.engine.security import kafka_security
from stream.health.reach import LogEnds
from stream.health.watch import Watch, limits_of
from stream.registry.keeper_health import KeeperBoard
from stream.registry.keeper_rules import gate_rule, horizons, training_rule
from stream.registry.keeper_training import Training
from stream.registry.keeping import Keeping
from stream.registry.rereading import Rereading
from stream.registry.sending import TOPIC, message
from stream.registry.view import candidate, transition
from stream.topics import OUTLETS
from twin.errors import BadInput, Unavailable
from twin.events import Drift, Score
from twin.log import LogRecord
from twin.model_events import ModelCandidate, ModelComparison, ModelTransition

log = logging.getLogger("lockstep.keeper")

COMPARISONS, SCORES, DRIFT = (OUTLETS[kind].name for kind in ("comparisons", "scores", "drift"))
LOOK_S = 1.0
"""Between two looks at the evidence."""
AGAIN_S = 30.0
"""A transition that hasn't come back by then is written again."""
EVIDENCE = timedelta(days=100)
QUEUE = 10_000
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Heard = tuple[str, LogRecord] | None
"""A topic without prefix and a record of it; None: all that was there is read."""
Fed = tuple[int, Heard | Unavailable]
"""By which reader."""


class Keeper:
    """Keeps the models of one log until it is told to stop.

    Args:
        partitions: Of the log.
    """

    def __init__(self, settings: Settings, bootstrap: str, dsn: str, partitions: int) -> None:
        self._settings, self._bootstrap, self._dsn, self._partitions = settings, bootstrap, dsn, partitions
        self._security = kafka_security(settings)
        self._producer = Producer(bootstrap, self._security, settings.max_message_bytes)
        self._board = KeeperBoard(limits_of(settings))
        self._waits = Waits("keeper", on_retry=lambda step: self._board.metrics.count(m.RETRIES, 1, step.name))
        self._training = Training(settings.train_command, self._trained)
        ends = LogEnds(bootstrap, self._security, settings.topic_prefix + TOPIC)
        name = f"{socket.gethostname()}:{os.getpid()}"
        self._watch = Watch(self._board, settings, dsn, ends, name, ("keeper",), self._fatal)
        self._stop = asyncio.Event()
        self.failure: BaseException | None = None
        self._keeping = self._new()
        self._recorded: set[str] = set()
        self._rereading: Rereading | None = None
        self._sent: dict[str, float] = {}
        self._failed = 0

    async def run(self) -> int:
        """Work until a signal. Returns the exit status: 0 after a signal, 1 after a failure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        await self._producer.start()
        await self._watch.on_start()
        work, stopped = asyncio.create_task(self._work()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait([work, stopped], return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            for task in (work, stopped):
                task.cancel()
            await asyncio.gather(work, stopped, return_exceptions=True)
            await self._training.stop()
            await self._watch.on_stop()
            await self._producer.stop()
        return 1 if self.failure else 0

    def _fatal(self, error: BaseException) -> None:
        """The watch has found something that only a restart mends."""
        self.failure = error
        self._stop.set()

    async def _work(self) -> None:
        """Read from the beginning, as often as broker or database go away."""
        while True:
            try:
                tried = self._keeping.tried
                self._keeping = self._new()
                self._keeping.tried = tried
                await self._restore()
                await self._follow()
            except Unavailable as error:
                self._board.behind(f"{error}: it begins to read anew")
                pause = WAITS_S[min(self._failed, len(WAITS_S) - 1)]
                self._failed += 1
                log.warning("%s; beginning anew in %.1f s", error, pause)
                await asyncio.sleep(pause)

    def _new(self) -> Keeping:
        return Keeping(horizons(self._settings), gate_rule(self._settings), training_rule(self._settings))

    # Reading -------------------------------------------------------------------------------------------------------

    async def _restore(self) -> None:
        """What the database knows: a log that was made anew has none of it."""
        known = {one.model: one for one in await asyncio.to_thread(store.models, self._dsn)}
        newest = from_ms(0)
        steps = await asyncio.to_thread(store.lives, self._dsn)
        # Where nothing is recorded, everything is new.
        self._rereading = Rereading([step.id for step in steps]) if steps else None
        for step in steps:
            self._recorded.add(step.id)
            newest = max(newest, step.time)
            if step.state == "candidate":
                body = await asyncio.to_thread(store.artifact_of, self._dsn, step.model)
                if body is not None:
                    self._take(candidate(known[step.model], body))
            else:
                self._take(transition(step))
        since = max(newest - EVIDENCE, from_ms(0))
        alive = self._keeping.registry.alive()
        for body in await asyncio.to_thread(store.comparisons, self._dsn, since, alive):
            self._hear(COMPARISONS, body)

    async def _follow(self) -> None:
        """Read the topics, and look at the evidence in between once all that was there is read."""
        queue: asyncio.Queue[Fed] = asyncio.Queue(QUEUE)
        readers = [
            asyncio.create_task(_feed(0, self._heard([TOPIC], 1), queue)),
            asyncio.create_task(_feed(1, self._heard([COMPARISONS, SCORES, DRIFT], self._partitions), queue)),
        ]
        behind = {0, 1}
        looked = 0.0
        try:
            while True:
                reader, one = await queue.get()
                if isinstance(one, Unavailable):
                    raise one
                if one is not None:
                    await self._read(*one)
                    continue
                behind.discard(reader)
                if reader == 0 and self._rereading is not None:
                    held, self._rereading = self._rereading.new(), None
                    for event in held:
                        await self._enter(event)
                if not behind and monotonic() - looked >= LOOK_S:
                    looked, self._failed = monotonic(), 0
                    await self._look()
        finally:
            for task in readers:
                task.cancel()
            await asyncio.gather(*readers, return_exceptions=True)

    def _heard(self, topics: list[str], partitions: int) -> AsyncIterator[Heard]:
        return heard(self._bootstrap, self._security, self._settings.topic_prefix, topics, partitions, follow=True)

    async def _read(self, topic: str, record: LogRecord) -> None:
        if topic != TOPIC:
            self._hear(topic, record.value)
            return
        try:
            event = decode(record.type, record.value)
        except BadInput:  # ingest rejects it, and says so
            return
        if isinstance(event, ModelCandidate | ModelTransition):
            self._sent.pop(event.id, None)
            if self._rereading is not None:
                self._rereading.add(event)
            else:
                await self._enter(event)

    async def _enter(self, event: ModelCandidate | ModelTransition) -> None:
        if event.id not in self._recorded and self._take(event):
            await self._record(event)

    def _hear(self, topic: str, value: bytes) -> None:
        try:
            if topic == COMPARISONS:
                self._keeping.comparison(msgspec.json.decode(value, type=ModelComparison))
            elif topic == SCORES:
                self._keeping.score(msgspec.json.decode(value, type=Score))
            elif topic == DRIFT:
                self._keeping.drift(msgspec.json.decode(value, type=Drift))
        except (*_UNREADABLE, BadInput) as error:
            log.warning("an outlet on %s can't be read: %s", topic, error)

    def _take(self, event: ModelCandidate | ModelTransition) -> bool:
        try:
            if isinstance(event, ModelCandidate):
                return self._keeping.candidate(event)
            return self._keeping.transition(event)
        except BadInput as error:
            log.warning("%s: %s", event.id, error)
            return False

    async def _record(self, event: ModelCandidate | ModelTransition) -> None:
        async def write() -> None:
            if isinstance(event, ModelCandidate):
                await asyncio.to_thread(store.record_candidate, self._dsn, event)
            else:
                await asyncio.to_thread(store.record_transition, self._dsn, event)

        await patiently(WRITE, write, self._waits)
        self._recorded.add(event.id)
        self._board.metrics.count(m.TRANSITIONS, 1, _state(event))
        what = _state(event) + ("" if isinstance(event, ModelCandidate) else f", {event.reason}")
        log.info("%s: %s", event.model, what)

    # Deciding ------------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        now = monotonic()
        self._board.in_step()
        self._board.count(self._keeping.registry.versions.values())
        while len(self._sent) > REMEMBERED:
            del self._sent[next(iter(self._sent))]
        due = [t for t in self._keeping.decisions() if now - self._sent.get(t.id, -AGAIN_S) >= AGAIN_S]
        if due:
            topic = self._settings.topic_prefix + TOPIC
            await patiently(PUBLISH, lambda: self._producer.send(topic, [message(t) for t in due]), self._waits)
            self._sent |= {t.id: now for t in due}
        if self._training.wanted and (why := self._keeping.training(self._training.running())):
            self._keeping.begins_training()
            self._board.begins()
            await self._training.start(why)

    def _trained(self, well: bool) -> None:
        self._board.trained(well)
        self._keeping.ends_training(well)


def _state(event: ModelCandidate | ModelTransition) -> str:
    return "candidate" if isinstance(event, ModelCandidate) else event.state


async def _feed(number: int, source: AsyncIterator[Heard], queue: asyncio.Queue[Fed]) -> None:
    try:
        async for one in source:
            await queue.put((number, one))
    except Unavailable as error:
        await queue.put((number, error))


def run_keeper(settings: Settings) -> int:
    """Find the services, then work until a signal."""
    from infra.store.migrate import migrate
    from stream.app import prepare_topics
    from stream.services import running

    services = running(settings)
    migrate(services.dsn, settings.keep())
    prepare_topics(settings.model_copy(update={"partitions": services.partitions}), services.bootstrap)

    async def run() -> int:
        return await Keeper(settings, services.bootstrap, services.dsn, services.partitions).run()

    with suppress(KeyboardInterrupt):
        return asyncio.run(run())
    return 0
