"""What Lockstep changes of Faust 0.15.3: per message it makes four asyncio tasks and keeps statistics nobody reads.

Both are public methods of classes that an app lets one choose; the version is pinned and a test watches that they are
still called. Together with uvloop they halve what a message costs.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any

from faust.sensors.monitor import Monitor
from faust.transport.drivers.aiokafka import Consumer
from mode.services import WaitResults


class _Rest:
    """A coroutine that has already run up to its first wait, to be awaited to its end."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._coroutine = coroutine
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            try:
                try:
                    sent = yield waits_for
                except GeneratorExit:
                    self._coroutine.close()
                    raise
                except BaseException as error:  # noqa: BLE001 - it belongs to the coroutine
                    waits_for = self._coroutine.throw(error)
                else:
                    waits_for = self._coroutine.send(sent)
            except StopIteration as end:
                return end.value


class EagerConsumer(Consumer):  # type: ignore[misc]
    """Hands a message over at once; only where that has to wait are there tasks.

    The consumer waits for "the message is handed over" or "the flow is suspended". Handing over is putting into a queue
    with room, and so done before a task for it would have begun.
    """

    async def wait_first(self, *coros: Any, timeout: Any = None) -> WaitResults:
        """See `mode.Service.wait_first`."""
        first, others = coros[0], coros[1:]
        if timeout is not None or not isinstance(first, Coroutine) or self.should_stop:
            return await super().wait_first(*coros, timeout=timeout)
        try:
            waits_for = first.send(None)
        except StopIteration as end:
            for other in others:
                other.close()
            return WaitResults([first], [end.value], False)
        return await super().wait_first(_Rest(first, waits_for), *others)


class QuietMonitor(Monitor):  # type: ignore[misc]
    """Keeps no statistics a message: Lockstep has its own metrics."""

    def on_message_in(self, *_: Any) -> None:
        """Nothing."""

    def on_message_out(self, *_: Any) -> None:
        """Nothing."""

    def on_stream_event_in(self, *_: Any) -> None:
        """Nothing."""

    def on_stream_event_out(self, *_: Any) -> None:
        """Nothing."""

    def track_tp_end_offset(self, *_: Any) -> None:
        """Nothing."""
