"""How fast the HTTP API answers, and how fast it tells: the figures of docs/api.md.

`python -m tests.bench.api`                 10,000 cells, 30 days of history by the hour, then 500 subscribers
`python -m tests.bench.api --only live`     the subscribers alone
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, timedelta
from os import environ
from typing import Any

import httpx
import msgspec
import numpy as np
import psycopg

from infra.store.copy import STATEMENT, observation_copy
from stream.app import prepare_topics
from stream.broker import Message, Producer
from stream.decode import TOPOLOGY, to_ms
from stream.topics import OUTLETS, headers
from tests.bench.feed import Feed
from tests.bench.stack import Stack, started
from tests.bench.workload import CELLS, OBJECTS, START, elements
from tests.integration.worker_process import ROOT
from twin.events import Entity, Relation, TopologyChange, TwinUpdate
from twin.rows import HistoryBlock, stable_id

PARTITIONS, PERIODS = 4, 4
HISTORY = ("RRU.PrbTotDl", "DRB.UEThpDl", "RRC.ConnMean", "DRB.PdcpSduVolumeDL")
QUESTIONS, WARM = 200, 5


def cells_of(names: list[str]) -> list[str]:
    return [f"{name},{cell}" for name in names for cell in OBJECTS]


def inventory(names: list[str]) -> list[tuple[str, str, bytes]]:
    """Elements, cells, and a ring of neighbours, as changes that fit into messages."""
    cells = cells_of(names)
    entities = [Entity(dn=name, kind="element", attributes={"vendor": "bench"}) for name in names]
    entities += [Entity(dn=c, kind="cell", attributes={"azimuth_deg": 30.0 * (i % 12)}) for i, c in enumerate(cells)]
    relations = [
        Relation(source=c, target=cells[(i + step) % len(cells)], kind="neighbour")
        for i, c in enumerate(cells)
        for step in (1, 2, 3)
    ]
    found = []
    for number, at in enumerate(range(0, max(len(entities), len(relations)), 1500)):
        part = TopologyChange(
            id=f"bench-{number}",
            time=START,
            entities=entities[at : at + 1500],
            relations=relations[at : at + 1500],
            source="bench",
        )
        found.append(("bench", TOPOLOGY, msgspec.json.encode(part)))
    return found


def fill(dsn: str, names: list[str], days: int) -> int:
    """Hours of history for every cell, by COPY in the order of time; returns the rows."""
    cells = cells_of(names)
    ids = np.array([stable_id(cell) for cell in cells], np.int64)
    set_ = stable_id("\n".join(HISTORY))
    n, rng = len(ids), np.random.default_rng(1)
    end = to_ms(START)
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO counter_set VALUES (%s, %s) ON CONFLICT DO NOTHING", [set_, list(HISTORY)])
        with connection.cursor() as cursor, cursor.copy("COPY object (id, dn, object_class) FROM STDIN") as copy:
            for id_, cell in zip(ids.tolist(), cells, strict=True):
                copy.write_row((id_, cell, "NRCellDU"))
        for hour in range(24 * days):
            with connection.cursor() as cursor, cursor.copy(STATEMENT) as copy:
                block = HistoryBlock(
                    object_id=ids,
                    time=np.full(n, end - (24 * days - 1 - hour) * 3_600_000, np.int64),
                    granularity=np.full(n, 3600, np.int32),
                    counter_set=np.full(n, set_, np.int64),
                    values=rng.uniform(0, 100, (n, len(HISTORY))).astype(np.float32),
                    expected=np.full(n, 50, np.float32),
                    probability=np.full((n, 1), 0.1, np.float32),
                    flags=np.zeros(n, np.int16),
                    offset=np.full(n, hour, np.int64),
                )
                for buffer in observation_copy([block], 1):
                    copy.write(buffer)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE observation")
    return n * 24 * days


@contextmanager
def api(stack: Stack, dsn: str, prefix: str) -> Iterator[str]:
    """`lockstep api`, ready."""
    settings = {
        "LOCKSTEP_BOOTSTRAP": stack.bootstrap,
        "LOCKSTEP_DSN": dsn,
        "LOCKSTEP_LOG_ID": "bench",
        "LOCKSTEP_TOPIC_PREFIX": prefix,
        "LOCKSTEP_PARTITIONS": str(PARTITIONS),
        "LOCKSTEP_STATE_DIR": str(stack.directory / "api"),
    }
    command = [sys.executable, "-m", "stream.cli", "api", "--bind", "127.0.0.1:0"]
    with (
        (stack.directory / "api.log").open("ab") as log,
        subprocess.Popen(
            command, cwd=ROOT, env=environ | settings, stdout=subprocess.PIPE, stderr=log, text=True
        ) as service,
    ):
        try:
            assert service.stdout is not None
            found = re.search(r"http://[^/]+", service.stdout.readline())
            if found is None:
                raise RuntimeError((stack.directory / "api.log").read_text())
            while httpx.get(f"{found[0]}/readyz").status_code != 200:
                time.sleep(0.2)
            yield found[0]
        finally:
            service.terminate()
            service.wait(15)


def ask(url: str, cells: list[str], days: int, at_once: int) -> dict[str, tuple[float, float]]:
    """Median and 95th percentile of each question [ms], other objects each time."""
    rng = np.random.default_rng(2)
    since, until = (START - timedelta(days=days)).isoformat(), START.isoformat()

    def some(n: int = 1) -> list[str]:
        return [cells[i] for i in rng.integers(0, len(cells), n)]

    span: dict[str, Any] = {"since": since, "until": until}
    questions: dict[str, Callable[[], tuple[str, dict[str, Any]]]] = {
        "topology, a page of 100 cells": lambda: ("/topology", {"kind": "cell", "limit": 100}),
        "topology, one object": lambda: (f"/topology/{some()[0]}", {}),
        "topology, subgraph of depth 2": lambda: (f"/subgraph/{some()[0]}", {"depth": 2, "limit": 200}),
        "state, one cell": lambda: (f"/state/{some()[0]}", {}),
        "state, an element and its 12 cells": lambda: (f"/state/{some()[0].rpartition(',')[0]}", {"subtree": True}),
        "columns, 10,000 cells x 2 counters": lambda: ("/columns", {"counter": ["RRU.PrbTotDl", "DRB.UEThpDl"]}),
        "summary": lambda: ("/summary", {}),
        "congestion, the 100 likeliest": lambda: ("/predictions/congestion", {"limit": 100}),
        "history, a cell, a day, by the hour": lambda: (
            "/history",
            {"dn": some(), "counter": HISTORY[0], "until": until},
        ),
        "history, a cell, 30 days, as measured": lambda: ("/history", {"dn": some(), "counter": HISTORY[0], **span}),
        "history, 5 cells x 2 counters, 30 days, by the day": lambda: (
            "/history",
            {"dn": some(5), "counter": list(HISTORY[:2]), "bucket": "1d", **span},
        ),
    }
    found = {}
    limits = httpx.Limits(max_connections=at_once)
    with (
        httpx.Client(base_url=f"{url}/api/v1", timeout=60, limits=limits) as client,
        ThreadPoolExecutor(at_once) as pool,
    ):
        for name, question in questions.items():

            def once(asked: tuple[str, dict[str, Any]]) -> float:
                begun = time.perf_counter()
                answer = client.get(asked[0], params=asked[1])
                seconds = time.perf_counter() - begun
                if answer.status_code != 200:
                    raise RuntimeError(answer.text)
                return seconds * 1000

            for _ in range(WARM):
                once(question())
            times = list(pool.map(once, [question() for _ in range(QUESTIONS)]))
            half, most = np.quantile(times, [0.5, 0.95]).tolist()
            found[name] = (round(half, 1), round(most, 1))
    return found


async def listen(url: str, count: int, events: int, send: Callable[[int], Any]) -> dict[str, Any]:
    """Let subscribers listen, send events, one at a time; when has each had each?"""
    host, port = url.removeprefix("http://").split(":")
    heard: list[dict[int, float]] = [{} for _ in range(count)]
    ready = asyncio.Semaphore(0)

    async def subscriber(mine: dict[int, float]) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET /api/v1/live?kind=updates HTTP/1.1\r\nHost: " + url[7:].encode() + b"\r\n\r\n")
        try:
            while True:
                line = await reader.readline()
                if not line:
                    raise RuntimeError("a subscriber was let go")
                if line.startswith(b"event: hello"):
                    ready.release()
                elif line.startswith(b"data: ") and (place := line.find(b'"number":')) >= 0:
                    mine[int(re.match(rb"\d+", line[place + 9 :])[0])] = time.perf_counter()  # type: ignore[index]
        finally:
            writer.close()

    tasks = [asyncio.create_task(subscriber(mine)) for mine in heard]
    for _ in range(count):
        await ready.acquire()
    sent = {}
    for number in range(events):
        sent[number] = time.perf_counter()
        await send(number)
        await asyncio.sleep(0.2)
    until = time.perf_counter() + 20
    while any(len(mine) < events for mine in heard) and time.perf_counter() < until:
        await asyncio.sleep(0.1)
    ended = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    last = [max(mine.get(n, np.inf) for mine in heard) - sent[n] for n in range(events)]
    first = [min(mine.get(n, np.inf) for mine in heard) - sent[n] for n in range(events)]
    return {
        "subscribers": count,
        "events": events,
        "let_go": len(ended),
        "missed": sum(events - len(mine) for mine in heard),
        "first_ms": [round(x * 1000, 1) for x in np.quantile(first, [0.5, 0.95])],
        "last_ms": [round(x * 1000, 1) for x in np.quantile(last, [0.5, 0.95, 1])],
    }


async def live(url: str, bootstrap: str, prefix: str, count: int, events: int) -> dict[str, Any]:
    """Events by way of the broker, as a worker sends them."""
    producer = Producer(bootstrap, {}, 8 << 20)
    await producer.start()
    topic = OUTLETS["updates"]

    async def send(number: int) -> None:
        body = TwinUpdate(
            id=f"bench-{number}", time=START.astimezone(UTC), change="alarm", objects=["ManagedElement=1"],
            detail={"number": number}, revision=number,
        )  # fmt: skip
        now = to_ms(START)
        head = headers(topic.event, body.id, "ManagedElement=1", now)
        await producer.send(prefix + topic.name, [Message(0, "ManagedElement=1", now, msgspec.json.encode(body), head)])

    try:
        return await listen(url, count, events, send)
    finally:
        await producer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--subscribers", type=int, default=500)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--only", choices=("queries", "live"))
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    names = elements(-(-given.cells // CELLS), PARTITIONS)
    found: dict[str, Any] = {"cells": len(names) * CELLS}
    with started() as stack, stack.database() as dsn:
        prefix = "bench."
        from infra.settings import load

        settings = load(None).model_copy(update={"topic_prefix": prefix, "partitions": PARTITIONS})
        prepare_topics(settings, stack.bootstrap)
        if given.only != "live":
            begun = time.perf_counter()
            found["rows"] = fill(dsn, names, given.days)
            print(f"{found['rows']:,} rows in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
            feed = Feed(stack.bootstrap, prefix, PARTITIONS, len(names), PERIODS)
            feed.tell(inventory(names))
            feed.send(PERIODS)
        begun = time.perf_counter()
        with api(stack, dsn, prefix) as url:
            found["ready_s"] = round(time.perf_counter() - begun, 1)
            if given.only != "live":
                for at_once in (1, 8):
                    found[f"ms_at_{at_once}"] = ask(url, cells_of(names), given.days, at_once)
            if given.only != "queries":
                found["live"] = asyncio.run(live(url, stack.bootstrap, prefix, given.subscribers, given.events))
    if given.json:
        print(json.dumps(found))
        return
    print(json.dumps({key: value for key, value in found.items() if not key.startswith("ms_")}, indent=1))
    print(f"{'milliseconds: median, 95th percentile':<52} {'one at a time':>16} {'8 at a time':>16}")
    for name in found.get("ms_at_1", {}):
        print(
            f"{name:<52}"
            + "".join(f" {found[key][name][0]:>7} {found[key][name][1]:>8}" for key in ("ms_at_1", "ms_at_8"))
        )


if __name__ == "__main__":
    main()
