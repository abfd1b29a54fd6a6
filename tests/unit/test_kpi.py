"""What a radio map explains of load: told beside the statistical tier, and used to tell radio from traffic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import folding
import numpy as np
import pytest
from folding import A, log, report
from numpy.typing import NDArray

from stream.config import ShardConfig
from stream.radio import kpi
from stream.radio.soundings import new_twin
from stream.shard import Shard
from twin.log import LogRecord, Outlet
from twin.radio import load as model
from twin.radio import maps
from twin.radio.expecting import Believed
from twin.radio.maps import RadioMap

Floats = NDArray[np.float64]

HOUR_S, DAY = 3600, 24
CELLS, PRBS, POWER = 5, 106, 43.0
NAMES = [f"{A},NRCellDU={k + 1}" for k in range(CELLS)]
COUNTERS = ["RRU.PrbTotDl", "DRB.PdcpSduVolumeDL", "RRC.ConnMean", "DRB.UEThpDl"]
FACTOR = 1.7
"""What a block really carries, over what the model says: layers and slots that nobody declares."""
BEFORE, AFTER = 9 * DAY, 1 * DAY
HIT = 1
"""The cell to which something happens."""
QUIET = ShardConfig()


def radio_map(seed: int = 3, change_db: Floats | float = 0.0) -> RadioMap:
    """A map of the five cells; a square of 100 m, each cell strong around its own place."""
    rng = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(20.0), np.arange(20.0))
    at = rng.uniform(2, 18, (CELLS, 2))
    far = np.hypot(x - at[:, :1, None], y - at[:, 1:, None])
    gain = -70 - 2.2 * far + rng.normal(0, 2, far.shape) + np.reshape(change_db, (-1, 1, 1))
    return maps.pack(NAMES, (0.0, 0.0), 5.0, 1.5, gain, far < 8, (3.0, 6.0))


def inventory() -> dict[str, Any]:
    """Region with a scene, and its cells."""
    place = {"x_m": 0.0, "y_m": 0.0, "z_m": 10.0, "azimuth_deg": 0.0, "tilt_deg": 0.0, "num_prbs": PRBS}
    carrier = {"configuredMaxTxPower_dBm": POWER, "frequency_Hz": 3.5e9}
    cells = [{"dn": name, "kind": "cell", "attributes": place | carrier} for name in NAMES]
    region = {"dn": "SubNetwork=1", "kind": "region", "attributes": {"radio_scene": "made-up"}}
    return folding.inventory() | {"entities": [region, *cells]}


def users(truth: RadioMap) -> model.Place:
    """Users in every other square, and what they really receive."""
    x, y = np.meshgrid(np.arange(0, 100, 10.0), np.arange(0, 100, 10.0))
    positions = np.stack([x.ravel(), y.ravel()], axis=1)
    gain = maps.gain_at(truth, positions)
    return model.place(gain, np.full(CELLS, POWER), np.full(CELLS, float(PRBS)), positions, np.ones(gain.shape))


def reports(what: str, periods: int = BEFORE + AFTER, seed: int = 5) -> Iterator[dict[str, Any]]:
    """Hourly reports of a cell group that does what the map says; after `BEFORE` something happens to one cell.

    Args:
        what: "radio": its blocks carry half; "traffic": its users ask for twice as much; "": nothing.
    """
    at, rng = users(radio_map()), np.random.default_rng(seed)
    for period in range(periods):
        demand = (0.22 + 0.1 * np.sin(2 * np.pi * period / DAY)) * np.exp(rng.normal(0, 0.08, CELLS))
        demand *= 1 + 0.3 * np.arange(CELLS) / CELLS
        worse = np.ones(CELLS)
        if period >= BEFORE and what == "traffic":
            demand[HIT] *= 2
        if period >= BEFORE and what == "radio":
            worse[HIT] = 0.5
        volume = demand * PRBS * FACTOR * 4e5 * HOUR_S
        load = np.full(CELLS, 0.3)
        for _ in range(8):
            bits = worse * FACTOR * model.carried(at, load).bits
            load = np.minimum(volume / (HOUR_S * PRBS * bits), 1.0)
        connected = 3 + 60 * demand * np.exp(rng.normal(0, 0.05, CELLS))
        speed = PRBS * bits * np.maximum(1 - load, 0.03) / 1e3 * np.exp(rng.normal(0, 0.03, CELLS))
        rows = np.stack([np.floor(100 * load), volume / 1e6, connected, speed], axis=1)
        yield report(
            A,
            period,
            [[round(float(x), 3) for x in row] for row in rows],
            granularity_s=HOUR_S,
            objects=[name.removeprefix(f"{A},") for name in NAMES],
            counters=COUNTERS,
        )


def twin(believed: RadioMap | None = None) -> Shard:
    """A shard that knows the region, and believes in a map."""
    shard = Shard(0, QUIET, folding.CATALOGUE)
    shard.apply(log([inventory()]))
    if believed is not None:
        shard.radio["SubNetwork=1"] = new_twin(shard, "SubNetwork=1")
        shard.radio["SubNetwork=1"].believed = Believed(None, believed)
    return shard


def fold(shard: Shard, events: list[LogRecord]) -> list[Outlet]:
    return folding.fold(shard, events, 50).outlets


def told(outlets: list[Outlet], kind: str) -> list[dict[str, Any]]:
    return [json.loads(out.value) for out in outlets if out.kind == kind]


@pytest.fixture(scope="module")
def quiet() -> list[LogRecord]:
    return log(reports("", 4 * DAY), 1)


def traced(outlets: list[Outlet]) -> list[dict[str, Any]]:
    return [body for body in told(outlets, "fidelity") if body["tier"] == "ray-traced"]


def test_both_tiers_are_told_side_by_side_once_an_hour(quiet: list[LogRecord]) -> None:
    shard = twin(radio_map())
    outlets = fold(shard, quiet)
    mine = traced(outlets)
    assert {body["counter"] for body in mine} == {"RRU.PrbTotDl", "DRB.UEThpDl"}
    times = [body["time"] for body in mine if body["counter"] == "RRU.PrbTotDl"]
    assert len(times) == len(set(times)) >= 2 * DAY
    theirs = {
        b["time"] for b in told(outlets, "fidelity") if b["tier"] == "statistical" and b["counter"] == COUNTERS[0]
    }
    assert theirs & set(times)
    last = [body for body in mine if body["counter"] == "RRU.PrbTotDl"][-1]
    assert last["num_objects"] == CELLS
    assert last["score"] > 0.8, "the network does what the map says"
    assert len({body["id"] for body in mine}) == len(mine)


def test_what_nobody_declares_is_found_as_one_factor(quiet: list[LogRecord]) -> None:
    shard = twin(radio_map())
    fold(shard, quiet)
    channel = shard.channels[HOUR_S * 1000, "RRU.PrbTotDl"]
    assert np.exp(-channel.traced.factor[0]) == pytest.approx(FACTOR, rel=0.05)
    assert np.exp(channel.traced.factor[1]) == pytest.approx(FACTOR, rel=0.05)


def test_a_map_that_is_wrong_about_a_cell_shows_there(quiet: list[LogRecord]) -> None:
    off = np.where(np.arange(CELLS) == HIT, -9.0, 0.0)
    right, wrong = (traced(fold(twin(radio_map(change_db=change)), quiet))[-2] for change in (0.0, off))
    assert right["counter"] == wrong["counter"] == "RRU.PrbTotDl"
    assert wrong["worst"][0] == NAMES[HIT]
    assert wrong["score"] < right["score"]


def test_without_a_map_nothing_is_kept_or_told(quiet: list[LogRecord]) -> None:
    shard = twin()
    assert not traced(fold(shard, quiet))
    assert not len(shard.channels[HOUR_S * 1000, "RRU.PrbTotDl"].traced.columns["row"])
    assert {kpi.tier(shard, name) for name in NAMES} == {"statistical"}


def test_the_tier_is_ray_traced_where_a_map_has_the_cell() -> None:
    shard = twin(radio_map())
    assert kpi.tier(shard, NAMES[0]) == "ray-traced"
    assert kpi.tier(shard, f"{A},NRCellDU=99") == "statistical"
    assert kpi.tier(shard, "SubNetwork=2,ManagedElement=z,NRCellDU=1") == "statistical"


@pytest.mark.parametrize("what", ["radio", "traffic"])
def test_more_volume_and_worse_radio_are_told_apart(what: str) -> None:
    outlets = fold(twin(radio_map()), log(reports(what), 1))
    drifts = [d for d in told(outlets, "drift") if d["object"] == NAMES[HIT] and d["counter"] == "RRU.PrbTotDl"]
    assert drifts, "twice the load must be seen"
    assert {(d["kind"], d["direction"]) for d in drifts[:1]} == {(what, "up")}
    assert any("ray-traced" in reason for reason in drifts[0]["reasons"]) == (what == "radio")


@pytest.mark.parametrize("what", ["radio", "traffic"])
def test_what_is_usual_tells_them_apart_without_a_map(what: str) -> None:
    outlets = fold(twin(), log(reports(what), 1))
    drifts = [d for d in told(outlets, "drift") if d["object"] == NAMES[HIT] and d["counter"] == "RRU.PrbTotDl"]
    assert drifts[0]["kind"] == what


def test_a_snapshot_holds_all_of_it(quiet: list[LogRecord]) -> None:
    shard, other = twin(radio_map()), twin(radio_map())
    whole = fold(shard, quiet)
    half = len(quiet) // 2
    first = fold(other, quiet[:half])
    restored = Shard(0, QUIET, folding.CATALOGUE)
    restored.restore(other.snapshot())
    assert first + fold(restored, quiet[half:]) == whole
    assert restored.digest() == shard.digest()


def test_a_snapshot_of_a_version_without_it_can_be_read() -> None:
    shard = twin(radio_map())
    fold(shard, log(reports("", DAY), 1))
    channel = shard.channels[HOUR_S * 1000, "RRU.PrbTotDl"]
    older = {k: v for k, v in channel.state().items() if not k.startswith(("companions/", "traced/"))}
    fresh = type(channel)("RRU.PrbTotDl", HOUR_S * 1000, QUIET)
    fresh.restore(older)
    fresh.grow()
    state = fresh.state()
    assert all(np.array_equal(state[name], array, equal_nan=True) for name, array in older.items())
    assert np.isnan(state["companions/ring"]).all()
    assert state["companions/ring"].shape[-1] == CELLS
