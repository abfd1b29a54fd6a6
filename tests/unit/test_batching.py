"""Micro-batches end by count or by time and lose nothing; too much that is rejected stops the worker."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.batching import Mailbox, RejectLimit
from twin.errors import TooManyRejected


async def test_a_batch_ends_when_it_is_full() -> None:
    queue: Mailbox[int] = Mailbox(100)
    for i in range(25):
        await queue.put(i)
    batches = [await queue.take(10, 60) for _ in range(2)]
    assert batches == [list(range(10)), list(range(10, 20))]


async def test_a_batch_ends_when_its_time_is_over() -> None:
    queue: Mailbox[int] = Mailbox(100)
    await queue.put(1)
    assert await asyncio.wait_for(queue.take(10, 0.01), 5) == [1]
    await queue.put(2)
    assert await queue.take(10, 0.0) == [2]


async def test_it_waits_for_the_first_item_as_long_as_it_takes() -> None:
    queue: Mailbox[int] = Mailbox(100)
    waiting = asyncio.create_task(queue.take(10, 0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    await queue.put(1)
    assert await asyncio.wait_for(waiting, 5) == [1]


async def test_nothing_is_lost_or_put_out_of_order_between_batches() -> None:
    queue: Mailbox[int] = Mailbox(3)

    async def feed() -> None:
        for i in range(200):
            await queue.put(i)
            if i % 7 == 0:
                await asyncio.sleep(0)

    feeder, found = asyncio.create_task(feed()), []
    while len(found) < 200:
        found += await asyncio.wait_for(queue.take(5, 0.001), 5)
    await feeder
    assert found == list(range(200))


async def test_an_interrupt_ends_the_wait_and_closing_lets_go_who_waits_for_room() -> None:
    queue: Mailbox[int] = Mailbox(1)
    waiting = asyncio.create_task(queue.take(10, 60))
    await asyncio.sleep(0)
    queue.interrupt()
    assert await asyncio.wait_for(waiting, 5) == []
    await queue.put(1)
    blocked = asyncio.create_task(queue.put(2))
    await asyncio.sleep(0)
    assert not blocked.done()
    queue.close()
    await asyncio.wait_for(blocked, 5)


def test_so_many_in_a_row_are_too_many() -> None:
    limit = RejectLimit(consecutive=3, share=1.0, window=100)
    for rejected in (True, True, False, True, True):
        limit.note(rejected)
    with pytest.raises(TooManyRejected, match=r"3 messages in a row.*out-of-range.*lockstep rejected"):
        limit.note(True, "out-of-range")


def test_so_large_a_share_of_the_last_messages_is_too_much() -> None:
    limit = RejectLimit(consecutive=1000, share=0.5, window=10)
    for rejected in (True, False) * 5:
        limit.note(rejected)
    for rejected in (True, False, True):
        limit.note(rejected)
    with pytest.raises(TooManyRejected, match="6 of the last 10"):
        limit.note(True)


def test_a_share_is_judged_only_when_the_window_is_full() -> None:
    limit = RejectLimit(consecutive=1000, share=0.1, window=10)
    for _ in range(9):
        limit.note(True)
    with pytest.raises(TooManyRejected):
        limit.note(True)


@given(st.lists(st.booleans(), max_size=300), st.integers(1, 20), st.floats(0.05, 1), st.integers(1, 50))
def test_it_stops_exactly_when_the_rule_says_so(notes: list[bool], consecutive: int, share: float, window: int) -> None:
    limit = RejectLimit(consecutive, share, window)
    for i, rejected in enumerate(notes):
        past = notes[: i + 1]
        row = len(past) - max((k + 1 for k, bad in enumerate(past) if not bad), default=0)
        recent = past[-window:]
        over = rejected and (row >= consecutive or (len(recent) == window and sum(recent) > share * window))
        if over:
            with pytest.raises(TooManyRejected):
                limit.note(rejected)
            return
        limit.note(rejected)
