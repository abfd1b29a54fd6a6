"""What summaries of the history cost, and how large a row is: the figures of docs/history.md.

`python -m tests.bench.summaries`
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from infra.embedded import Embedded
from infra.store.migrate import migrate
from infra.store.prune import prune

COUNTERS = 16
FILL = """
INSERT INTO observation
    (time, object_id, counter_set, log_offset, shard, granularity, expected, flags, probability, values)
SELECT timestamptz '2024-03-01 00:15+00' + p * interval '15 min', o, 1, p, 1, 900, 50, 0, '{{0.1}}',
    ARRAY(SELECT round((50 + 30 * sin(p / 15.0 + k) + (o * 7 + p * 13 + k * 3) %% 10)::numeric, 1)::real
        FROM generate_series(1, {counters}) AS k)
FROM generate_series(0, %(periods)s - 1) AS p, generate_series(1, %(objects)s) AS o
"""


def fill(connection: psycopg.Connection, objects: int, periods: int) -> None:
    """Write quarters of an hour of cells."""
    names = [f"c{i}" for i in range(COUNTERS)]
    connection.execute("INSERT INTO counter_set VALUES (1, %s) ON CONFLICT DO NOTHING", [names])
    connection.execute(
        "INSERT INTO object SELECT i, 'ManagedElement=' || i, 'NRCellDU' FROM generate_series(1, %s) AS i "
        "ON CONFLICT DO NOTHING",
        [objects],
    )
    connection.execute(FILL.format(counters=COUNTERS), {"objects": objects, "periods": periods})


def seconds(connection: psycopg.Connection, statement: str) -> float:
    begun = time.perf_counter()
    connection.execute("EXPLAIN (ANALYZE, TIMING OFF) " + statement)
    return time.perf_counter() - begun


def plain(rows: int) -> None:
    """Time summaries computed when read, and the pruning of a day, on the embedded PostgreSQL."""
    with tempfile.TemporaryDirectory() as folder, Embedded(Path(folder), broker=False) as embedded:
        dsn = embedded.start().dsn
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            fill(connection, rows // 100, 100)
            connection.execute("VACUUM ANALYZE observation")
            connection.execute("SET max_parallel_workers_per_gather = 0")
            row = connection.execute("SELECT pg_total_relation_size('observation')").fetchone()
            assert row is not None
            print(f"plain: {rows} rows of {COUNTERS} counters, {row[0] / rows:.0f} bytes a row with its index")
            for what, statement in {
                "all hours": "SELECT * FROM summary_hourly",
                "all days": "SELECT * FROM summary_daily",
                "a day's hours of one cell": "SELECT * FROM summary_hourly WHERE object_id = 7 "
                "AND bucket > '2024-03-01' AND bucket <= '2024-03-02'",
            }.items():
                took = seconds(connection, statement)
                print(f"plain: {what}: {took:.3f} s, {took / rows * 1e6:.1f} us a row there is")
            connection.execute(
                "INSERT INTO observation SELECT time + interval '200 days', object_id, counter_set, log_offset, shard, "
                "granularity, expected, flags, probability, values FROM observation WHERE object_id = 1 LIMIT 1"
            )
        begun = time.perf_counter()
        gone = prune(dsn).deleted["observation"]
        took = time.perf_counter() - begun
        print(f"plain: pruning {gone} rows into summaries: {took:.1f} s, {took / max(gone, 1) * 1e6:.0f} us a row")


def timescale(objects: int) -> None:
    """Compress a day on TimescaleDB and compare sizes."""
    file = Path(__file__).parents[1] / "integration" / "timescale.py"
    spec = importlib.util.spec_from_file_location("timescale_for_tests", file)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with tempfile.TemporaryDirectory() as folder:
        server = module.Timescale(Path(folder))
        try:
            migrate(server.dsn)
            with psycopg.connect(server.dsn, autocommit=True, prepare_threshold=None) as connection:
                fill(connection, objects, 95)
                connection.execute("SELECT compress_chunk(c) FROM show_chunks('observation') AS c")
                sizes = connection.execute(
                    "SELECT sum(before_compression_total_bytes), sum(after_compression_total_bytes) "
                    "FROM chunk_compression_stats('observation')"
                ).fetchone()
                assert sizes is not None
                rows = objects * 95
                before, after = (float(size) / rows for size in sizes)
                print(f"timescale: {rows} rows: {before:.0f} bytes a row, {after:.0f} compressed")
        finally:
            server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--timescale-objects", type=int, default=500)
    chosen = parser.parse_args()
    plain(chosen.rows)
    timescale(chosen.timescale_objects)
