"""Expected powers of frozen paths: Friis, exact slopes, offsets that mean what they say, places that hear nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit import street
from twin.radio.antenna import gain
from twin.radio.cells import CellRadio
from twin.radio.fresnel import SPEED_OF_LIGHT
from twin.radio.power import LN_EPS, PowerModel

MODEL = street.model(12, 2)


def test_in_free_space_it_is_friis_with_the_antenna_s_gain() -> None:
    cell = CellRadio(dn="a", position=(0, 0, 10), azimuth_deg=90.0, tilt_deg=0.0, power_dbm=40.0, num_prbs=100)
    place = np.array([[100.0, 30.0, 10.0]])
    frozen = street.paths(np.array([cell.position]), place)
    direct = frozen.take(np.flatnonzero((frozen.kinds == 0).all(axis=1)))
    found = PowerModel([cell], direct, 1, street.MATERIALS, street.FREQUENCY).links(
        np.array([1.5, 0, 0, *MODEL.declared()[6:]])
    )
    length = np.hypot(100, 30)
    loss = 20 * np.log10(SPEED_OF_LIGHT / street.FREQUENCY / (4 * np.pi * length))
    towards = 10 * np.log10(gain("tr38901", np.array(np.pi / 2), np.array(np.arctan2(30, 100))))
    assert found.rsrp[0, 0] == pytest.approx(40 - 10 * np.log10(1200) + 1.5 + loss + towards, abs=1e-9)


offsets = st.lists(st.floats(-1, 1), min_size=12, max_size=12).map(np.array)


@settings(max_examples=20, deadline=None)
@given(offsets)
def test_slopes_are_exact(unit: np.ndarray) -> None:
    width = np.array([3.0, 8.0, 4.0] * 2 + [0.5, 1.0] * 3)
    at = MODEL.declared() + unit * width
    found = MODEL.links(at)
    for k in range(len(at)):
        step = 1e-5 * np.eye(len(at))[k]
        difference = (MODEL.links(at + step).rsrp - MODEL.links(at - step).rsrp) / 2e-5
        # Where a pattern meets its floor its slope jumps.
        kink = np.abs(found.slopes[..., k] - difference) > 1e-3
        assert kink.mean() < 0.1
        np.testing.assert_allclose(found.slopes[..., k][~kink], difference[~kink], atol=1e-4)


def test_at_the_end_of_what_is_allowed_nothing_changes() -> None:
    at = MODEL.declared()
    at[6] = LN_EPS[1] + 1
    assert not MODEL.links(at).slopes[..., 6].any()


def test_a_positive_azimuth_is_clockwise_and_a_positive_tilt_down() -> None:
    own = street.cells(1)[0]
    turned = CellRadio(
        dn=own.dn, position=own.position, azimuth_deg=own.azimuth_deg + 7, tilt_deg=own.tilt_deg + 3, power_dbm=42.0
    )
    frozen = street.paths(np.array([own.position]), street.places(6))
    one, other = (PowerModel([c], frozen, 6, street.MATERIALS, street.FREQUENCY) for c in (own, turned))
    at = one.declared()
    at[:3] = 2.0, 7.0, 3.0
    np.testing.assert_allclose(one.links(at).rsrp, other.links(other.declared()).rsrp, atol=1e-9)


def test_where_no_path_arrives_there_is_no_power_and_no_slope() -> None:
    own, frozen = street.cells(2), street.paths(np.array([c.position for c in street.cells(2)]), street.places(3))
    kept = frozen.take(np.flatnonzero((frozen.receiver != 1) | (frozen.transmitter != 0)))
    found = PowerModel(own, kept, 3, street.MATERIALS, street.FREQUENCY)
    links = found.links(found.declared())
    assert np.isnan(links.rsrp).tolist() == [[False, False], [True, False], [False, False]]
    assert not links.slopes[1, 0].any()
    assert np.isnan(found.along(0, found.declared())(1.0, -3.0)[1, 0])


@given(st.integers(0, 2), st.floats(-2, 3), st.floats(-6, 2))
def test_along_one_material_powers_are_those_of_the_whole(number: int, ln_eps: float, ln_sigma: float) -> None:
    at = MODEL.declared() + 0.3
    whole = at.copy()
    whole[6 + 2 * number : 8 + 2 * number] = ln_eps, ln_sigma
    np.testing.assert_allclose(MODEL.along(number, at)(ln_eps, ln_sigma), MODEL.links(whole).rsrp, atol=1e-9)


def test_metals_have_no_parameters() -> None:
    metal = street.MATERIALS._replace(sigma=np.array([0.03, 1e7, 0.12]))
    names = street.model(2, 1, metal).names
    assert names == ["power/cell-0", "azimuth/cell-0", "tilt/cell-0", "eps/brick", "sigma/brick", "eps/ground",
                     "sigma/ground"]  # fmt: skip


def test_a_cell_meets_the_walls_that_its_own_paths_meet() -> None:
    frozen = street.paths(np.array([c.position for c in street.cells(2)]), street.places(3))
    only_second = (frozen.transmitter == 1) | ~(frozen.materials == 0).any(axis=1)
    found = PowerModel(street.cells(2), frozen.take(np.flatnonzero(only_second)), 3, street.MATERIALS, street.FREQUENCY)
    first = dict(zip(found.names, found.meets([0]).tolist(), strict=True))
    assert not first["eps/brick"]
    assert first["eps/glass"]
    assert found.meets([0, 1])[6:].all()
    assert not found.meets([0, 1])[:6].any()
