"""The composition root: wires topics, agents and services into one Faust app."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import faust
from faust.types import TP

from infra.settings import Settings
from infra.store.migrate import migrate
from infra.store.writer import ShardStore
from stream.batching import RejectLimit
from stream.broker import Producer, create_topics
from stream.config import ShardConfig, shard_config
from stream.engine.chunks import parts
from stream.engine.collector import settle
from stream.engine.faust_app import faust_app, raw_topic
from stream.engine.security import kafka_security
from stream.fold import PartitionFold
from stream.guarding import guard
from stream.health.board import Board
from stream.health.reach import LogEnds
from stream.health.watch import Watch, limits_of
from stream.housekeeping import keep_house
from stream.ingest import Ingest
from stream.log_slices import read_log
from stream.raw_messages import RawMessages
from stream.shard import Shard
from stream.sources.profile import full_catalogue
from stream.sources.teiv_model import model_of
from stream.ticking import Ticker
from stream.topics import INBOX, SOURCES
from stream.tracing import tracer
from twin.counters import Catalogue
from twin.errors import ConfigurationError, Unavailable
from twin.log import LogRecord

log = logging.getLogger("lockstep.app")

DISCONNECT_S = 1.0
"""How long disconnecting from the broker may take."""
STOP_SHARE = 0.7
"""Of the session timeout, in which folds must have let go of their partitions: later the group evicts the worker."""


class LockstepApp:
    """One worker: ingest agents, fold agents, and what they stand on.

    Args:
        settings: Everything it needs to know.
        bootstrap: Of the broker.
        dsn: Of the database.
        catalogue: The counters it accepts.
        roles: Any of `ingest` and `fold`.
    """

    def __init__(
        self,
        settings: Settings,
        bootstrap: str,
        dsn: str,
        catalogue: Catalogue,
        roles: tuple[str, ...] = ("ingest", "fold"),
    ) -> None:
        self.settings = settings
        self.bootstrap = bootstrap
        self.failure: BaseException | None = None
        self._catalogue = catalogue
        self.dsn = dsn
        self._config = shard_config(settings)
        check(self._config, catalogue, roles)
        self._security = kafka_security(settings)
        self._store = ShardStore(dsn)
        self.tracer = tracer(settings)
        self._producer: Producer | None = None
        self._connecting = asyncio.Lock()
        self._folds: dict[int, tuple[PartitionFold, asyncio.Task[None]]] = {}
        self._ingests: dict[str, tuple[Ingest, asyncio.Task[None]]] = {}
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self.board = Board(limits_of(settings))
        self._ends = LogEnds(bootstrap, self._security, settings.topic_prefix + INBOX.name)
        self.faust = faust_app(settings, bootstrap)
        self.watch = Watch(self.board, settings, dsn, self._ends, self._owner, roles, self._fatal)
        self.faust.on_partitions_assigned.connect(self._on_assigned)
        self.faust.on_partitions_revoked.connect(self._on_revoked)
        self.faust.on_before_shutdown.connect(self._on_shutdown)
        if "fold" in roles:
            self._agent(INBOX.name, self._fold)
            self.faust.task(self._keep_house)
        if "ingest" in roles:
            for kind, topic in SOURCES.items():
                self._agent(topic.name, self._ingest(kind))

    def _agent(self, topic: str, handler: Any) -> None:
        source = raw_topic(self.faust, self.settings.topic_prefix + topic)
        self.faust.agent(source, name=f"lockstep.{topic}")(handler)

    # An exception that leaves an agent's loop loses events without a word: handlers only hand over, what can fail
    # runs in tasks of its own, whose failure stops the worker.
    async def _fold(self, stream: Any) -> None:
        async for event in stream.noack().events():
            if self.failure is None:  # a fold that failed must not be begun anew while the worker stops
                queue = (await self._fold_of(event.message.partition)).queue
                for part in parts(event):
                    await queue.put(part)

    def _ingest(self, kind: str) -> Any:
        async def handler(stream: Any) -> None:
            async for event in stream.noack().events():
                queue = (await self._ingest_of(kind)).queue
                for part in parts(event):
                    await queue.put(part)

        return handler

    async def _fold_of(self, partition: int) -> PartitionFold:
        producer = await self._connected()
        known = self._folds.get(partition)
        if known is not None and not known[1].done():
            return known[0]
        settings = self.settings
        fold = PartitionFold(
            partition,
            lambda: Shard(partition, self._config, self._catalogue),
            self._store,
            producer,
            self._read_log,
            self._log_end,
            self._limit(),
            self._fatal,
            prefix=settings.topic_prefix,
            log_id=settings.log_id,
            owner=self._owner,
            batch=settings.batch_reports,
            wait_s=settings.batch_wait_ms / 1000,
            snapshot_every_s=settings.snapshot_every_s,
            progress=self.board.partition(partition),
            ticker=Ticker(partition, producer, settings.topic_prefix, settings.tick_s) if settings.tick_s else None,
            tracer=self.tracer,
            partitions=settings.partitions,
        )
        self._folds[partition] = (fold, asyncio.create_task(fold.run()))
        return fold

    async def _ingest_of(self, kind: str) -> Ingest:
        producer = await self._connected()
        known = self._ingests.get(kind)
        if known is not None:
            return known[0]
        settings = self.settings
        ingest = Ingest(
            kind,
            producer,
            settings.partitions,
            settings.topic_prefix,
            settings.batch_reports,
            settings.batch_wait_ms / 1000,
            guard(kind, settings),
            self._limit(),
            self._fatal,
            progress=self.board.source(kind),
            tracer=self.tracer,
            teiv=model_of(settings.teiv_model),
            raw=RawMessages(full_catalogue(settings.profiles, settings.vendors), settings.source_options),
        )
        self._ingests[kind] = (ingest, asyncio.create_task(ingest.run()))
        return ingest

    async def _keep_house(self) -> None:
        await keep_house(self.dsn)

    def _limit(self) -> RejectLimit:
        return RejectLimit(self.settings.reject_consecutive, self.settings.reject_share, self.settings.reject_window)

    async def _connected(self) -> Producer:
        async with self._connecting:
            if self._producer is None:
                settings = self.settings
                producer = Producer(self.bootstrap, self._security, settings.max_message_bytes, settings.compression)
                await producer.start()
                self._producer = producer
        return self._producer

    def _read_log(self, partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]:
        return read_log(
            self.bootstrap, self._security, self.settings.topic_prefix + INBOX.name, partition, start, stop, ""
        )

    async def _log_end(self, partition: int) -> int:
        return (await self._ends.ask([partition]))[partition]

    async def _on_assigned(self, _app: Any, assigned: set[TP], **_: Any) -> None:
        """Claim at once, whether or not anything is delivered."""
        for tp in assigned:
            if tp.topic == self.settings.topic_prefix + INBOX.name and self.failure is None:
                await self._fold_of(tp.partition)
        self.board.shared_out("settled")

    async def _on_revoked(self, _app: Any, revoked: set[TP], **_: Any) -> None:
        """Let go of partitions within a bound: what isn't committed by then is folded by the next owner."""
        self.board.shared_out("rebalancing")
        names = {tp.partition for tp in revoked if tp.topic == self.settings.topic_prefix + INBOX.name}
        await self._let_go(names)

    async def _let_go(self, partitions: set[int]) -> None:
        leaving = [self._folds.pop(p) for p in partitions & set(self._folds)]
        for partition in partitions:
            self.board.gone(partition)
        # A full queue takes the word to stop only when there is room: that counts as part of the time it has.
        asked = [asyncio.create_task(fold.stop()) for fold, task in leaving if not task.done()]
        if leaving:
            within = STOP_SHARE * self.settings.broker_session_timeout_s
            _, pending = await asyncio.wait([task for _, task in leaving], timeout=within)
            for task in [*pending, *asked]:
                task.cancel()
            await asyncio.gather(*pending, *asked, return_exceptions=True)

    async def _on_shutdown(self, _app: Any, **_: Any) -> None:
        """Finish folds, disconnect."""
        await self._let_go(set(self._folds))
        for _ingest, task in self._ingests.values():
            task.cancel()
        if self._producer is not None:
            # What it still holds is not acknowledged: with the broker away there is nothing to wait for.
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._producer.stop(), DISCONNECT_S)
        await self._store.close()

    def _fatal(self, error: BaseException) -> None:
        self.failure = error
        self.board.failure = str(error) or repr(error)
        log.critical("stopping: %s", error, exc_info=error)
        asyncio.get_running_loop().create_task(self.faust.crash(error))


def run_worker(app: LockstepApp, loglevel: str) -> int:
    """Prepare topics and schema, then work until a signal.

    Returns:
        The exit status: 0 after a signal, 1 after a failure.
    """
    settings = app.settings
    migrate(app.dsn, settings.keep())
    prepare_topics(settings, app.bootstrap)
    # Faust makes its own directories below it, but not this one; what it can't make, it says with a traceback.
    try:
        Path(settings.state_dir).mkdir(mode=0o711, parents=True, exist_ok=True)
        (Path(settings.state_dir) / "faust" / "v1" / "tables").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"the state directory can't be used ({error}): make room, or set LOCKSTEP_STATE_DIR"
        ) from error
    settle()
    worker = faust.Worker(app.faust, app.watch, loglevel=loglevel, quiet=True, console_port=None)
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        return 1 if app.failure else int(stop.code or 0)
    finally:
        app.tracer.close()
    return 1 if app.failure else 0


def check(config: ShardConfig, catalogue: Catalogue, roles: tuple[str, ...]) -> None:
    """Refuse what would run and do nothing.

    Raises:
        ConfigurationError: A role doesn't exist, or a target speaks of a counter that the twin has no expectation of.
    """
    strange = set(roles) - {"ingest", "fold"}
    if strange or not roles:
        raise ConfigurationError(
            f"there is no role {', '.join(sorted(strange)) or 'given'}: choose ingest, fold or both"
        )
    for target in config.targets:
        if not catalogue.tracked(target.counter):
            known = ", ".join(sorted(counter.name for counter in catalogue if counter.tracked))
            raise ConfigurationError(f"the target {target.name} can't be predicted; counters that can: {known}")


def prepare_topics(settings: Settings, bootstrap: str) -> None:
    """Create the topics that don't exist yet; see `create_topics`."""
    # Twice: what a message becomes in the log, or says when it is rejected, may be longer than itself.
    largest = 2 * settings.max_message_bytes
    security = kafka_security(settings)
    asyncio.run(
        create_topics(bootstrap, security, settings.partitions, settings.replication, settings.topic_prefix, largest)
    )
