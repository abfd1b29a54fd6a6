"""Faust's Kafka consumer with a shorter wait for an empty fetch.

Faust asks the broker to hold an empty fetch for 1.5 s. Apache Kafka answers as soon as there is a message; the embedded
broker only looks again after about 0.4 of that time, so a twin on it would be seconds behind. Faust has no setting for
it: hence a consumer that differs in this one number.
"""

from __future__ import annotations

from typing import Any

from faust.transport.drivers import aiokafka as driver

from stream.chunk_consumer import ChunkConsumer


def prompt_transport(app: Any, fetch_wait_ms: int) -> Any:
    """A transport for `app` whose consumers wait at most `fetch_wait_ms` for an empty fetch."""

    class PromptThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
        def _create_worker_consumer(self, transport: Any) -> Any:
            consumer = super()._create_worker_consumer(transport)
            # Read by aiokafka when the consumer starts; its constructor argument is out of reach.
            consumer._fetch_max_wait_ms = fetch_wait_ms
            return consumer

    class PromptConsumer(ChunkConsumer):
        def _new_consumer_thread(self) -> Any:
            return PromptThread(self, loop=self.loop, beacon=self.beacon)

    class PromptTransport(driver.Transport):  # type: ignore[misc]
        Consumer = PromptConsumer

    return PromptTransport(app.conf.broker_consumer, app)
