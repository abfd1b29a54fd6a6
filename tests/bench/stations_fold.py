"""What folding costs where stations tell their configuration every second: `python -m tests.bench.stations_fold`.

One partition of 300 stations x 3 cells, in-process: processor time for a second of the network, as it is, and as it
would be if each configuration message cut the run of reports around it.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from datetime import UTC, datetime

from infra.settings import load
from stream import shard
from stream.config import shard_config
from tests.bench.stations_load import Sent, Stations
from twin.counters import CATALOGUE
from twin.log import LogRecord

PARTITIONS, SECONDS, WARM_UP, BATCH = 4, 30, 10, 250


def measure(changing: float) -> float:
    """Processor time for a second of one partition [s]."""
    stations = Stations(300, PARTITIONS, datetime(2026, 3, 2, 8, tzinfo=UTC), changing)
    one = shard.Shard(0, shard_config(load(None)), CATALOGUE)
    offset = 0

    def record(sent: Sent) -> LogRecord:
        nonlocal offset
        offset += 1
        return LogRecord(0, offset - 1, sent.key, sent.time + 200, sent.type, sent.value)

    one.apply([record(stations.inventory())])
    used = 0.0
    for number in range(WARM_UP + SECONDS):
        sent = [m for station in stations.second(number) for m in station]
        records = [record(m) for m in sent if m.kind == "topology" or stations.partition[m.key] == 0]
        begin = time.process_time()
        for at in range(0, len(records), BATCH):
            one.apply(records[at : at + BATCH])
        used += (time.process_time() - begin) * (number >= WARM_UP)
    return used / SECONDS


def main() -> None:
    """Measure and print."""
    together = {changing: measure(changing) for changing in (0.0, 1.0)}
    shard.waits_for_no_report = lambda *_: False  # type: ignore[assignment]
    cut = {changing: measure(changing) for changing in (0.0, 1.0)}
    for changing, seconds in together.items():
        print(
            f"{changing:.0%} of the stations change their configuration in a second: {1000 * seconds:.0f} ms of a core "
            f"a second and partition; with each message cutting the run {1000 * cut[changing]:.0f} ms"
        )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
