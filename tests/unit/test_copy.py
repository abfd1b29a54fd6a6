"""The binary COPY layout against a second, plain implementation, value by value."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from infra.store.copy import observation_copy
from twin.rows import HistoryBlock

INT64 = st.integers(-(2**63), 2**63 - 1)
# Years 1 to 9999 [ms since 1970].
TIMES = st.integers(-62_135_596_800_000, 253_402_300_799_999)


@st.composite
def blocks(draw: st.DrawFn) -> HistoryBlock:
    n, counters, targets = draw(st.integers(0, 5)), draw(st.integers(0, 4)), draw(st.integers(0, 2))

    def column(kind: str, elements: st.SearchStrategy[int] | None = None) -> np.ndarray:
        return draw(hnp.arrays(kind, n, elements=elements))

    return HistoryBlock(
        object_id=column("i8", INT64),
        time=column("i8", TIMES),
        granularity=column("i4"),
        counter_set=column("i8", INT64),
        values=draw(hnp.arrays("f4", (n, counters))),
        expected=column("f4"),
        probability=draw(hnp.arrays("f4", (n, targets))),
        flags=column("i2"),
        offset=column("i8", INT64),
    )


def field(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def real(value: np.float32) -> bytes:
    return np.array(value, ">f4").tobytes()


def array(values: np.ndarray) -> bytes:
    if not len(values):
        return field(struct.pack(">iii", 0, 0, 700))
    return field(struct.pack(">iiiii", 1, 0, 700, len(values), 1) + b"".join(field(real(v)) for v in values))


def one_by_one(block: HistoryBlock, shard: int) -> bytes:
    out = b""
    for i in np.argsort(block.object_id, kind="stable"):
        microseconds = (int(block.time[i]) - 946_684_800_000) * 1000
        out += struct.pack(">h", 10)
        out += field(struct.pack(">q", microseconds))
        out += field(struct.pack(">q", block.object_id[i])) + field(struct.pack(">q", block.counter_set[i]))
        out += field(struct.pack(">q", block.offset[i])) + field(struct.pack(">i", shard))
        out += field(struct.pack(">i", block.granularity[i])) + field(real(block.expected[i]))
        out += field(struct.pack(">h", block.flags[i])) + array(block.probability[i]) + array(block.values[i])
    return out


@given(st.lists(blocks(), max_size=3), st.integers(0, 2**31 - 1))
def test_block_equals_one_by_one(some: list[HistoryBlock], shard: int) -> None:
    head, *body, tail = observation_copy(some, shard)
    assert head == b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    assert tail == struct.pack(">h", -1)
    assert b"".join(body) == b"".join(one_by_one(block, shard) for block in some)
