"""PostgreSQL's binary COPY format, laid out by numpy for a whole block at once.

A tuple is its number of fields (int16), then for each field its length (int32) and bytes, big-endian. A `real[]` is the
number of dimensions, a null flag, the element type, the size and the lower bound (int32 each), then length and value of
every element. All rows of a block have the same shape, so a block is one array of a structured type whose constant
fields are repeated from a template and whose other fields are assigned by column.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from twin.rows import HistoryBlock

COLUMNS = (
    "time",
    "object_id",
    "counter_set",
    "log_offset",
    "shard",
    "granularity",
    "expected",
    "flags",
    "probability",
    "values",
)
SCALARS = {
    "time": ">i8",
    "object_id": ">i8",
    "counter_set": ">i8",
    "log_offset": ">i8",
    "shard": ">i4",
    "granularity": ">i4",
    "expected": ">f4",
    "flags": ">i2",
}
HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
FLOAT4_OID = 700
EPOCH_2000_MS = 946_684_800_000
STATEMENT = f"COPY observation ({', '.join(COLUMNS)}) FROM STDIN (FORMAT BINARY)"


def observation_copy(blocks: Iterable[HistoryBlock], shard: int) -> list[bytes | bytearray]:
    """What `STATEMENT` reads: header, one buffer a block, trailer.

    Args:
        blocks: Rows to write; blocks may differ in their numbers of counters and targets.
        shard: Id of the shard they come from.
    """
    return [HEADER, *(_block(block, shard) for block in blocks if len(block.time)), TRAILER]


def _block(block: HistoryBlock, shard: int) -> bytes:
    dtype, template = _layout(block.probability.shape[1], block.values.shape[1])
    buffer = bytearray(template * len(block.time))
    rows = np.frombuffer(buffer, dtype)
    # Milliseconds since 1970 to microseconds since 2000.
    rows["time"] = (block.time - EPOCH_2000_MS) * 1000
    rows["object_id"] = block.object_id
    rows["counter_set"] = block.counter_set
    rows["log_offset"] = block.offset
    rows["shard"] = shard
    rows["granularity"] = block.granularity
    rows["expected"] = block.expected
    rows["flags"] = block.flags
    _fill(rows, "probability", block.probability)
    _fill(rows, "values", block.values)
    # In the order of the unique index: neighbours in it are found at once, which spares the server a quarter.
    return rows[np.argsort(block.object_id, kind="stable")].tobytes()


def _fill(rows: NDArray[np.void], name: str, values: NDArray[np.float32]) -> None:
    if values.shape[1]:
        rows[name]["value"] = values


@lru_cache(maxsize=256)
def _layout(num_targets: int, num_counters: int) -> tuple[np.dtype[np.void], bytes]:
    """The type of a row, and a row with its constant fields set."""
    fields: list[tuple[object, ...]] = [("fields", ">i2")]
    for name, kind in SCALARS.items():
        fields += [(f"{name}.size", ">i4"), (name, kind)]
    arrays = {"probability": num_targets, "values": num_counters}
    for name, size in arrays.items():
        # An empty array has no dimension, and so neither size nor lower bound.
        fields += [(f"{name}.size", ">i4"), (f"{name}.head", ">i4", (5 if size else 3,))]
        fields += [(name, [("size", ">i4"), ("value", ">f4")], (size,))]
    dtype: np.dtype[np.void] = np.dtype(fields)
    row = np.zeros(1, dtype)
    row["fields"] = len(COLUMNS)
    for name in SCALARS:
        row[f"{name}.size"] = dtype[name].itemsize
    for name, size in arrays.items():
        head = [1, 0, FLOAT4_OID, size, 1] if size else [0, 0, FLOAT4_OID]
        row[f"{name}.head"] = head
        row[f"{name}.size"] = 4 * len(head) + dtype[name].itemsize
        row[name]["size"] = 4
    return dtype, row.tobytes()
