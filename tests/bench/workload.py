"""What is measured on: base stations of twelve cells that report sixteen counters every quarter of an hour.

Seeded, with a daily curve, noise and a share of busy cells, so that congestion occurs and there is something to learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import REPORT, to_ms
from stream.partition import partition_of
from twin.events import Report
from twin.log import LogRecord

CELLS, GRANULARITY_S = 12, 900
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
TARGET = "RRU.PrbTotDl>70@1h"

COUNTERS = (
    "RRU.PrbTotDl", "RRU.PrbTotUl", "DRB.UEThpDl", "DRB.UEThpUl", "DRB.AirIfDelayDl", "DRB.PdcpSduVolumeDL",
    "DRB.PdcpSduVolumeUL", "RRC.ConnMean", "RRC.ConnMax", "RRC.ConnEstabAtt", "RRC.ConnEstabSucc", "DRB.EstabAtt",
    "DRB.EstabSucc", "MM.HoExeInterReq", "MM.HoExeInterSucc", "TB.ErrTotNbrDl",
)  # fmt: skip

OBJECTS = [f"NRCellDU={cell}" for cell in range(1, CELLS + 1)]


def elements(count: int, partitions: int) -> list[str]:
    """Names of base stations, in regions that share the partitions evenly."""
    regions: dict[int, str] = {}
    for number in range(10_000):
        name = f"SubNetwork=R{number}"
        regions.setdefault(partition_of(name, partitions), name)
        if len(regions) == partitions:
            break
    return [f"{regions[i % partitions]},ManagedElement=gnb-{i:05d},GNBDUFunction=1" for i in range(count)]


def reports(names: list[str], periods: int, seed: int = 1) -> Iterator[list[tuple[str, int, bytes]]]:
    """For each period, what every element sends: `(element, time [ms], JSON)`."""
    encode = msgspec.json.Encoder().encode
    heads = [b'{"element":' + encode(name) for name in names]
    usual = np.random.default_rng(seed).gamma(4.0, 9.0, (len(names), CELLS))
    for period in range(periods):
        begin = START + period * timedelta(seconds=GRANULARITY_S)
        end = begin + timedelta(seconds=GRANULARITY_S)
        rows = _values(np.random.default_rng((seed, period)), usual, begin.hour + begin.minute / 60)
        common = Report(element="", begin=begin, end=end, objects=OBJECTS, counters=[*COUNTERS], values=[])
        before, after = encode(common).removeprefix(b'{"element":""').split(b'"values":[]')
        before += b'"values":'
        yield [
            (name, to_ms(end), b"".join((head, before, encode(rows[i * CELLS : (i + 1) * CELLS]), after)))
            for i, (name, head) in enumerate(zip(names, heads, strict=True))
        ]


def records(names: list[str], periods: int, seed: int = 1) -> Iterator[list[LogRecord]]:
    """The same as records of one partition of the log, a period at a time."""
    offset = 0
    for sent in reports(names, periods, seed):
        yield [LogRecord(0, offset + i, name, time, REPORT, value) for i, (name, time, value) in enumerate(sent)]
        offset += len(sent)


def _values(rng: np.random.Generator, usual: NDArray[np.float64], hour: float) -> list[tuple[float, ...]]:
    """One row a cell: a daily curve with its low at four in the morning, times what the cell usually carries."""
    daily = 1.0 - 0.75 * np.cos((hour - 4.0) / 24 * 2 * np.pi)
    busy = usual * daily * rng.lognormal(0.0, 0.2, usual.shape)
    prb = np.clip(busy, 0.0, 100.0).ravel()
    users = prb * 0.6
    speed = 60_000 / (1 + prb / 20) * rng.lognormal(0.0, 0.1, prb.shape)
    tries = np.rint(prb * 12)
    shares = [np.round(x, 2) for x in (prb, prb * 0.4)]
    speeds = [np.rint(x) for x in (speed, speed * 0.2)]
    means = [np.round(x, 1) for x in (80 + 4 * prb, prb * 55, prb * 6, users)]
    counts = (users * 1.5, tries, tries * 0.99, tries * 0.8, tries * 0.79, prb, prb * 0.97, prb * 30)
    columns = [x.tolist() for x in (*shares, *speeds, *means)]
    return list(zip(*columns, *(np.rint(x).astype(np.int64).tolist() for x in counts), strict=True))
