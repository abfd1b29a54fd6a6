"""Bad input never stops a worker: it is kept with its reason, and what follows is used; only too much in a row does."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64decode
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from folded_pipe import assert_history
from pipeline import PARTITIONS, Make

from tests.integration.worker_process import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))
from bad_input import GOOD, MAX_BYTES, REJECTED, SENT, Bad
from folding import START, A

from stream.broker import Message
from stream.decode import REPORT
from stream.outlets import KEPT_BYTES
from stream.topics import INBOX, SOURCES, headers


def good(number: int) -> Message:
    begin = START + timedelta(minutes=15 * number)
    body = GOOD | {"begin": begin.isoformat(), "end": (begin + timedelta(minutes=15)).isoformat()}
    return Message(0, A, SENT + number * 900_000, json.dumps(body).encode(), [])


def test_every_kind_of_bad_input_is_kept_with_its_reason_and_the_worker_goes_on(broker: str, make: Make) -> None:
    pipe = make(broker, max_message_bytes=str(MAX_BYTES))
    worker = pipe.start()
    at_source: dict[tuple[str, int], Bad] = {}
    in_log: Counter[tuple[str, bytes]] = Counter()
    offsets: Counter[str] = Counter()
    by_topic: dict[str, list[Message]] = {}
    for number, bad in enumerate(REJECTED.values()):
        topic = SOURCES[bad.kind].name
        head = [("ce_type", bad.type.encode()), ("x", b"\xff")] if bad.type else []
        by_topic.setdefault(topic, []).append(Message(0, bad.key, SENT, bad.value, head))
        if bad.unread:
            at_source[topic, offsets[topic]] = bad
        else:
            # What concerns the whole network is in every partition, and refused in every one.
            copies = PARTITIONS if bad.kind in ("topology", "models") else 1
            in_log[bad.reason, bad.value if bad.kind == "report" else b""] += copies
        offsets[topic] += 1
        by_topic.setdefault(SOURCES["report"].name, []).append(good(number))
        offsets[SOURCES["report"].name] += 1
    for topic, messages in by_topic.items():
        pipe.send(topic, messages)

    def rejections() -> list[dict[str, Any]]:
        return [json.loads(out[2]) for at, outs in pipe.outlets().items() if at[0] == "rejected" for out in outs]

    pipe.until(lambda: len(pipe.rows()) == 2 * len(REJECTED), 60, "a good message after each bad one in the history")
    refused = len(at_source) + in_log.total()
    pipe.until(lambda: len(rejections()) == refused, 20, "a rejection for each bad message")
    for body in rejections():
        original = b64decode(body["original"])
        if body["topic"] == INBOX.name:
            kept = original if body["type"] == REPORT and b"Sensor" not in original else b""
            in_log[body["reason"], kept] -= 1
            continue
        bad = at_source.pop((body["topic"], body["offset"]))
        assert body["reason"] == bad.reason
        # What is packed may hold anybody's name: nobody looks into it, and it is left out.
        packed = bad.value.startswith(b"\x1f\x8b")
        assert original == (b"" if packed else bad.value[:KEPT_BYTES])
        assert (body["partition"], body["size"], body["key"]) == (0, len(bad.value), bad.key)
        assert body["truncated"] == (packed or len(bad.value) > KEPT_BYTES)
    assert not at_source
    assert not +in_log
    assert not -in_log

    shown = pipe.lockstep("rejected", "--json")
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == refused
    few = pipe.lockstep("rejected", "--limit", "3")
    assert few.returncode == 0
    assert len(few.stdout.splitlines()) == 3
    assert worker.alive()
    assert worker.stop() == 0
    expected = pipe.folded(pipe.log_records())
    assert_history(pipe, expected)


def test_a_message_of_50_mb_is_rejected_and_the_next_one_used(broker: str, make: Make) -> None:
    pipe = make(broker)
    worker = pipe.start()
    name = pipe.settings.topic_prefix + SOURCES["report"].name

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=broker, max_request_size=64 << 20) as producer:
            await producer.send_and_wait(name, b"x" * (50 << 20), partition=0, timestamp_ms=SENT)

    asyncio.run(send())
    pipe.send(SOURCES["report"].name, [good(0)])
    pipe.until(lambda: len(pipe.rows()) == 2, 40, "the good message in the history")
    (out,) = [out for at, outs in pipe.outlets().items() if at[0] == "rejected" for out in outs]
    body = json.loads(out[2])
    assert (body["reason"], body["size"], body["truncated"]) == ("too-large", 50 << 20, True)
    assert len(b64decode(body["original"])) == KEPT_BYTES
    assert worker.stop() == 0


@pytest.mark.parametrize("topic", [INBOX.name, SOURCES["report"].name])
def test_after_a_bad_deploy_the_worker_stops_and_acknowledges_nothing(broker: str, make: Make, topic: str) -> None:
    pipe = make(broker, reject_consecutive="30", batch_reports="20")
    head = headers(REPORT, "good", A, SENT)
    pipe.send(INBOX.name, [good(n)._replace(headers=head) for n in range(5)])
    worker = pipe.start()
    pipe.until_folded()
    before = pipe.committed()
    bad = [Message(p, A, SENT, b"{", head) for p in range(2) for _ in range(100)]
    pipe.send(topic, bad)
    assert worker.wait(40) == 1, worker.tail()
    words = worker.log.read_text()
    assert "30 messages in a row" in words
    assert "lockstep rejected" in words
    stood = pipe.committed()
    assert all(stood[p] < pipe.ends()[p] or topic != INBOX.name for p in stood)
    assert all(stood[p] - before.get(p, 0) < 40 for p in stood)
    pipe.environment["LOCKSTEP_REJECT_CONSECUTIVE"] = "1000"
    again = pipe.start()
    pipe.until(
        lambda: len({out[1] for at, outs in pipe.outlets().items() if at[0] == "rejected" for out in outs}) == len(bad),
        40,
        "every bad message rejected, none passed over",
    )
    assert again.stop() == 0
