"""Broker and database are asked over one connection each, and silence is told from an answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import psycopg
import pytest

from stream.broker import Message, Producer, create_topics
from stream.health import reach
from stream.health.reach import DatabasePing, LogEnds
from stream.log_slices import extent
from stream.topics import INBOX
from twin.errors import Unavailable

PARTITIONS = 3


async def test_the_ends_of_the_log_follow_what_is_written(bootstrap: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "aiokafka")
    prefix = f"{uuid4().hex[:8]}."
    topic = prefix + INBOX.name
    await create_topics(bootstrap, {}, PARTITIONS, 1, prefix, 1 << 20)
    producer, ends = Producer(bootstrap, {}, 1 << 20), LogEnds(bootstrap, {}, topic)
    await producer.start()
    try:
        assert await ends.ask(range(PARTITIONS)) == {0: 0, 1: 0, 2: 0}
        for count in (1, 7, 300):
            written = [Message(1, "k", 0, b"x" * 5000, []) for _ in range(count)]
            await producer.send(topic, written)
            told = await ends.ask(range(PARTITIONS))
            assert told == {p: end for p, (_, end) in (await extent(bootstrap, {}, topic, range(PARTITIONS))).items()}
            assert await ends.ask([1]) == {1: told[1]}
        assert told == {0: 0, 1: 308, 2: 0}
        caplog.clear()
        begun = time.monotonic()
        for _ in range(10):
            assert await ends.ask([1]) == {1: 308}
        assert time.monotonic() - begun < 5
        assert caplog.records == [], "a question that is asked every few seconds fills no log"
    finally:
        await ends.close()
        await producer.stop()


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """A port on which somebody listens and never says anything."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    for writer in held:
        writer.close()
    server.close()


async def test_a_database_that_hangs_does_not_answer(silent: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "ANSWER_S", 0.5)
    ping = DatabasePing(f"postgresql://u:opensesame@127.0.0.1:{silent}/d")
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="the database does not answer") as caught:
        await ping.ask()
    assert "opensesame" not in str(caught.value)
    assert time.monotonic() - begun < 3
    await ping.close()


async def test_a_database_that_hung_up_is_asked_anew(postgres_dsn: str) -> None:
    ping = DatabasePing(postgres_dsn)
    await ping.ask()
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name='lockstep-health'")
    with pytest.raises(Unavailable, match="the database does not answer"):
        await ping.ask()
    await ping.ask()
    await ping.close()


@pytest.mark.parametrize("there", [True, False])
async def test_a_broker_that_hangs_or_is_gone_does_not_say_how_far_the_log_goes(
    silent: int, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "ANSWER_S", 0.5)
    ends = LogEnds(f"127.0.0.1:{silent if there else 1}", {}, "log")
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="the broker doesn't say how far log goes"):
        await ends.ask([0])
    assert time.monotonic() - begun < 5
    await ends.close()
