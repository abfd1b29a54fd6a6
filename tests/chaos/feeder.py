"""Feeds a pipeline at a steady pace in a thread of its own, before, during and after a fault."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from stream.broker import Message, Producer
from stream.decode import REPORT
from stream.partition import partition_of
from stream.sources.emulator import records
from stream.topics import INBOX, SOURCES, headers
from tests.bench.workload import CELLS, elements, reports
from tests.integration.pipeline import PARTITIONS, message_of, network
from twin.errors import Unavailable

MESSAGE_BYTES = 8 << 20
SLICE_S, LOOK_S = 0.05, 0.5
MOST_BEHIND_S = 1.0
"""Of the feed, that workers may be behind between faults [s]."""


class Fed(NamedTuple):
    """A message and the topic it goes to."""

    topic: str
    message: Message


def emulated_log(seed: int, sites: int = 12) -> Iterator[Fed]:
    """What an emulated network with duplicates, late and missing data puts into the log; without end."""
    return (Fed(INBOX.name, message_of(record)) for record in records(network(seed, sites), 1_000_000, PARTITIONS))


def emulated_sources(seed: int, sites: int = 12) -> Iterator[Fed]:
    """The same network, as it sends to the topics of the sources."""
    emulated = network(seed, sites)
    while True:
        for i, item in enumerate(emulated.step()):
            topic = SOURCES[item.kind]
            yield Fed(topic.name, Message(i % (topic.partitions or PARTITIONS), item.key, item.time, item.value, []))


def many_cells(cells: int, partitions: int = PARTITIONS, periods: int = 1_000_000) -> Iterator[Fed]:
    """Reports of twelve cells with sixteen counters each, into the log, a period after the other."""
    names = elements(-(-cells // CELLS), partitions)
    where = {name: partition_of(name, partitions) for name in names}
    number = 0
    for sent in reports(names, periods):
        for name, at, value in sent:
            number += 1
            head = headers(REPORT, f"cell-{number}", name, at, "chaos", recorded=at)
            yield Fed(INBOX.name, Message(where[name], name, at, value, head))


class Feeder:
    """Sends `per_s` messages a second until stopped; what the broker doesn't take is sent again.

    Between faults it waits for workers that are more than `MOST_BEHIND_S` behind, so that a slow machine only makes a
    trial longer. During a fault it waits for nobody, as a network doesn't.

    Args:
        prefix: Of the topics' names.
        source: What is sent, in order.
        behind: How many records workers are behind; without it nobody is waited for.
        compression: Of what is sent, see `stream.broker.Producer`.

    Attributes:
        waits: Whether it waits for the workers now.
    """

    def __init__(
        self,
        bootstrap: str,
        prefix: str,
        source: Iterable[Fed],
        per_s: float,
        behind: Callable[[], int] | None = None,
        compression: str = "none",
    ) -> None:
        self._bootstrap, self._prefix = bootstrap, prefix
        self._behind = behind
        self._compression = compression
        self._source = iter(source)
        self._per_s = per_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._error: BaseException | None = None
        self.waits = True
        self.sent = 0
        """Messages that the broker has taken."""
        self.repeated = 0
        """Times that a slice was sent again, because the broker didn't say that it has it."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, with all that was begun in the broker.

        Raises:
            RuntimeError: Feeding failed, which is a fault of the suite.
        """
        self._stop.set()
        self._thread.join(180)
        if self._error is not None or self._thread.is_alive():
            raise RuntimeError("the feeder failed") from self._error

    async def _run(self) -> None:
        try:
            await self._feed()
        except BaseException as error:  # noqa: BLE001 - raised where the trial stops the feeder
            self._error = error

    async def _feed(self) -> None:
        producer = Producer(self._bootstrap, {}, MESSAGE_BYTES, self._compression)
        await producer.start()
        try:
            begin = asked = time.monotonic()
            while not self._stop.is_set():
                if self._behind is not None and self.waits and time.monotonic() - asked > LOOK_S:
                    asked = time.monotonic()
                    if await asyncio.to_thread(self._behind) > MOST_BEHIND_S * self._per_s:
                        begin += time.monotonic() - asked + LOOK_S
                        await asyncio.sleep(LOOK_S)
                        asked -= LOOK_S
                        continue
                due = int((time.monotonic() - begin) * self._per_s) - self.sent
                # After an outage not everything at once: a network goes on at its pace.
                if due > 4 * self._per_s:
                    begin, due = time.monotonic() - self.sent / self._per_s, 0
                group = list(islice(self._source, max(due, 0)))
                if group:
                    await self._send(producer, group)
                    self.sent += len(group)
                elif due > 0:
                    return
                await asyncio.sleep(SLICE_S)
        finally:
            await producer.stop()

    async def _send(self, producer: Producer, group: list[Fed]) -> None:
        by_topic: dict[str, list[Message]] = {}
        for one in group:
            by_topic.setdefault(one.topic, []).append(one.message)
        for topic, messages in by_topic.items():
            while True:
                try:
                    await producer.send(self._prefix + topic, messages)
                except Unavailable:
                    self.repeated += 1
                    await asyncio.sleep(0.2)
                else:
                    break
