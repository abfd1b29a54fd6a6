"""The burst job: what changed is found and told, the map is right again, and bad soundings end in a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from twin.radio.burst import run_burst
from twin.radio.calibration import modes
from twin.radio.cells import CellRadio
from twin.radio.events import BurstRequest, BurstResult, SoundingTable
from twin.radio.maps import gain_at, sight_at, unpack
from twin.radio.posterior import arrays, interval, make
from twin.radio.power import PowerModel
from twin.radio.scene import open_scene
from twin.radio.sight import inside

Floats = NDArray[np.float64]

SCENE, FREQUENCY = "simple_street_canyon", 3.5e9
CELLS = [
    CellRadio(dn=f"cell-{k}", position=place, azimuth_deg=azimuth, tilt_deg=8.0, power_dbm=40.0)
    for k, (place, azimuth) in enumerate([((-23.0, 4.0, 10.0), 90.0), ((24.0, -3.0, 10.0), 270.0)])
]
NAMES = [cell.dn for cell in CELLS]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
COUNT = 160
BUILDING = (-10.0, -7.0, 0.0), (-4.0, 8.0, 15.0)
"""Low and high corner [m]."""


@pytest.fixture(autouse=True, scope="module")
def few_hills() -> Iterator[None]:
    """The search over hills has its own tests; here it would only take time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(modes, "MOST_TRIED", 4)
        yield


@cache
def open_places() -> Floats:
    rng = np.random.default_rng(3)
    at = np.column_stack([rng.uniform(-70, 70, 600), rng.uniform(-10, 11, 600), np.full(600, 1.5)]).round(2)
    at = at[~inside(open_scene(SCENE, FREQUENCY), at)]
    (west, south, _), (east, north, _) = BUILDING
    within = (at[:, 0] > west - 1) & (at[:, 0] < east + 1) & (at[:, 1] > south - 1) & (at[:, 1] < north + 1)
    return at[~within][: 2 * COUNT]


@pytest.fixture(scope="module")
def world() -> PowerModel:
    """What is there: places that are sounded, then as many others."""
    scene, at = open_scene(SCENE, FREQUENCY), open_places()
    paths = scene.trace([c.position for c in CELLS], at, samples=30_000)
    return PowerModel(CELLS, paths, len(at), scene.materials(), FREQUENCY)


def heard(clean: Floats, seed: int = 0) -> Floats:
    return np.asarray(clean + np.random.default_rng(seed).normal(0, 1.0, clean.shape))


def request(rsrp: Floats, at: Floats, time: datetime = NOW, **other: Any) -> BurstRequest:
    begin = int((time - timedelta(hours=3)).timestamp() * 1000)
    rows = [[None if np.isnan(x) else x for x in row] for row in rsrp.round(3).tolist()]
    table = SoundingTable(
        time=[begin + 1000 * k for k in range(len(at))],
        positions=[tuple(place) for place in at.tolist()],
        cells=NAMES,
        rsrp=rows,
    )
    base = BurstRequest(
        id="burst/R/1", time=time, partition=0, region="R", scene=SCENE, frequency=FREQUENCY, reason="drift",
        area=(-70.0, -10.0, 70.0, 11.0), cells=CELLS, touched=[], soundings=table, since=time - timedelta(hours=3),
        base_version=0,
    )  # fmt: skip
    return msgspec.structs.replace(base, **other)


def installed(world: PowerModel) -> Floats:
    """How everything really was put up."""
    out = world.declared()
    out[:6] = 1.5, 4.0, 1.0, -1.0, -3.0, -1.5
    return out


@pytest.fixture(scope="module")
def first(world: PowerModel) -> BurstResult:
    at = open_places()[:COUNT]
    return run_burst(request(heard(world.links(installed(world)).rsrp[:COUNT]), at), lambda *_: None)


def off(result: BurstResult, true: Floats) -> Floats:
    """Of the map at places that were not sounded [dB]."""
    assert result.map is not None
    found = gain_at(result.map, open_places()[COUNT:]) + [cell.reference_dbm for cell in CELLS]
    return np.asarray(np.abs(found - true[COUNT:]))


def test_a_first_burst_makes_a_map_that_is_right(world: PowerModel, first: BurstResult) -> None:
    true = world.links(installed(world)).rsrp
    declared = np.abs(world.links(world.declared()).rsrp - true)[COUNT:]
    assert first.outcome == "done"
    assert np.nanmedian(off(first, true)) < 0.4 * np.nanmedian(declared)
    assert first.before is not None
    assert first.after is not None
    assert first.after.num_soundings == first.before.num_soundings > 20
    assert first.after.median_db < first.before.median_db
    assert first.after.log_score > first.before.log_score
    assert first.posterior is not None
    assert first.posterior.version == 1
    low, high = interval(first.posterior)[[0, 3]].T
    assert (low <= [1.5, -1.0]).all()
    assert (high >= [1.5, -1.0]).all()


def test_the_map_is_of_the_whole_scene_and_travels_in_a_message(first: BurstResult) -> None:
    assert first.map is not None
    low, high = open_scene(SCENE, FREQUENCY).bounds
    rows, columns = first.map.shape
    assert first.map.cells == NAMES
    assert columns * first.map.step >= (high - low)[0] - 1e-3
    assert rows * first.map.step >= (high - low)[1] - 1e-3
    assert len(msgspec.json.encode(first)) < 400_000
    assert first.map.version == 1
    assert unpack(first.map).gain.shape[0] == 2
    assert sight_at(first.map, open_places()).any()
    assert 0.5 <= min(first.map.error_db) <= max(first.map.error_db) < 3.0


def test_asked_again_it_answers_the_same(world: PowerModel, first: BurstResult) -> None:
    at, stages = open_places()[:COUNT], []
    again = run_burst(
        request(heard(world.links(installed(world)).rsrp[:COUNT]), at),
        lambda stage, share: stages.append((stage, share)),
    )
    assert msgspec.json.encode(again) == msgspec.json.encode(first)
    shares = [share for _, share in stages]
    assert shares == sorted(shares)
    assert (stages[0], stages[-1]) == (("open", 0), ("done", 100))
    assert {stage for stage, _ in stages} >= {"trace", "evaluate", "power", "pose", "material", "residual field", "map"}


def changed(world: PowerModel, first: BurstResult, after: Floats, touched: list[str], **other: Any) -> BurstResult:
    """A second burst, of what is heard before and after a change."""
    at, since = open_places()[:COUNT], NOW + timedelta(days=1)
    old = request(heard(world.links(installed(world)).rsrp[:COUNT], 1), at).soundings
    new = request(heard(after[:COUNT], 2), at, since + timedelta(hours=3)).soundings
    table = SoundingTable(
        time=old.time + new.time, positions=old.positions + new.positions, cells=NAMES, rsrp=old.rsrp + new.rsrp
    )
    assert first.posterior is not None
    wanted = {"soundings": table, "since": since, "touched": touched, "posterior": first.posterior, "base_version": 1}
    return run_burst(request(after[:COUNT], at, since + timedelta(hours=3), **(wanted | other)), lambda *_: None)


def test_a_weaker_amplifier_is_a_power_and_the_other_cell_stays(world: PowerModel, first: BurstResult) -> None:
    weaker = installed(world)
    weaker[0] -= 6.0
    true = world.links(weaker).rsrp
    found = changed(world, first, true, NAMES[:1])
    assert found.finding == "power"
    assert np.nanmedian(off(found, true)) < 0.8
    assert found.posterior is not None
    assert first.posterior is not None
    mean, before = arrays(found.posterior)[0], arrays(first.posterior)[0]
    assert mean[0] - before[0] == pytest.approx(-6.0, abs=0.5)
    np.testing.assert_array_equal(mean[3:6], before[3:6])
    assert found.posterior.version == 2


def test_a_turned_antenna_is_a_pose(world: PowerModel, first: BurstResult) -> None:
    turned = installed(world)
    turned[4] += 30.0
    true = world.links(turned).rsrp
    found = changed(world, first, true, NAMES[1:])
    assert found.finding == "pose"
    assert np.nanmedian(off(found, true)[:, 1]) < 0.8
    assert found.posterior is not None
    assert arrays(found.posterior)[0][4] == pytest.approx(27.0, abs=4)


def test_a_new_building_is_corrected_and_not_called_a_material(world: PowerModel, first: BurstResult) -> None:
    scene = open_scene(SCENE, FREQUENCY, fresh=True)
    scene.add_box("new", *BUILDING, "metal")
    declared = scene.materials()
    paths = scene.trace([c.position for c in CELLS], open_places(), samples=30_000)
    built = PowerModel(CELLS, paths, 2 * COUNT, declared, FREQUENCY)
    parameters = built.declared()
    parameters[:6] = installed(world)[:6]
    true = built.links(parameters).rsrp
    found = changed(world, first, true, NAMES)
    assert found.finding == "geometry"
    assert "not understood" in found.reason
    was = np.nanmedian(off(first, true))
    assert np.nanmedian(off(found, true)) < 0.6 * was


def test_nothing_has_changed_and_nothing_is_found(world: PowerModel, first: BurstResult) -> None:
    found = changed(world, first, world.links(installed(world)).rsrp, NAMES[:1])
    assert found.finding == "nothing"
    assert found.posterior is not None
    assert first.posterior is not None
    assert found.posterior.mean == first.posterior.mean


# Bad input ------------------------------------------------------------------------------------------------------------

Spoil = Callable[[SoundingTable], dict[str, Any]]


def table(**other: Any) -> Spoil:
    return lambda own: {"soundings": msgspec.structs.replace(own, **other)}


def doubled(own: SoundingTable) -> dict[str, Any]:
    """Every place says two things of one moment."""
    twice = [[None if x is None else x - 70 for x in row] for row in own.rsrp]
    return {
        "soundings": SoundingTable(
            time=own.time * 2, positions=own.positions * 2, cells=own.cells, rsrp=own.rsrp + twice
        )
    }


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda own: {"cells": []}, "inventory"),
        (lambda own: {"soundings": SoundingTable(time=[], positions=[], cells=[], rsrp=[])}, "at least"),
        (lambda own: table(rsrp=[[40.0 + 30 * k, -80.0] for k in range(COUNT)])(own), "dBm"),
        (lambda own: table(positions=[(1e4 + k, 0.0, 1.5) for k in range(COUNT)])(own), "outside"),
        (lambda own: table(positions=[(3.0, 1.0, 1.5)] * COUNT)(own), "one place"),
        (lambda own: table(positions=[(float("nan"), 1.0, 1.5)] * COUNT)(own), "outside"),
        (lambda own: table(rsrp=own.rsrp[:-1])(own), "one row"),
        (lambda own: table(rsrp=[[None, None]] * COUNT)(own), "at least"),
        (lambda own: table(cells=["x", "y"])(own), "at least"),
        (doubled, "differ"),
        (lambda own: {"since": NOW + timedelta(days=3)}, "since the change"),
        (lambda own: {"scene": "atlantis"}, "atlantis"),
        (lambda own: {"cells": [msgspec.structs.replace(c, position=(1e5, 0.0, 10.0)) for c in CELLS]}, "outside"),
        (lambda own: {"posterior": make(["power/cell-0"], np.zeros(1), np.full((1, 1), -4.0), 1.0, 1)}, "covariance"),
    ],
    ids=["no cells", "none", "impossible", "outside", "one place", "nan", "rows", "unheard", "other cells",
         "contradiction", "too old", "scene", "antenna", "posterior"],
)  # fmt: skip
def test_what_can_not_be_used_fails_with_a_reason(spoil: Spoil, says: str, world: PowerModel) -> None:
    own = request(heard(world.links(world.declared()).rsrp[:COUNT]), open_places()[:COUNT])
    found = run_burst(msgspec.structs.replace(own, **spoil(own.soundings)), lambda *_: None)
    assert found.outcome == "failed"
    assert says in found.reason
    assert (found.map, found.posterior, found.base_version) == (None, None, 0)


def test_where_no_path_leads_it_says_so() -> None:
    """All receivers stand in houses."""
    scene = open_scene(SCENE, FREQUENCY)
    x, y = np.meshgrid(np.arange(-90.0, 90.0, 3.0), [20.0, 25.0, -20.0, -25.0])
    at = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 1.5)])
    at = at[inside(scene, at)]
    found = run_burst(request(np.full((len(at), 2), -90.0), at), lambda *_: None)
    assert found.outcome == "failed"
    assert "no path" in found.reason
