"""A partition that is idle is told that time passes, and no other."""

from __future__ import annotations

from typing import Any

from watching import Clock

from stream.broker import Message, to_record
from stream.decode import TICK, decode, to_ms
from stream.ticking import Ticker
from stream.topics import INBOX
from twin.errors import Unavailable
from twin.events import Tick

NOW = 1_767_600_000_000


class Sent:
    """A broker that keeps what it gets, or isn't there."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, Message]] = []
        self.there = True

    async def send(self, topic: str, messages: list[Message]) -> None:
        if not self.there:
            raise Unavailable("no broker")
        self.messages += [(topic, message) for message in messages]


def ticker(sent: Sent, clock: Clock) -> Ticker:
    return Ticker(3, sent, "p.", 30, lambda: NOW, clock)  # type: ignore[arg-type]


async def test_a_tick_is_written_after_the_silence_and_not_before() -> None:
    sent, clock = Sent(), Clock()
    one = ticker(sent, clock)
    clock.seconds += 29
    assert not await one.idle()
    clock.seconds += 1
    assert await one.idle()
    ((topic, message),) = sent.messages
    assert (topic, message.partition) == (f"p.{INBOX.name}", 3)
    record = to_record(_delivered(message), "")
    assert (record.type, record.time) == (TICK, NOW)
    event = decode(record.type, record.value)
    assert isinstance(event, Tick)
    assert to_ms(event.time) == NOW


async def test_there_is_at_most_one_tick_in_so_many_seconds() -> None:
    sent, clock = Sent(), Clock()
    one = ticker(sent, clock)
    for _ in range(301):
        clock.seconds += 1
        await one.idle()
    assert len(sent.messages) == 10


async def test_what_comes_starts_the_silence_anew() -> None:
    sent, clock = Sent(), Clock()
    one = ticker(sent, clock)
    for _ in range(100):
        clock.seconds += 20
        one.heard()
        clock.seconds += 20
        assert not await one.idle()
    assert sent.messages == []


async def test_a_broker_that_takes_none_is_asked_again_only_when_the_next_is_due() -> None:
    sent, clock = Sent(), Clock()
    sent.there = False
    one = ticker(sent, clock)
    clock.seconds += 30
    assert not await one.idle()
    sent.there = True
    assert not await one.idle()
    clock.seconds += 30
    assert await one.idle()


def _delivered(message: Message) -> Any:
    class Delivered:
        partition, offset, timestamp = message.partition, 0, message.time
        key, value, headers = message.key.encode(), message.value, message.headers

    return Delivered
