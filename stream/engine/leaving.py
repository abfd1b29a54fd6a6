"""Leave a broker without being taken for cancelled."""

from __future__ import annotations

import asyncio
from typing import Any


async def leave(consumer: Any) -> None:
    """Stop a consumer of aiokafka.

    It ends its own fetches by cancelling them, and where one is waiting for a broker that is away their CancelledError
    comes out of `stop` (seen with 0.14): whoever called would pass for cancelled and end without a word.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # What `stop` would have done next.
        await consumer._client.close()
