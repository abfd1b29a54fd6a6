"""A consumer that cancels its own fetches doesn't cancel whoever stops it."""

from __future__ import annotations

import asyncio

import pytest

from stream.engine.leaving import leave


class Client:
    """The connections of a consumer."""

    def __init__(self) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Waiting:
    """Its stop ends with the CancelledError of a fetch, or waits."""

    def __init__(self, *, waits: bool) -> None:
        self._waits = waits
        self._client = Client()

    async def stop(self) -> None:
        if self._waits:
            await asyncio.Event().wait()
        raise asyncio.CancelledError


async def fails_and_leaves(consumer: Waiting) -> None:
    try:
        raise ZeroDivisionError
    finally:
        await leave(consumer)


async def test_the_cancelled_fetch_of_a_consumer_is_not_ours_and_its_connections_are_closed() -> None:
    consumer = Waiting(waits=False)
    with pytest.raises(ZeroDivisionError):
        await fails_and_leaves(consumer)
    assert consumer._client.closed


async def test_whoever_is_cancelled_while_it_leaves_stays_so() -> None:
    task = asyncio.create_task(leave(Waiting(waits=True)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
