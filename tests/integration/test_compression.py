"""Whatever a source compresses its messages with, a worker reads them; what a worker compresses, others read."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.broker import Message, Producer
from stream.log_slices import read_log

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BODIES = [b'{"cell": %d, "values": [%s]}' % (i, b"1.5," * 200) for i in range(300)]


class CompressionCases:
    """Run on both brokers."""

    @pytest.fixture
    def bootstrap(self, request: pytest.FixtureRequest) -> str:
        raise NotImplementedError

    @pytest.fixture
    async def topic(self, bootstrap: str, codec: str) -> AsyncIterator[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(f"codec-{codec}", 1, 1)])
        try:
            yield f"codec-{codec}"
        finally:
            await admin.delete_topics([f"codec-{codec}"])
            await admin.close()

    @pytest.mark.parametrize("codec", CODECS)
    async def test_what_we_send_is_read_as_it_was(self, bootstrap: str, topic: str, codec: str) -> None:
        producer = Producer(bootstrap, {}, 1 << 20, codec)
        await producer.start()
        try:
            await producer.send(topic, [Message(0, f"k{i}", i, body, []) for i, body in enumerate(BODIES)])
        finally:
            await producer.stop()
        read = [record async for batch in read_log(bootstrap, {}, topic, 0, 0, len(BODIES), "") for record in batch]
        assert [record.value for record in read] == BODIES
        assert [record.key for record in read] == [f"k{i}" for i in range(len(BODIES))]

    @pytest.mark.parametrize("codec", CODECS)
    async def test_a_source_of_its_own_choice_is_read(self, bootstrap: str, topic: str, codec: str) -> None:
        chosen = None if codec == "none" else codec
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=chosen, linger_ms=50) as producer:
            for body in BODIES:
                await producer.send(topic, body, partition=0)
            await producer.flush()
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
            consumer.assign([TopicPartition(topic, 0)])
            assert [(await consumer.getone()).value for _ in BODIES] == BODIES


class TestEmbedded(CompressionCases):
    @pytest.fixture
    def bootstrap(self, request: pytest.FixtureRequest) -> str:
        return str(request.getfixturevalue("broker"))


@pytest.mark.kafka
class TestApacheKafka(CompressionCases):
    @pytest.fixture
    def bootstrap(self, request: pytest.FixtureRequest) -> str:
        return str(request.getfixturevalue("apache_kafka").bootstrap)
