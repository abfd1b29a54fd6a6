"""A slice of the log is read to its end, whatever the broker does meanwhile; what isn't there is told apart."""

from __future__ import annotations

import asyncio
import os
import signal
from time import monotonic
from uuid import uuid4

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from apache_kafka import ApacheKafka

from stream import log_slices
from stream.broker import Message, Producer
from stream.log_slices import extent, read_log
from twin.errors import LogGone, Unavailable

COUNT = 30


async def filled(bootstrap: str, partitions: int = 1) -> str:
    """Name of a new topic, of which every partition has `COUNT` records."""
    topic = f"slice-{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, partitions, 1)])
    await admin.close()
    producer = Producer(bootstrap, {}, 1 << 20)
    await producer.start()
    messages = [Message(p, f"k{i}", i, b"%d" % i, []) for p in range(partitions) for i in range(COUNT)]
    await producer.send(topic, messages)
    await producer.stop()
    return topic


@pytest.fixture
async def topic(bootstrap: str) -> str:
    return await filled(bootstrap)


async def offsets(bootstrap: str, topic: str, start: int, stop: int) -> list[int]:
    return [r.offset async for batch in read_log(bootstrap, {}, topic, 0, start, stop, "") for r in batch]


async def test_a_slice_has_what_is_in_it(bootstrap: str, topic: str) -> None:
    assert await offsets(bootstrap, topic, 7, 19) == list(range(7, 19))
    assert await offsets(bootstrap, topic, 7, 7) == []


async def test_what_is_there_is_given_before_the_end_that_is_missing(
    bootstrap: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_slices, "SILENCE_S", 0.5)
    reading = read_log(bootstrap, {}, topic, 0, 25, 40, "")
    assert [record.offset for record in await anext(reading)] == list(range(25, COUNT))
    begun = monotonic()
    with pytest.raises(Unavailable, match=f"gives nothing from offset {COUNT} on: the broker said that it ends at"):
        await anext(reading)
    assert 0.5 <= monotonic() - begun < 5


async def test_every_partition_says_how_far_it_goes(bootstrap: str) -> None:
    topic = await filled(bootstrap, 3)
    assert await extent(bootstrap, {}, topic, range(3)) == dict.fromkeys(range(3), (0, COUNT))


@pytest.mark.kafka
class TestApacheKafka:
    @pytest.fixture
    def bootstrap(self, apache_kafka: ApacheKafka) -> str:
        return apache_kafka.bootstrap

    async def test_a_log_that_was_made_anew_and_is_shorter_does_not_begin_again(
        self, bootstrap: str, topic: str
    ) -> None:
        with pytest.raises(LogGone, match=f"doesn't hold the records from {COUNT + 5} on"):
            await offsets(bootstrap, topic, COUNT + 5, COUNT + 10)

    async def test_what_retention_has_taken_is_gone(self, bootstrap: str, topic: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=10)})
        await admin.close()
        assert await extent(bootstrap, {}, topic, [0]) == {0: (10, COUNT)}
        with pytest.raises(LogGone, match="doesn't hold the records from 5 on"):
            await offsets(bootstrap, topic, 5, 20)
        assert await offsets(bootstrap, topic, 10, 20) == list(range(10, 20))

    async def test_a_pause_of_the_broker_is_waited_out(self, apache_kafka: ApacheKafka, topic: str) -> None:
        os.kill(apache_kafka.pid, signal.SIGSTOP)
        begun = monotonic()
        thaw = asyncio.get_running_loop().call_later(2, os.kill, apache_kafka.pid, signal.SIGCONT)
        try:
            assert await offsets(apache_kafka.bootstrap, topic, 0, COUNT) == list(range(COUNT))
        finally:
            thaw.cancel()
            os.kill(apache_kafka.pid, signal.SIGCONT)
        assert monotonic() - begun >= 1.9

    async def test_a_longer_one_is_told(
        self, apache_kafka: ApacheKafka, topic: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(log_slices, "SILENCE_S", 0.5)
        reading = read_log(apache_kafka.bootstrap, {}, topic, 0, 0, COUNT + 1, "")
        await anext(reading)
        os.kill(apache_kafka.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable, match=f"gives nothing from offset {COUNT} on"):
                await anext(reading)
        finally:
            os.kill(apache_kafka.pid, signal.SIGCONT)
