"""The same few things on Apache Kafka that the embedded broker is asked for, and what only Apache Kafka can."""

from __future__ import annotations

import base64
import uuid

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from apache_kafka import ApacheKafka, cluster_id

pytestmark = pytest.mark.kafka


def test_no_cluster_has_a_name_that_is_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))
    assert not cluster_id().startswith("-")
    assert len(base64.urlsafe_b64decode(cluster_id() + "==")) == 16


async def test_it_keeps_its_log_over_a_kill(apache_kafka: ApacheKafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=apache_kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("kafka-basics", 3, 1)])
    await admin.close()
    where = TopicPartition("kafka-basics", 2)
    async with AIOKafkaProducer(bootstrap_servers=apache_kafka.bootstrap, enable_idempotence=True) as producer:
        for i in range(100):
            await producer.send("kafka-basics", b"%d" % i, partition=2, headers=[("ce_id", b"%d" % i)])
        await producer.flush()
    apache_kafka.kill()
    apache_kafka.start()
    async with AIOKafkaConsumer(bootstrap_servers=apache_kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([where])
        assert await consumer.end_offsets([where]) == {where: 100}
        got = [await consumer.getone() for _ in range(100)]
    assert [message.value for message in got] == [b"%d" % i for i in range(100)]
    assert got[7].headers == (("ce_id", b"7"),)
