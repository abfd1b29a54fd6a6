"""The same job written the plain way: one Kafka message a cell, one River pipeline a cell, one Faust event at a time.

No database, no drift, no fidelity: only predict, and learn when the label matures. A process of its own:
`python -m tests.bench.plain BOOTSTRAP TOPIC COUNT` prints cell-periods a second.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from typing import Any

import msgspec

TOPIC = "plain.cells"
HORIZON = 4
"""Periods of an hour."""
THRESHOLD = 70.0
TIMEOUT_S = 60


async def preload(bootstrap: str, count: int) -> int:
    """Write `count` messages, one a cell and period."""
    from aiokafka import AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    from tests.bench.workload import COUNTERS, OBJECTS, elements, reports

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=500_000, linger_ms=5)
    await producer.start()
    sent, encode = 0, msgspec.json.Encoder().encode
    try:
        while sent < count:
            for period in reports(elements(20, 1), 1 + count // (20 * len(OBJECTS))):
                for element, at, value in period:
                    report = msgspec.json.decode(value)
                    for cell, row in zip(report["objects"], report["values"], strict=True):
                        body = {"cell": f"{element},{cell}", "time": at} | dict(zip(COUNTERS, row, strict=True))
                        await producer.send(TOPIC, encode(body), key=element.encode())
                        sent += 1
        await producer.flush()
    finally:
        await producer.stop()
    return sent


def measure(bootstrap: str, count: int) -> float:
    """Cell-periods a second."""
    sent = asyncio.run(preload(bootstrap, count))
    command = [sys.executable, "-m", "tests.bench.plain", bootstrap, str(min(count, sent))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return float(done.stdout.rpartition("rate=")[2].split()[0])


def main(bootstrap: str, count: int) -> None:
    """Consume `count` messages."""
    import faust
    from river import linear_model, preprocessing

    app = faust.App(
        "plain",
        broker=f"kafka://{bootstrap}",
        datadir=tempfile.mkdtemp(prefix="lockstep-plain-"),
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=6,
        broker_rebalance_timeout=6,
        broker_heartbeat_interval=1,
        worker_redirect_stdouts=False,
    )
    topic = app.topic(TOPIC, value_type=bytes, value_serializer="raw")
    models: dict[str, Any] = {}
    waiting: dict[str, deque[dict[str, float]]] = {}
    state = {"done": 0, "begin": 0.0}

    @app.agent(topic)  # type: ignore[untyped-decorator]
    async def cells(stream: Any) -> None:
        async for value in stream:
            if not state["done"]:
                state["begin"] = time.perf_counter()
            body = msgspec.json.decode(value)
            cell = body.pop("cell")
            features = {name: x for name, x in body.items() if name != "time"}
            model = models.get(cell)
            if model is None:
                model = models[cell] = preprocessing.StandardScaler() | linear_model.LogisticRegression()
                waiting[cell] = deque()
            model.predict_proba_one(features)
            if len(waiting[cell]) == HORIZON:
                model.learn_one(waiting[cell].popleft(), features["RRU.PrbTotDl"] > THRESHOLD)
            waiting[cell].append(features)
            state["done"] += 1
            if state["done"] == count:
                sys.stdout.write(f"rate={count / (time.perf_counter() - state['begin'])}\n")
                sys.stdout.flush()
                os._exit(0)

    faust.Worker(app, loglevel="ERROR", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
