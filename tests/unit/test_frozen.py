"""Fields of frozen paths: free space, mirrors, walls; exact derivatives; reciprocity; laws of polarisation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from twin.errors import ConfigurationError
from twin.radio.antenna import Antenna, as_arrays, field, gain, rotation, sent
from twin.radio.canyon import FREQUENCY, HALF_DISTANCE, TRUE_MATERIAL, TRUE_WALLS, canyon
from twin.radio.fresnel import SPEED_OF_LIGHT
from twin.radio.frozen import (
    NOTHING,
    REFLECTION,
    TRANSMISSION,
    FrozenPaths,
    fields,
    per_field_sent,
    prepare,
    with_antennas,
)
from twin.radio.materials import ITU, Materials, itu

ISO = Antenna()
CONCRETE = Materials(("wall",), TRUE_MATERIAL[:1], TRUE_MATERIAL[1:], np.array([5.0]))


def paths(*points: list[list[float]], normals: list[list[list[float]]], kinds: list[list[int]]) -> FrozenPaths:
    n = len(points)
    kind = np.array(kinds, dtype=np.int64).reshape(n, -1)
    where = np.where(kind == NOTHING, -1, 0)
    index = np.zeros(n, dtype=np.int64)
    normal = np.array(normals, dtype=np.float64).reshape(n, -1, 3)
    return FrozenPaths(index, index, np.array(points, dtype=np.float64), normal, where, kind)


def mirrored(tx: list[float], rx: list[float], wall_y: float) -> FrozenPaths:
    """One reflection at the wall y = `wall_y`."""
    share = (wall_y - tx[1]) / (2 * wall_y - rx[1] - tx[1])
    at = [tx[0] + share * (rx[0] - tx[0]), wall_y, tx[2] + share * (rx[2] - tx[2])]
    return paths([tx, at, rx], normals=[[[0, -1, 0]]], kinds=[[REFLECTION]])


def test_free_space_is_friis() -> None:
    tx, rx = [0.0, 0.0, 0.0], [30.0, 40.0, 0.0]
    found = fields(paths([tx, rx, rx], normals=[[[0, 0, 0]]], kinds=[[NOTHING]]), CONCRETE, [ISO], [ISO], 1e9)
    assert abs(found.a[0]) == pytest.approx(SPEED_OF_LIGHT / 1e9 / (4 * np.pi * 50))
    assert not found.by_eps.any()


def test_the_canyon_s_two_paths_are_those_in_closed_form() -> None:
    tx, rx = [-HALF_DISTANCE, 0.0, 1.0], [HALF_DISTANCE, 0.0, 1.0]
    closed = canyon(TRUE_WALLS).amplitudes(TRUE_MATERIAL)
    for k, wall in enumerate((TRUE_WALLS[0], -TRUE_WALLS[1])):
        found = fields(mirrored(tx, rx, wall), CONCRETE, [ISO], [ISO], FREQUENCY)
        turn = np.exp(-2j * np.pi * FREQUENCY * mirrored(tx, rx, wall).delays())
        assert found.a[0] * turn[0] == pytest.approx(closed.a[k], rel=1e-9)
        np.testing.assert_allclose(
            np.array([found.by_eps[0, 0], found.by_sigma[0, 0]]) * turn, closed.da[:, k], rtol=1e-9
        )


coordinates = st.floats(-20, 20)
places = st.tuples(coordinates, st.floats(-20, -1), coordinates).map(list)
antennas = st.builds(
    Antenna,
    st.sampled_from(["iso", "dipole", "hw_dipole", "tr38901"]),
    st.floats(-1.5, 1.5),
    st.tuples(*[st.floats(-3, 3)] * 3),
)


@given(places, places, antennas, antennas, st.sampled_from([REFLECTION, TRANSMISSION]))
def test_derivatives_are_exact_and_links_reciprocal(
    tx: list[float], rx: list[float], one: Antenna, other: Antenna, kind: int
) -> None:
    thin = CONCRETE._replace(thickness=np.array([0.1]))
    frozen = mirrored(tx, rx, 3.0)
    if kind == TRANSMISSION:
        rx = [rx[0], 6 - rx[1], rx[2]]
        frozen = paths([tx, frozen.points[0, 1].tolist(), rx], normals=[[[0, -1, 0]]], kinds=[[TRANSMISSION]])
    found = fields(frozen, thin, [one], [other], FREQUENCY)
    back = frozen._replace(points=frozen.points[:, ::-1])
    assert fields(back, thin, [other], [one], FREQUENCY).a[0] == pytest.approx(found.a[0], rel=1e-9, abs=1e-15)
    for name, exact in (("eps", found.by_eps), ("sigma", found.by_sigma)):
        value = getattr(thin, name)
        up, down = (
            fields(frozen, thin._replace(**{name: value + step}), [one], [other], FREQUENCY).a for step in (1e-6, -1e-6)
        )
        np.testing.assert_allclose(exact[0], (up - down) / 2e-6, rtol=1e-3, atol=1e-8 * max(abs(found.a[0]), 1e-9))


@given(places, places, antennas, antennas, st.sampled_from([0, 1]))
def test_derivatives_by_the_pose_are_exact(
    tx: list[float], rx: list[float], one: Antenna, other: Antenna, axis: int
) -> None:
    thin = CONCRETE._replace(thickness=np.array([0.1]))
    frozen, step = mirrored(tx, rx, 3.0), 1e-5
    found = fields(frozen, thin, [one], [other], FREQUENCY)

    def turned(by: float) -> complex:
        pose = list(one.orientation)
        pose[axis] += by
        return complex(fields(frozen, thin, [one._replace(orientation=tuple(pose))], [other], FREQUENCY).a[0])

    up, middle, down = turned(step), turned(0.0), turned(-step)
    local = rotation(one.orientation).T @ prepare(frozen).departure[0]
    assume(np.hypot(local[0], local[1]) > 0.05)  # along its own z axis an antenna's polarisation has no direction
    assume(abs(up - 2 * middle + down) < 0.02 * max(abs(up - down), 1e-9))  # a pattern's floor has an edge
    exact = (found.by_yaw, found.by_pitch)[axis][0]
    assert exact == pytest.approx((up - down) / (2 * step), rel=1e-3, abs=1e-6 * max(abs(middle), 1e-6))


def test_many_antennas_at_once_are_each_for_itself() -> None:
    rng = np.random.default_rng(1)
    patterns = ["iso", "dipole", "hw_dipole", "tr38901"]
    many = [Antenna(patterns[k % 4], rng.normal(), tuple(rng.normal(size=3))) for k in range(12)]  # type: ignore[arg-type]
    index, towards = rng.integers(0, 12, 200), rng.normal(size=(200, 3))
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    together = sent(as_arrays(many), index, towards).field
    alone = [field(many[k], direction) for k, direction in zip(index, towards, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_another_pose_costs_a_product_and_gives_the_same() -> None:
    frozen = mirrored([-5.0, -3.0, 2.0], [4.0, -2.0, 1.0], 3.0)
    ready, down = prepare(frozen), Antenna("tr38901", 0.4, (0.3, 0.2, 0.1))
    arriving = per_field_sent(ready, CONCRETE, [ISO], FREQUENCY)
    assert with_antennas(ready, arriving, [down])[0] == pytest.approx(
        fields(frozen, CONCRETE, [down], [ISO], FREQUENCY).a[0], rel=1e-12
    )


def test_a_metal_mirror_turns_vertical_round_and_loses_nothing() -> None:
    permittivity, conductivity = itu("metal", FREQUENCY)
    metal = Materials(("metal",), np.array([permittivity]), np.array([conductivity]), np.array([1.0]))
    tx, rx = [-5.0, 0.0, 0.0], [5.0, 0.0, 0.0]
    found = fields(mirrored(tx, rx, 5.0), metal, [ISO], [ISO], FREQUENCY)
    free = SPEED_OF_LIGHT / FREQUENCY / (4 * np.pi * np.sqrt(200))
    assert found.a[0] == pytest.approx(-free, rel=1e-3)


def test_straight_on_the_direction_within_the_wall_does_not_matter() -> None:
    tx, wall, rx = [0.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 1.0, 0.0]
    found = fields(
        paths([tx, wall, rx], normals=[[[0, -1, 0]]], kinds=[[REFLECTION]]), CONCRETE, [ISO], [ISO], FREQUENCY
    )
    eta = TRUE_MATERIAL[0] - 1j * TRUE_MATERIAL[1] / (2 * np.pi * FREQUENCY * 8.8541878128e-12)
    r = (1 - np.sqrt(eta)) / (1 + np.sqrt(eta))
    assert found.a[0] == pytest.approx(r * SPEED_OF_LIGHT / FREQUENCY / (4 * np.pi * 9), rel=1e-4)


# Antennas -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "most"), [("iso", 1.0), ("dipole", 1.5), ("hw_dipole", 1.643), ("tr38901", 10**0.8)]
)
def test_the_largest_gain_is_the_pattern_s_and_lies_ahead(pattern: str, most: float) -> None:
    theta, phi = np.meshgrid(np.linspace(0.01, np.pi - 0.01, 181), np.linspace(-np.pi, np.pi, 361), indexing="ij")
    found = gain(pattern, theta, phi)  # type: ignore[arg-type]
    assert found.max() == pytest.approx(most, rel=1e-3)
    assert float(gain(pattern, np.array(np.pi / 2), np.array(0.0))) == pytest.approx(most)  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["dipole", "hw_dipole"])
def test_a_lossless_antenna_sends_what_it_gets(pattern: str) -> None:
    theta = (np.arange(2000) + 0.5) * np.pi / 2000
    mean = np.sum(gain(pattern, theta, theta) * np.sin(theta)) * np.pi / 2000 / 2  # type: ignore[arg-type]
    assert mean == pytest.approx(1, rel=2e-3)


@given(antennas, st.tuples(*[st.floats(-1, 1)] * 3))
def test_a_field_lies_across_its_direction_and_turns_with_its_antenna(
    antenna: Antenna, towards: tuple[float, ...]
) -> None:
    size = np.linalg.norm(towards)
    if size < 0.1:
        return
    direction = np.array(towards) / size
    sent = field(antenna, direction)
    assert abs(sent @ direction) < 1e-6
    turned = field(antenna._replace(orientation=(0.0, 0.0, 0.0)), rotation(antenna.orientation).T @ direction)
    np.testing.assert_allclose(rotation(antenna.orientation) @ turned, sent, atol=1e-9)


def test_a_positive_pitch_tilts_down() -> None:
    down = rotation((0.0, 0.2, 0.0)) @ [1.0, 0.0, 0.0]
    assert down[2] == pytest.approx(-np.sin(0.2))


# Materials ------------------------------------------------------------------------------------------------------------


def test_the_named_materials_are_those_of_the_recommendation() -> None:
    assert itu("concrete", 1e9) == (5.24, 0.0462)
    eps, sigma = itu("wet_ground", 10e9)
    assert (eps, sigma) == (pytest.approx(30 * 10**-0.4), pytest.approx(0.15 * 10**1.3))
    assert len(ITU) == 14


@pytest.mark.parametrize(("name", "frequency"), [("cheese", 1e9), ("wet_ground", 28e9), ("floorboard", 3e9)])
def test_a_material_that_is_not_known_there_is_refused(name: str, frequency: float) -> None:
    with pytest.raises(ConfigurationError, match="material"):
        itu(name, frequency)
