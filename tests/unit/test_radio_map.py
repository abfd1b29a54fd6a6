"""Radio maps: packed and unpacked within bounds, interpolated, equal to the fields of the paths they come from."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from twin.errors import BadInput, ConfigurationError
from twin.radio.antenna import Antenna
from twin.radio.cells import CellRadio
from twin.radio.frozen import fields
from twin.radio.grid import Grid, trace_grid
from twin.radio.maps import MOST_VALUES, RadioMap, gain_at, pack, sight_at, unpack
from twin.radio.scene import RadioScene, open_scene

FREQUENCY = 3.5e9
AREA = (-40.0, -15.0, 40.0, 15.0)


def cell(name: str, position: tuple[float, float, float], azimuth: float) -> CellRadio:
    return CellRadio(dn=name, position=position, azimuth_deg=azimuth, tilt_deg=6.0, power_dbm=46.0)


CELLS = [
    cell("a", (-33.0, 5.0, 12.0), 100.0),
    cell("b", (-33.0, 5.0, 12.0), 200.0),
    cell("c", (20.0, -3.0, 10.0), 270.0),
]


def a_map(gain: NDArray[np.float64], step: float = 2.0, **changed: Any) -> RadioMap:
    packed = pack([f"c{k}" for k in range(len(gain))], (10.0, -20.0), step, 1.5, gain, gain > -90, (6.0, 8.0))
    return msgspec.structs.replace(packed, **changed)


levels = st.floats(-200, 50) | st.just(float("nan"))
grids = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(levels, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(
        lambda values: np.array(values).reshape(shape)
    )
)

# Packing --------------------------------------------------------------------------------------------------------------


@given(grids)
def test_what_is_packed_comes_back_to_a_hundredth_of_a_decibel(gain: NDArray[np.float64]) -> None:
    again = unpack(msgspec.json.decode(msgspec.json.encode(a_map(gain)), type=RadioMap))
    np.testing.assert_allclose(again.gain, gain, atol=0.0051)
    np.testing.assert_array_equal(again.sight, gain > -90)


def test_gains_beyond_what_can_be_packed_are_bounded_not_turned_round() -> None:
    np.testing.assert_allclose(unpack(a_map(np.array([[[-500.0, 500.0]]]))).gain, [[[-327.67, 327.67]]], atol=1e-4)


GOOD = a_map(np.full((2, 3, 4), -80.0))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"gain": b"no zlib"}, "shape"),
        ({"gain": zlib.compress(b"\0" * 47)}, "shape"),
        ({"gain": zlib.compress(b"\0" * 49)}, "shape"),
        ({"gain": GOOD.gain[:-3]}, "shape"),
        ({"gain": GOOD.gain + b"more"}, "shape"),
        ({"sight": b""}, "shape"),
        ({"shape": (3, 5)}, "shape"),
        ({"shape": (0, 4)}, "shape"),
        ({"shape": (-3, -4)}, "shape"),
        ({"cells": []}, "shape"),
        ({"shape": (MOST_VALUES, 1)}, "too-large"),
        ({"step": 0.0}, "out-of-range"),
        ({"step": float("nan")}, "out-of-range"),
        ({"origin": (float("inf"), 0.0)}, "out-of-range"),
        ({"error_db": (-1.0, 3.0)}, "out-of-range"),
    ],
)
def test_a_map_that_is_damaged_or_absurd_is_bad_input(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        gain_at(msgspec.structs.replace(GOOD, **changed), [[10.0, -20.0]])
    assert caught.value.reason == reason


def test_a_bomb_is_not_inflated() -> None:
    import tracemalloc

    bomb = msgspec.structs.replace(GOOD, gain=zlib.compress(b"\0" * 200_000_000))
    tracemalloc.start()
    with pytest.raises(BadInput):
        unpack(bomb)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


# Interpolation --------------------------------------------------------------------------------------------------------


def test_a_plane_is_interpolated_exactly() -> None:
    y, x = np.mgrid[:6, :5] * 2.0
    radio_map = a_map((-80 + 0.5 * x - 0.25 * y)[None])
    rng = np.random.default_rng(1)
    places = rng.uniform((10, -20), (18, -10), (50, 2))
    expected = -80 + 0.5 * (places[:, 0] - 10) - 0.25 * (places[:, 1] + 20)
    np.testing.assert_allclose(gain_at(radio_map, places)[:, 0], expected, atol=0.011)


@given(grids, st.integers(0, 3), st.integers(0, 3))
def test_at_its_points_a_map_says_what_it_holds(gain: NDArray[np.float64], row: int, column: int) -> None:
    row, column = min(row, gain.shape[1] - 1), min(column, gain.shape[2] - 1)
    place = [[10 + 2.0 * column, -20 + 2.0 * row, 99.0]]
    np.testing.assert_allclose(gain_at(a_map(gain), place)[0], gain[:, row, column], atol=0.0051)
    np.testing.assert_array_equal(sight_at(a_map(gain), place)[0], gain[:, row, column] > -90)


@given(grids, st.floats(5, 22), st.floats(-25, -8))
def test_between_points_it_lies_between_what_arrives_there(gain: NDArray[np.float64], x: float, y: float) -> None:
    found = gain_at(a_map(gain), [[x, y]])[0]
    at = np.array([(y + 20) / 2, (x - 10) / 2])
    most = np.array(gain.shape[1:]) - 1
    if ((at < -0.5) | (at > most + 0.5)).any():
        assert np.isnan(found).all()
        assert not sight_at(a_map(gain), [[x, y]]).any()
        return
    around = gain[:, max(int(np.floor(at[0])), 0) :, max(int(np.floor(at[1])), 0) :][:, :2, :2]
    nearest = gain[:, *np.clip(np.round(at), 0, most).astype(int)]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(nearest))
    heard = ~np.isnan(found)
    if heard.any():
        assert (found[heard] >= np.nanmin(around[heard], axis=(1, 2)) - 0.01).all()
        assert (found[heard] <= np.nanmax(around[heard], axis=(1, 2)) + 0.01).all()


# From paths -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene() -> RadioScene:
    return open_scene("simple_street_canyon", FREQUENCY)


@pytest.fixture(scope="module")
def grid(scene: RadioScene) -> Grid:
    return trace_grid(scene, CELLS, step=4.0, area=AREA, samples=20_000)


def test_a_map_is_the_power_of_the_paths_at_its_points(scene: RadioScene, grid: Grid) -> None:
    offsets = {"azimuth_deg": [3.0, 0.0, -5.0], "tilt_deg": [0.0, 2.0, 1.0], "power_db": [-3.0, 0.0, 1.0]}
    radio_map = grid.map(scene.materials(), **offsets)  # type: ignore[arg-type]
    places = np.array([[-20.0, 3.0, 1.5], [0.0, -5.0, 1.5], [16.0, 7.0, 1.5]])
    at = np.round((places[:, :2] - radio_map.origin) / radio_map.step) * radio_map.step + radio_map.origin
    places[:, :2] = at
    traced = scene.trace([c.position for c in CELLS], places, samples=20_000)
    turned = [c.antenna(offsets["azimuth_deg"][k], offsets["tilt_deg"][k]) for k, c in enumerate(CELLS)]
    a = fields(traced, scene.materials(), turned, [Antenna()] * 3, FREQUENCY).a
    power = np.bincount(traced.receiver * 3 + traced.transmitter, np.abs(a) ** 2, minlength=9).reshape(3, 3)
    np.testing.assert_allclose(gain_at(radio_map, places), 10 * np.log10(power) + offsets["power_db"], atol=0.006)
    np.testing.assert_array_equal(sight_at(radio_map, places).T, scene.sight([c.position for c in CELLS], places))


def test_in_buildings_nothing_arrives(scene: RadioScene) -> None:
    low, high = scene.objects["building_1"].bounds
    middle = (low + high) / 2
    around = (middle[0] - 30, middle[1] - 30, middle[0] + 30, middle[1] + 30)
    radio_map = scene.radio_map(CELLS, scene.materials(), step=5.0, area=around, samples=5000)
    assert np.isnan(gain_at(radio_map, [middle])).all()
    assert not sight_at(radio_map, [middle]).any()
    assert not np.isnan(unpack(radio_map).gain).all()


def test_outside_of_the_scene_nothing_arrives(scene: RadioScene) -> None:
    east = scene.bounds[1, 0]
    radio_map = scene.radio_map(CELLS, scene.materials(), step=5.0, area=(east - 20, -10, east + 20, 10), samples=5000)
    assert np.isnan(gain_at(radio_map, [[east + 10, 0.0]])).all()
    assert np.isfinite(gain_at(radio_map, [[east - 10, 0.0]])[:, 2]).all()


def test_it_says_what_it_was_made_of(scene: RadioScene, grid: Grid) -> None:
    radio_map = grid.map(scene.materials(), error_db=(5.0, 7.0), version=3)
    assert (radio_map.cells, radio_map.version, radio_map.error_db) == (["a", "b", "c"], 3, (5.0, 7.0))
    assert radio_map.scene == f"{scene.name}@{scene.version}"
    assert (radio_map.shape, radio_map.step, radio_map.height) == ((8, 20), 4.0, 1.5)


def test_power_moves_a_map_and_nothing_else(scene: RadioScene, grid: Grid) -> None:
    plain, louder = (grid.gains(scene.materials(), power_db=power) for power in (0.0, 2.5))
    np.testing.assert_allclose(louder - plain, np.where(np.isnan(plain), np.nan, 2.5))


def test_sionna_s_map_has_the_same_powers(scene: RadioScene) -> None:
    """Its map adds up both polarisations over a square; ours, at points all over it, the same."""
    import mitsuba as mi
    import sionna.rt as rt

    from twin.radio.solver import Devices

    square, middle = 4.0, np.array([-5.0, 0.0])
    places = np.column_stack([(np.mgrid[:8, :8].reshape(2, -1).T / 8 - 0.4375) * square + middle, np.full(64, 1.5)])
    tx = np.array([CELLS[2].position])
    with Devices(scene.sionna, tx, tx[:0], np.zeros((1, 3))):
        theirs = rt.RadioMapSolver()(
            scene.sionna,
            center=mi.Point3f(*middle.tolist(), 1.5),
            orientation=mi.Point3f(0, 0, 0),
            size=mi.Point2f(3 * square, 3 * square),
            cell_size=mi.Point2f(square, square),
            samples_per_tx=1_000_000,
            refraction=False,
        )
    traced = scene.trace(tx, places, samples=20_000)
    total = 0.0
    for slant in (0.0, np.pi / 2):
        heard = [Antenna("iso", slant)] * 64
        a = fields(traced, scene.materials(), [Antenna()], heard, FREQUENCY).a
        total += np.sum(np.abs(a) ** 2) / 64
    assert 10 * np.log10(float(np.array(theirs.path_gain)[0, 1, 1]) / total) == pytest.approx(0, abs=0.2)


@pytest.mark.parametrize(
    "changed", [{"step": 0.0}, {"area": (0.0, 0.0, -1.0, 1.0)}, {"cells": []}, {"step": 1e-4}, {"step": float("nan")}]
)
def test_a_grid_that_makes_no_sense_is_bad_input(scene: RadioScene, changed: dict[str, Any]) -> None:
    options = {"cells": CELLS, "step": 5.0, "area": AREA, **changed}
    with pytest.raises(BadInput):
        scene.radio_map(options.pop("cells"), scene.materials(), **options)


def test_materials_of_another_scene_are_refused(grid: Grid) -> None:
    with pytest.raises(ConfigurationError, match="another scene"):
        grid.gains(open_scene("box", FREQUENCY).materials())
