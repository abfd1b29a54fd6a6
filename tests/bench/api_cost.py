"""What the live view of the API costs: processor time of each answer with 10,000 cells, whatever else the machine does.

`python -m tests.bench.api_cost`
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from infra.api.answering import ENCODER, tag_of
from infra.api.ports import TopologyFilter
from infra.settings import load
from stream.api.gate import Gate
from stream.api.live import LiveTwin
from stream.api.said import Said
from stream.config import shard_config
from stream.decode import REPORT, to_ms
from stream.partition import partition_of
from stream.shard import Shard
from stream.sources.profile import full_catalogue
from tests.bench.api import PARTITIONS, cells_of, inventory
from tests.bench.workload import CELLS, START, elements, reports
from twin.log import LogRecord

TIMES, PERIODS = 10, 3


def folded(names: list[str]) -> dict[int, Shard]:
    """Shards that know a network and have heard some periods of it."""
    config, catalogue = shard_config(load(None)), full_catalogue([], [])
    shards = {p: Shard(p, config, catalogue) for p in range(PARTITIONS)}
    for p, shard in shards.items():
        for key, type_, value in inventory(names):
            shard.apply([LogRecord(p, shard.next_offset, key, to_ms(START), type_, value)])
    for sent in reports(names, PERIODS):
        batches: dict[int, list[LogRecord]] = {p: [] for p in shards}
        for name, at, value in sent:
            p = partition_of(name, PARTITIONS)
            offset = shards[p].next_offset + len(batches[p])
            batches[p].append(LogRecord(p, offset, name, at, REPORT, value))
        for p, records in batches.items():
            shards[p].apply(records)
    return shards


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    names = elements(-(-parser.parse_args().cells // CELLS), PARTITIONS)
    replica: Any = SimpleNamespace(shards=folded(names), gate=Gate(), said=Said(), ends={}, reasons=[])
    live = LiveTwin(replica, PARTITIONS, full_catalogue([], []))
    cell, every = cells_of(names)[77], TopologyFilter(("cell",))
    questions: dict[str, Callable[[], Any]] = {
        "topology, a page of 100 cells": lambda: live.objects(every, "", 100),
        "topology, one object": lambda: live.object(cell),
        "topology, subgraph of depth 2": lambda: live.subgraph(cell, 2, [], [], 200),
        "state, one cell": lambda: live.state(cell, subtree=False, most=2000),
        "state, an element and its 12 cells": lambda: live.state(cell.rpartition(",")[0], subtree=True, most=2000),
        "columns, all cells x 2 counters": lambda: live.columns(every, ["RRU.PrbTotDl", "DRB.UEThpDl"]),
        "layout of all cells, again": lambda: live.layout(every),
        "summary": live._summarised,
    }
    print(
        f"{len(names) * CELLS:,} cells; processor time of one answer [ms]: looked up, and written as JSON with its tag"
    )
    for name, question in questions.items():
        content = ENCODER.encode(question())
        begun = time.process_time()
        for _ in range(TIMES):
            found = question()
        between = time.process_time()
        for _ in range(TIMES):
            tag_of(ENCODER.encode(found))
        looked, written = (between - begun) / TIMES * 1000, (time.process_time() - between) / TIMES * 1000
        print(f"{name:<40} {looked:>8.2f} {written:>8.2f}   {len(content):>9,} bytes")


if __name__ == "__main__":
    main()
