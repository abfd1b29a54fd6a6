"""What happens every two minutes in a soak, in an order drawn once: each kind comes before any comes again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from tests.chaos.stand import Stand
from tests.chaos.trial import STOP_S
from tests.integration.worker_process import Worker

FROZEN_S, AWAY_S = 10.0, 20.0

SoakFault = Callable[[Stand, Worker], None]


def kill_worker(_: Stand, worker: Worker) -> None:
    worker.kill()


def freeze_worker(_: Stand, worker: Worker) -> None:
    worker.freeze()
    try:
        time.sleep(FROZEN_S)
    finally:
        worker.thaw()


def terminate(_: Stand, worker: Worker) -> None:
    worker.terminate()
    worker.wait(STOP_S)


def kill_broker(stand: Stand, _: Worker) -> None:
    stand.broker.kill()
    stand.broker.start()


def broker_away(stand: Stand, _: Worker) -> None:
    stand.broker.kill()
    time.sleep(AWAY_S)
    stand.broker.start()


def kill_database(stand: Stand, _: Worker) -> None:
    stand.database.kill()
    stand.database.start()


KINDS: dict[str, SoakFault] = {
    "kill-worker": kill_worker,
    "freeze-worker": freeze_worker,
    "sigterm": terminate,
    "kill-broker": kill_broker,
    "broker-away": broker_away,
    "kill-database": kill_database,
}


def order(seed: int) -> Iterator[str]:
    """Names of faults, without end."""
    rng = random.Random(seed)
    while True:
        yield from rng.sample(sorted(KINDS), len(KINDS))
