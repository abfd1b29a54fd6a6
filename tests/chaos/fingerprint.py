"""Rows of the history and outlets as 64-bit numbers, so that millions are compared in seconds and no row is kept.

Two rows that differ have the same number once in 2^64 pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from twin.rows import HistoryBlock

Array = NDArray[Any]
Hashes = NDArray[np.uint64]

KEY = ("object_id", "counter_set", "time", "log_offset")
PLAIN = {"time": ">f8", "object_id": ">i8", "counter_set": ">i8", "log_offset": ">i8", "granularity": ">i4"}
REST = {"flags": ">i2", "expected": ">f4"}
SHAPES = "SELECT DISTINCT cardinality(probability), cardinality(values) FROM observation WHERE shard = %s"
ROWS = """
COPY (SELECT (extract(epoch FROM time) * 1000)::double precision, object_id, counter_set, log_offset, granularity,
flags, expected, probability, values FROM observation
WHERE shard = {shard} AND cardinality(probability) = {targets} AND cardinality(values) = {counters})
TO STDOUT (FORMAT BINARY)
"""
HEADER_BYTES, TRAILER_BYTES = 19, 2
CHUNK_ROWS = 50_000


class Prints(NamedTuple):
    """Fingerprints of rows or messages.

    Attributes:
        keys: What says which row it is, `[n]`.
        whole: All of it, `[n]`.
        what: Of rows: which object and period, whatever the record it came with, `[n]`.
    """

    keys: Hashes
    whole: Hashes
    what: Hashes


def of_block(block: HistoryBlock, partition: int) -> Prints:
    """Of rows on their way into the history."""
    return _prints(
        partition,
        {
            "object_id": block.object_id,
            "counter_set": block.counter_set,
            "time": block.time,
            "log_offset": block.offset,
            "granularity": block.granularity,
            "flags": block.flags,
            "expected": block.expected,
        },
        block.probability,
        block.values,
    )


def of_history(dsn: str) -> Prints:
    """Of all rows that the database has, read as binary COPY."""
    parts: list[Prints] = []
    with psycopg.connect(dsn) as connection:
        for shard, partition in connection.execute("SELECT id, partition FROM shard").fetchall():
            for targets, counters in connection.execute(SHAPES, [shard]).fetchall():
                dtype = _row_type(targets, counters)
                statement = ROWS.format(shard=shard, targets=targets, counters=counters)
                for rows in _chunks(connection, statement, dtype):
                    plain = {name: rows[name] for name in (*PLAIN, *REST)}
                    parts.append(_prints(partition, plain, rows["probability"]["value"], rows["values"]["value"]))
    return joined(parts)


def joined(parts: list[Prints]) -> Prints:
    nothing = np.zeros(0, np.uint64)
    return Prints(*(np.concatenate([nothing, *(part[k] for part in parts)]) for k in range(3)))


def text_hash(*parts: bytes) -> int:
    """Of a message."""
    digest = blake2b(digest_size=8)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big"))
        digest.update(part)
    return int.from_bytes(digest.digest(), "big")


def surplus(a: Hashes, b: Hashes) -> int:
    """How many of `a` are not in `b`, each one counted as often as it is there."""
    values, counts = np.unique(np.concatenate([a, b]), return_counts=True)
    in_b, counts_b = np.unique(b, return_counts=True)
    counts[np.searchsorted(values, in_b)] -= 2 * counts_b
    return int(counts[counts > 0].sum())


def _prints(partition: int, plain: dict[str, Array], probability: Array, values: Array) -> Prints:
    n = len(plain["time"])
    what = _mixed(np.full(n, partition, np.uint64), [plain[name] for name in KEY[:3]])
    keys = _mixed(what, [plain["log_offset"]])
    floats = [_bits(column) for column in (*probability.T, *values.T, plain["expected"])]
    return Prints(keys, _mixed(keys, [plain["granularity"], plain["flags"], *floats]), what)


def _bits(column: Array) -> Array:
    """A float32 by its bits, every NaN the same."""
    bits = np.ascontiguousarray(column, np.float32).view(np.uint32).copy()
    bits[(bits & 0x7FFFFFFF) > 0x7F800000] = 0x7FC00000
    return bits


def _mixed(start: Hashes, columns: list[Array]) -> Hashes:
    """Mixes one column after the other into the hashes. Source: the finaliser of SplitMix64, Steele et al. 2014."""
    mixed = start
    for column in columns:
        mixed = (mixed ^ column.astype(np.int64).view(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return mixed


def _row_type(targets: int, counters: int) -> np.dtype[np.void]:
    fields: list[tuple[Any, ...]] = [("fields", ">i2")]
    for name, kind in (*PLAIN.items(), *REST.items()):
        # The statement's order: flags and expected follow granularity.
        fields += [(f"{name}.size", ">i4"), (name, kind)]
    for name, size in (("probability", targets), ("values", counters)):
        # An empty array has neither size nor lower bound.
        fields += [(f"{name}.head", ">i4", (6 if size else 4,)), (name, [("size", ">i4"), ("value", ">f4")], (size,))]
    return np.dtype(fields)


def _chunks(connection: psycopg.Connection, statement: str, dtype: np.dtype[np.void]) -> Iterator[Array]:
    waiting = bytearray()
    skip = HEADER_BYTES
    with connection.cursor().copy(statement) as copy:
        for data in copy:
            waiting += data
            if skip and len(waiting) >= skip:
                del waiting[:skip]
                skip = 0
            if len(waiting) >= CHUNK_ROWS * dtype.itemsize:
                whole = len(waiting) // dtype.itemsize * dtype.itemsize
                yield np.frombuffer(bytes(waiting[:whole]), dtype)
                del waiting[:whole]
    rest = len(waiting) - TRAILER_BYTES
    if rest % dtype.itemsize:
        raise ValueError(f"{rest} bytes are no rows of {dtype.itemsize}")
    yield np.frombuffer(bytes(waiting[:rest]), dtype)
