"""Drift and fidelity as a fold tells them: of the cell that moved, soon, seldom of others, worse of a worse twin."""

from __future__ import annotations

from datetime import timedelta

import folding
import numpy as np
import pytest
from folding import LOAD, A, log, new_shard, tell
from hourly_loads import HOURLY, SHIFT_DAY, SHIFTED, hourly

from stream.config import ShardConfig
from stream.shard import Shard
from stream.sources.emulator import EmulatedNetwork, FanWear, Rates, Script, records
from twin.counters import CATALOGUE

DAYS = 20


@pytest.mark.parametrize(("shift", "direction"), [(25.0, "up"), (-25.0, "down")])
def test_drift_is_told_of_the_cell_that_moved_within_a_day(shift: float, direction: str) -> None:
    effects = folding.fold(new_shard(HOURLY), log(hourly(range(8), shift)))
    moved = [d for d in folding.outlets(effects, "drift") if d["object"] == f"{A},NRCellDU={SHIFTED + 1}"]
    begin = folding.START + timedelta(days=SHIFT_DAY)
    after = [d for d in moved if d["time"] >= begin.isoformat()]
    assert after
    assert after[0]["direction"] == direction
    assert after[0]["time"] <= (begin + timedelta(days=1)).isoformat()
    assert abs(after[0]["size"]) > 5


def test_drift_is_seldom_told_of_a_quiet_network() -> None:
    effects = folding.fold(new_shard(HOURLY), log(hourly(range(DAYS), 0.0)))
    told = folding.outlets(effects, "drift")
    assert len(told) <= 6 * DAYS * 0.05, "at most one alarm in twenty days of a cell"


def test_the_emulated_networks_dying_fan_is_noticed_and_nothing_else() -> None:
    hour = timedelta(hours=1)
    site, begin = 2, 120 * hour

    def drifting(fans: tuple[FanWear, ...]) -> list[str]:
        network = EmulatedNetwork(2, 3, 1, 3600, script=Script(fans=fans), rates=Rates.none())
        shard = Shard(0, ShardConfig(instant_period_ms=3_600_000), CATALOGUE)
        told = folding.outlets(folding.fold(shard, list(records(network, 24 * 7, 1))), "drift")
        return [d["object"] for d in told if d["time"] >= (network.start + begin).isoformat()]

    quiet = drifting(())
    assert len(quiet) <= 2
    moved = set(drifting((FanWear(site, begin, 12 * hour, 500 * hour),))) - set(quiet)
    assert moved
    assert {name for name in moved if f"ManagedElement=gnb-{site + 1}" not in name} == set()


def test_fidelity_falls_when_the_twin_is_made_worse() -> None:
    body = hourly(range(9), 0.0)
    shard = new_shard(HOURLY)
    tell(shard, *body[: 24 * 6])
    worse = new_shard(HOURLY)
    worse.restore(shard.snapshot())
    mean = worse.channels[3_600_000, LOAD].series.columns["mean"]
    mean[:] = np.roll(mean, 12, axis=0).copy()
    scores = []
    for one in (shard, worse):
        effects = tell(one, *body[24 * 6 : 24 * 7])
        scores.append(folding.outlets(effects, "fidelity")[-1]["score"])
    good, bad = scores
    assert good > 0.6
    assert bad < good - 0.15
