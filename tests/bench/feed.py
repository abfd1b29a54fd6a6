"""Who sends: whole periods of the workload, as fast as the broker takes them or paced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from stream.broker import Message, Producer
from stream.decode import REPORT, to_ms
from stream.partition import partition_of
from stream.topics import INBOX, SOURCES, headers
from tests.bench.workload import START, elements, reports

MAX_MESSAGE_BYTES = 8 << 20


class Feed:
    """Sends one period after another, to the log or to `telemetry.reports`; goes on where it stopped.

    Args:
        prefix: Of topic names.
    """

    def __init__(self, bootstrap: str, prefix: str, partitions: int, num_elements: int, periods: int) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._names = elements(num_elements, partitions)
        self._where = {name: partition_of(name, partitions) for name in self._names}
        self._periods: Iterator[list[tuple[str, int, bytes]]] = reports(self._names, periods)
        self.counts = [0] * partitions
        """Messages each partition has got."""

    def send(self, periods: int, *, every_s: float = 0.0, into_log: bool = True) -> None:
        """Send so many periods.

        Args:
            every_s: Time between two of them [s].
        """
        asyncio.run(self._send(periods, every_s, INBOX.name if into_log else SOURCES["report"].name))

    def tell(self, events: Sequence[tuple[str, str, bytes]]) -> None:
        """Put events, each key, type and value, into every partition of the log."""
        asyncio.run(self._tell(events))

    async def _tell(self, events: Sequence[tuple[str, str, bytes]]) -> None:
        producer = Producer(self._bootstrap, {"security_protocol": "PLAINTEXT"}, MAX_MESSAGE_BYTES)
        await producer.start()
        at = to_ms(START)
        try:
            for partition in range(len(self.counts)):
                for number, (key, type_, value) in enumerate(events):
                    named = headers(type_, f"{partition}-{number}", key, at, "bench")
                    await producer.send(self._prefix + INBOX.name, [Message(partition, key, at, value, named)])
                    self.counts[partition] += 1
        finally:
            await producer.stop()

    async def _send(self, periods: int, every_s: float, topic: str) -> None:
        producer = Producer(self._bootstrap, {"security_protocol": "PLAINTEXT"}, MAX_MESSAGE_BYTES)
        await producer.start()
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            for _ in range(periods):
                messages = [
                    Message(self._where[name], name, at, value, headers(REPORT, f"{at}-{name}", name, at, "bench"))
                    for name, at, value in next(self._periods)
                ]
                for message in messages:
                    self.counts[message.partition] += 1
                await producer.send(self._prefix + topic, messages)
                due += every_s
                await asyncio.sleep(max(due - loop.time(), 0.0))
        finally:
            await producer.stop()
