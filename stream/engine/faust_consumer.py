"""Faust's Kafka consumer with a shorter wait for an empty fetch.

Faust asks the broker to hold an empty fetch for 1.5 s. Apache Kafka answers as soon as there is a message; the embedded
broker only looks again after about 0.4 of that time, so a twin on it would be seconds behind. Faust has no setting for
it: hence a consumer that differs in this one number.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from faust.transport.drivers import aiokafka as driver

from stream.engine.chunk_consumer import ChunkConsumer

log = logging.getLogger("lockstep.consumer")

COMMIT_S, LEAVE_S = 1.5, 1.5
"""How long committing an offset and leaving the group may take."""


def prompt_transport(app: Any, fetch_wait_ms: int) -> Any:
    """A transport for `app` whose consumers wait at most `fetch_wait_ms` for an empty fetch."""

    class PromptThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
        # aiokafka looks for its coordinator until it finds one: with the broker away a worker would never end.
        async def _commit(self, offsets: Any) -> bool:
            try:
                return bool(await asyncio.wait_for(super()._commit(offsets), COMMIT_S))
            except TimeoutError:  # the broker's offset is a hint, and the next commit says more
                return False

        async def on_thread_stop(self) -> None:
            # A task of its own, because aiokafka lets the end of its own tasks out as if it were ours.
            leaving = asyncio.ensure_future(super().on_thread_stop())
            await asyncio.wait([leaving], timeout=LEAVE_S)
            if not leaving.done() or leaving.cancelled():
                leaving.cancel()
                log.warning("left the group without a word: the broker does not answer")
            else:
                leaving.result()

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
