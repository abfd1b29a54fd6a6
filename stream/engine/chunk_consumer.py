"""A Faust consumer that hands records over in chunks, and goes on as soon as there is room.

Faust 0.15.3 has no setting for either, hence three methods of its consumer that are its own business; the version is
pinned, and a test watches that they are still called.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from stream.engine.chunks import chunked, offsets


class ChunkConsumer(Consumer):  # type: ignore[misc]
    """Delivers chunks; see `stream.engine.chunks`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._room = asyncio.Event()

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:
        # While the buffers of all partitions are full Faust sleeps for a second: it would have to buffer more than is
        # worked off in one.
        if self.flow_active and not self._get_active_partitions():
            self._room.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._room.wait(), timeout)
        fetched, active = await super()._wait_next_records(timeout)
        return fetched and chunked(fetched, self._read_offset), active

    def on_buffer_drop(self, tp: TP) -> None:
        """See `faust.transport.consumer.Consumer`."""
        super().on_buffer_drop(tp)
        self._room.set()

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: offsets without a message of their own are done with when their chunk is."""

    def ack(self, message: Any) -> bool:
        """See `faust.transport.consumer.Consumer`: all offsets of a chunk are acknowledged, its last one at last."""
        tp = message.tp
        committed, known = self._committed_offset[tp], self._acked_index[tp]
        before = [o for o in offsets(message) if o not in known and (committed is None or o >= committed)]
        known.update(before)
        self._acked[tp].extend(before)
        return bool(super().ack(message))
