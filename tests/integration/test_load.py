"""Stations that send every second: nothing is lost, nothing doubled, and what they report of themselves is believed."""

from __future__ import annotations

from tests.bench import stations
from tests.bench.stack import started
from tests.bench.stations_load import CELLS

COUNT, SECONDS = 60, 10


def test_ten_seconds_of_three_families_are_all_there() -> None:
    with started() as stack:
        load, figures = stations.measure(stack, COUNT, SECONDS)
    assert set(figures["lost"].values()) == {0}, figures["lost"]
    assert len(load.stations.reported) == COUNT * CELLS
    # Each station: two reports into one partition, a change into all; and the inventory.
    assert load.sent == SECONDS * COUNT * 3 + 1
    singly = SECONDS * COUNT * stations.PARTITIONS
    assert SECONDS * COUNT * 2 < load.records < SECONDS * COUNT * 2 + singly / 2, "changes go into the log together"
    assert sum(map(len, load.seen.latency.values())) == SECONDS * COUNT * len(stations.TARGETS)
    assert figures["peak_mib"] < 1024
