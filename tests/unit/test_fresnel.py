"""Reflection and transmission: the laws they obey, and derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.radio.fresnel import half_space, permittivity, slab

FREQUENCY = 3.5e9
permittivities = st.builds(lambda eps, sigma: permittivity(eps, sigma, FREQUENCY), st.floats(1.01, 30), st.floats(0, 5))
cosines = st.floats(0.01, 1)


@given(permittivities, cosines, st.floats(0.001, 0.5))
def test_a_passive_wall_gives_back_no_more_than_it_gets(eta: complex, cosine: float, thickness: float) -> None:
    reflected, through = slab(eta, cosine, thickness, FREQUENCY)
    for r, t in ((reflected.s, through.s), (reflected.p, through.p)):
        assert abs(r) ** 2 + abs(t) ** 2 <= 1 + 1e-9


@given(st.floats(1.01, 30), cosines, st.floats(0.001, 0.5))
def test_a_wall_without_loss_loses_nothing(eps: float, cosine: float, thickness: float) -> None:
    reflected, through = slab(eps, cosine, thickness, FREQUENCY)
    assert abs(reflected.s) ** 2 + abs(through.s) ** 2 == pytest.approx(1)
    assert abs(reflected.p) ** 2 + abs(through.p) ** 2 == pytest.approx(1)


@given(st.floats(1.01, 30))
def test_at_brewster_s_angle_nothing_is_reflected_in_the_plane(eps: float) -> None:
    assert abs(half_space(eps, np.cos(np.arctan(np.sqrt(eps)))).p) < 1e-12


def test_seen_straight_on_the_two_polarisations_are_one() -> None:
    r = half_space(permittivity(5.0, 0.1, FREQUENCY), 1.0)
    assert r.s == pytest.approx(-r.p)


def test_a_thick_lossy_slab_is_a_half_space_and_one_without_thickness_is_air() -> None:
    eta = permittivity(5.31, 0.14, 6e9)
    reflected, _ = slab(eta, 0.4, 3.0, 6e9)
    assert reflected.s == pytest.approx(half_space(eta, 0.4).s, rel=1e-5)
    reflected, through = slab(eta, 0.4, 0.0, 6e9)
    assert (abs(reflected.s), through.s) == (0, pytest.approx(1))


def test_the_published_slab_value_of_the_canyon() -> None:
    """0.1 m of concrete in place of a half-space changes the first path from 1.06004e-4 to 1.10305e-4."""
    reflected, _ = slab(permittivity(5.31, 0.139037, 6e9), 0.38461267, 0.1, 6e9)
    spread = 299_792_458 / 6e9 / (4 * np.pi * 25.98198317)
    assert abs(reflected.s) * spread == pytest.approx(1.10305e-4, rel=3e-5)


@given(permittivities, cosines, st.floats(0.001, 0.3))
def test_derivatives_are_exact(eta: complex, cosine: float, thickness: float) -> None:
    step = 1e-6 * abs(eta)

    def all_of(x: complex) -> list[complex]:
        half, (reflected, through) = half_space(x, cosine), slab(x, cosine, thickness, FREQUENCY)
        return [half.s, half.p, reflected.s, reflected.p, through.s, through.p]

    half, (reflected, through) = half_space(eta, cosine), slab(eta, cosine, thickness, FREQUENCY)
    exact = [half.ds, half.dp, reflected.ds, reflected.dp, through.ds, through.dp]
    if abs(np.sqrt(eta - 1 + cosine**2)) < 0.1:  # grazing what is nearly air: the root has no derivative
        return
    for direction in (1, 1j):
        differences = (np.array(all_of(eta + step * direction)) - all_of(eta - step * direction)) / (
            2 * step * direction
        )
        np.testing.assert_allclose(exact, differences, rtol=2e-4, atol=2e-5)
