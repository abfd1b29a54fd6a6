"""How far the log has come that stations' messages go into: its end, and how many of the messages are in it."""

from __future__ import annotations

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.decode import REPORT, TOPOLOGY, TOPOLOGY_CHANGES
from stream.health.reach import LogEnds
from stream.topics import INBOX


class StationsLog:
    """The log of one run.

    Args:
        prefix: Of topic names.
    """

    def __init__(self, bootstrap: str, prefix: str, partitions: int) -> None:
        self._bootstrap, self._topic, self._partitions = bootstrap, prefix + INBOX.name, partitions
        self._ends = LogEnds(bootstrap, {"security_protocol": "PLAINTEXT"}, self._topic)
        self._read = [0] * partitions
        self._messages = 0

    async def ends(self) -> list[int]:
        """The offset after each partition's newest record."""
        found = await self._ends.ask(range(self._partitions))
        return [found[partition] for partition in range(self._partitions)]

    async def messages(self, ends: list[int]) -> int:
        """So many messages of stations are in the log up to there; what goes into every partition counts once."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            for partition, end in enumerate(ends):
                tp = TopicPartition(self._topic, partition)
                consumer.assign([tp])
                consumer.seek(tp, self._read[partition])
                while self._read[partition] < end:
                    for some in (await consumer.getmany(tp, timeout_ms=500)).values():
                        self._messages += sum(_number(m.headers, partition) for m in some if m.offset < end)
                        self._read[partition] = min(some[-1].offset + 1, end)
        finally:
            await consumer.stop()
        return self._messages

    async def close(self) -> None:
        """Disconnect."""
        await self._ends.close()


def _number(headers: list[tuple[str, bytes]], partition: int) -> int:
    said = dict(headers)
    type_ = said["ce_type"].decode()
    if type_ == REPORT:
        return 1
    if type_ not in (TOPOLOGY, TOPOLOGY_CHANGES):
        return 0  # a tick
    # Changes that came together have the id of the first and, behind it, how many more they are.
    return 0 if partition else 1 + int(said["ce_id"].decode().partition("+")[2] or 0)
