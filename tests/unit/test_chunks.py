"""Chunks: nothing is left out or acknowledged early, whatever the offsets look like."""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from itertools import pairwise
from typing import Any
from unittest.mock import MagicMock

import faust
import pytest
from aiokafka import ConsumerRecord
from faust.transport.consumer import Consumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.engine.chunk_consumer import ChunkConsumer
from stream.engine.chunks import Chunk, chunked, parts

INBOX = TP("twin.inbox", 1)


def record(offset: int) -> Any:
    return ConsumerRecord("twin.inbox", 1, offset, 1_000 * offset, 0, b"k", b"%d" % offset, None, 1, 1, ())


def consumer() -> Any:
    """A consumer without a broker: only what counts offsets."""
    made = ChunkConsumer.__new__(ChunkConsumer)
    made.app = MagicMock()
    made._committed_offset, made._acked_index = defaultdict(lambda: None), defaultdict(set)
    made._acked, made._gap = defaultdict(list), defaultdict(list)
    made._unacked_messages, made._n_acked, made._waiting_for_ack = set(), 0, None
    return made


def event(message: Any, at: Any) -> Any:
    """An event of Faust that one agent reads."""
    whole = ConsumerMessage(message.topic, message.partition, message.offset, 0.0, 0, None, None, message.value, None)
    whole.incref()
    out = MagicMock(message=whole)
    out.ack = lambda: whole.ack(at)
    return out


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=40), st.integers(1, 7), st.none() | st.integers(0, 30))
def test_every_record_goes_over_once_in_order_and_no_offset_is_left_between_chunks(
    steps: list[int], most: int, read: int | None
) -> None:
    offsets = [sum(steps[: i + 1]) for i in range(len(steps))]
    messages = chunked({INBOX: [record(o) for o in offsets]}, {INBOX: read}, most).get(INBOX, [])
    handed = [r.offset for m in messages for r in m.value.records]
    assert handed == [o for o in offsets if read is None or o >= read]
    assert all(len(m.value.records) <= most and m.offset == m.value.records[-1].offset for m in messages)
    for before, after in pairwise(messages):
        assert after.value.begin == before.offset + 1
    if messages:
        assert messages[0].value.begin <= handed[0]


@settings(deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=30), st.integers(1, 6), st.randoms(use_true_random=False))
def test_what_may_be_committed_never_passes_a_record_that_is_not_acknowledged(
    steps: list[int], most: int, random: Any
) -> None:
    offsets = [sum(steps[: i + 1]) for i in range(len(steps))]
    at = consumer()
    pieces: list[Any] = []
    for message in chunked({INBOX: [record(o) for o in offsets]}, {}, most)[INBOX]:
        # Within a chunk in any order; chunks land in the order of the log.
        pieces += random.sample(parts(event(message, at)), len(message.value.records))
    open_ = set(offsets)
    committed = None
    for piece in pieces:
        piece.ack()
        open_.discard(piece.message.offset)
        if random.random() < 0.5:
            new = at._new_offset(INBOX)
            if new is not None:
                at._committed_offset[INBOX] = committed = new
        assert committed is None or all(o >= committed for o in open_)
    new = at._new_offset(INBOX)
    assert (new if new is not None else committed) == offsets[-1] + 1


def test_the_gap_between_two_fetches_does_not_hold_back_the_commit() -> None:
    at = consumer()
    at._committed_offset[INBOX] = 10
    for fetched, read in (([10, 11], 10), ([14, 15], 11)):
        for message in chunked({INBOX: [record(o) for o in fetched]}, {INBOX: read})[INBOX]:
            for part in parts(event(message, at)):
                part.ack()
    assert at._new_offset(INBOX) == 16


def test_faust_leaves_a_chunk_as_it_is() -> None:
    app = faust.App("chunks", broker="kafka://127.0.0.1:1", web_enabled=False)
    topic = app.topic(
        "twin.inbox", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", internal=False
    )
    chunk = Chunk(3, [record(3), record(4)])
    message = ConsumerMessage("twin.inbox", 1, 4, 0.0, 0, None, None, chunk, None)  # type: ignore[arg-type]
    assert asyncio.run(topic.decode(message)).value is chunk


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        (Consumer.getmany, "self._wait_next_records("),
        (Consumer._drain_messages, "self._add_gap("),
        (Consumer._wait_next_records, "active_partitions = self._get_active_partitions()"),
        (ConsumerMessage.on_final_ack, "consumer.ack(self)"),
        (Consumer._new_offset, "acked = self._acked[tp]"),
    ],
)
def test_this_faust_still_calls_what_is_overridden(caller: Any, called: str) -> None:
    assert called in inspect.getsource(caller)
