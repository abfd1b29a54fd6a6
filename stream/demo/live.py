"""`lockstep demo`: broker, database, a stream worker and an emulated network on one machine."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from infra.embedded.service import Job, Service
from infra.settings import Settings, load
from infra.store.queries import counts
from models.targets import parse_duration_s
from stream.app import prepare_topics
from stream.broker import Message, Producer
from stream.demo.view import View, watch
from stream.engine.security import kafka_security
from stream.health.endpoints import api_url
from stream.partition import murmur2
from stream.services import DEMO, Services, started
from stream.sources.emulator import EmulatedNetwork, Script
from stream.sources.emulator.network import Network
from stream.topics import SOURCES

PARTITIONS = 2
QUIET = timedelta(days=5)
"""Before anything happens the twin has to learn what is usual."""
GRANULARITY_S = 900


def run_demo(
    *,
    duration_text: str,
    as_json: bool,
    sites: int,
    hours_per_second: float,
    seed: int,
    scene: str | None = None,
    with_api: bool = False,
) -> int:
    """Run the demo until its time is over or Ctrl-C.

    Args:
        duration_text: Such as `60s`; `0s` has no end.
        hours_per_second: Emulated time, at most.
        scene: Name of a layout: then the network stands in a ray-traced scene, with a burst worker beside it.
        with_api: Serve the HTTP API beside it, on a free port.

    Returns:
        The exit status.
    """
    duration_s = parse_duration_s(duration_text)
    with ExitStack() as stack:
        given = load()
        state = Path(given.state_dir) / DEMO
        own = {"state_dir": state, "partitions": PARTITIONS, "bootstrap": None, "dsn": None}
        settings = given.model_copy(update=own)
        # A demo begins anew: its network's time does too.
        shutil.rmtree(state, ignore_errors=True)
        stack.callback(shutil.rmtree, state, ignore_errors=True)
        services = stack.enter_context(started(settings))
        prepare_topics(settings, services.bootstrap)
        roles = ["worker", *(["burst-worker"] if scene else []), *(["api"] if with_api else [])]
        workers = [_start(settings, services, role) for role in roles]
        for worker in workers:
            stack.callback(worker.stop)
        network = _network(seed, sites, scene)
        view = View(as_json=as_json, num_cells=network.plan.num_cells)
        view.api = (lambda: api_url(settings.state_dir)) if with_api else None
        failure = asyncio.run(_play(settings, services, workers, network, view, duration_s, hours_per_second))
        for worker in workers:
            worker.stop()
        view.history = counts(services.dsn)
    result = view.result() | {"seed": seed, "failure": failure}
    if as_json:
        print(json.dumps(result))
    else:
        view.farewell()
    if failure:
        print(f"lockstep: {failure}", file=sys.stderr)
    return 1 if failure else 0


def _network(seed: int, sites: int, scene: str | None) -> Network:
    if scene:
        from stream.sources.emulator.scene_network import SceneNetwork  # traces rays: only where that is wanted
        from stream.sources.emulator.scene_script import demo

        return SceneNetwork(seed, scene, granularity_s=GRANULARITY_S, changes=demo(scene))
    script = Script.default(sites, after=QUIET)
    return EmulatedNetwork(seed, num_sites=sites, granularity_s=GRANULARITY_S, script=script)


def _start(settings: Settings, services: Services, role: str) -> Service:
    """The same worker that an operator runs, as a process of its own."""
    environment = {
        "LOCKSTEP_BOOTSTRAP": services.bootstrap,
        "LOCKSTEP_DSN": services.dsn,
        "LOCKSTEP_LOG_ID": services.log_id,
        "LOCKSTEP_PARTITIONS": str(PARTITIONS),
        "LOCKSTEP_STATE_DIR": str(settings.state_dir),
        "LOCKSTEP_BATCH_WAIT_MS": "20",
        "LOCKSTEP_API_BIND": "127.0.0.1:0",
        # Emulated hours pass while a burst is computed.
        "LOCKSTEP_BURST_DEADLINE_S": "259200",
        "PYTHONUNBUFFERED": "1",
    }
    job = Job(
        command=[sys.executable, "-m", "stream.cli", role],
        log=Path(settings.state_dir) / f"{role}.log",
        lock=Path(settings.state_dir) / f"{role}.lock",
        stop_signal=signal.SIGTERM,
        orphan_signal=signal.SIGTERM,
        grace_s=15.0,
        environment=environment,
    )
    return Service({"worker": "stream worker", "api": "API"}.get(role, role.replace("-", " ")), job)


async def _play(
    settings: Settings,
    services: Services,
    workers: list[Service],
    network: Network,
    view: View,
    duration_s: int,
    hours_per_second: float,
) -> str:
    """Feed and watch; returns what went wrong, or nothing."""
    security = kafka_security(settings)
    producer = Producer(services.bootstrap, security, settings.max_message_bytes)
    await producer.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks: list[asyncio.Task[None]] = [
        asyncio.create_task(_feed(producer, network, view, hours_per_second)),
        asyncio.create_task(watch(services.bootstrap, security, PARTITIONS, view)),
        asyncio.create_task(view.draw()),
    ]
    waiter = asyncio.create_task(stop.wait())
    failure = ""
    deadline = loop.time() + duration_s if duration_s else None
    try:
        while not stop.is_set() and (deadline is None or loop.time() < deadline):
            await asyncio.wait([waiter, *tasks], timeout=0.25, return_when=asyncio.FIRST_COMPLETED)
            if ended := [worker for worker in workers if not worker.alive()]:
                failure = f"the {ended[0].name} ended:\n{ended[0].tail()}"
                break
            for task in tasks:
                if task.done():
                    task.result()
    finally:
        waiter.cancel()
        for task in tasks:
            task.cancel()
        await asyncio.gather(waiter, *tasks, return_exceptions=True)
        await producer.stop()
    return failure


async def _feed(producer: Producer, network: Network, view: View, hours_per_second: float) -> None:
    """Send what the emulated network sends, period by period, not faster than the twin predicts."""
    loop = asyncio.get_running_loop()
    pause = network.granularity_s / 3600 / hours_per_second
    due = loop.time()
    while True:
        by_kind: dict[str, list[Message]] = {}
        items = network.step()
        for item in items:
            by_kind.setdefault(item.kind, []).append(Message(0, item.key, item.time, item.value, []))
        for kind, messages in by_kind.items():
            topic = SOURCES[kind]
            spread = topic.partitions or PARTITIONS
            # As a source should: what one element says stays in order.
            placed = [m._replace(partition=murmur2(m.key.encode()) % spread) for m in messages]
            await producer.send(topic.name, placed)
        view.sent(network.time, {kind: len(messages) for kind, messages in by_kind.items()}, loop.time())
        due = max(due + pause, loop.time() - pause)
        await asyncio.sleep(max(due - loop.time(), 0))
        while view.behind() > MAX_BEHIND:
            await asyncio.sleep(0.02)


MAX_BEHIND = 8
"""Periods that the feed may run ahead of the newest prediction: the demo shows a twin in step, not a backlog."""
