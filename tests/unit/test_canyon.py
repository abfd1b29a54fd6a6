"""The canyon's exact figures, gradients against differences, and who finds the power at which bandwidth."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.canyon import error, sound
from twin.errors import BadInput
from twin.radio.calibration.fit import fit
from twin.radio.calibration.losses import Aware, Compare, oblivious, uniform
from twin.radio.calibration.projection import project, signatures
from twin.radio.calibration.von_mises import concentration, resultant
from twin.radio.canyon import LOWEST, START, TRUE_MATERIAL, TRUE_WALLS, TWIN_WALLS, canyon, power


def test_geometry_and_amplitudes_are_those_published() -> None:
    true, twin = canyon(TRUE_WALLS), canyon(TWIN_WALLS)
    np.testing.assert_allclose(true.lengths, [25.98198317, 29.97927875], atol=5e-9)
    assert twin.lengths[1] == pytest.approx(30.00329586, abs=5e-9)
    np.testing.assert_allclose(true.cosines, [0.38461267, 0.60000109], atol=5e-9)
    assert np.diff(true.delays)[0] == pytest.approx(13.3335e-9, rel=1e-5)
    np.testing.assert_allclose(np.abs(true.amplitudes(TRUE_MATERIAL).a), [1.06004001e-4, 7.51267066e-5], rtol=5e-9)


@pytest.mark.parametrize("compare", [oblivious, uniform])
def test_the_gradient_of_a_loss_is_exact(compare: Compare) -> None:
    measured, scale = sound(20e6, np.random.default_rng(1))
    found = canyon(TWIN_WALLS).amplitudes(np.array([3.0, 0.1])).a / np.sqrt(scale)
    exact = compare(measured, found).gradient
    for k in range(2):
        for unit, part in ((1, np.real), (1j, np.imag)):
            step = 1e-6 * np.eye(2)[k] * unit * abs(found[k])
            difference = (compare(measured, found + step).value - compare(measured, found - step).value) / 2e-6
            assert 2 * part(exact[k]) * abs(found[k]) == pytest.approx(difference, rel=1e-4, abs=1e-7)


def test_the_gradient_of_the_aware_loss_is_exact_for_the_phase_errors_found() -> None:
    measured, scale = sound(20e6, np.random.default_rng(1))
    found = canyon(TWIN_WALLS).amplitudes(np.array([3.0, 0.1])).a / np.sqrt(scale)

    class Fixed(Aware):
        """An M-step: errors and concentrations stay those of the first call."""

        def _errors(self, *_: object) -> np.ndarray:
            return np.tile([0.3, -2.0], (len(measured.energy), 1))

    quiet = measured._replace(noise=0.0)  # then the concentrations do not depend on the amplitudes
    exact = Fixed()(quiet, found).gradient
    step = 1e-6 * np.array([abs(found[0]), 0])
    difference = (Fixed()(quiet, found + step).value - Fixed()(quiet, found - step).value) / 2e-6
    assert 2 * exact[0].real * abs(found[0]) == pytest.approx(difference, rel=1e-4)


def test_the_amplitudes_derivatives_are_exact() -> None:
    twin = canyon(TWIN_WALLS)
    exact = twin.amplitudes(START).da
    for k in range(2):
        step = 1e-6 * np.eye(2)[k]
        difference = (twin.amplitudes(START + step).a - twin.amplitudes(START - step).a) / 2e-6
        np.testing.assert_allclose(exact[k], difference, rtol=1e-6)


@pytest.mark.parametrize(
    ("method", "bandwidth", "at_most"),
    [("PEAC", 10e6, 0.01), ("UPEC", 500e6, 0.1), ("PEAC joint", 1e6, 0.03), ("PEAC joint", 10e6, 0.01)],
)
def test_what_a_method_is_good_at(method: str, bandwidth: float, at_most: float) -> None:
    assert error(method, bandwidth, 0) < at_most


@pytest.mark.parametrize(
    ("method", "bandwidth", "at_least"), [("PEOC", 100e6, 0.5), ("UPEC", 10e6, 0.5), ("PEAC", 1e6, 0.1)]
)
def test_what_a_method_is_bad_at(method: str, bandwidth: float, at_least: float) -> None:
    assert error(method, bandwidth, 0) > at_least


def test_with_the_right_geometry_trusting_the_phases_is_best() -> None:
    true = canyon(TRUE_WALLS)
    measured = project(
        np.tile(signatures(np.linspace(-5e6, 5e6, 64), true.delays) @ true.amplitudes(TRUE_MATERIAL).a, (4, 1)),
        signatures(np.linspace(-5e6, 5e6, 64), true.delays),
        0.0,
    )
    found = fit(lambda m: [true.amplitudes(m)], [measured], oblivious, START, LOWEST, 400)
    wanted = power(true.amplitudes(TRUE_MATERIAL).a)
    assert power(true.amplitudes(found.parameters).a) == pytest.approx(wanted, rel=1e-3)
    assert found.losses[-1] < 1e-4 < found.losses[0]


@pytest.mark.parametrize("kappa", [0.01, 0.5, 3.0, 200.0])
def test_the_concentration_is_that_of_its_mean_cosine(kappa: float) -> None:
    assert concentration(float(resultant(kappa))) == pytest.approx(kappa, rel=1e-6)
    assert concentration(-0.1) == 0


@pytest.mark.parametrize(
    "measured", [np.zeros((2, 8), complex), np.full((2, 8), np.nan + 0j), np.ones((2, 7), complex), np.ones(8, complex)]
)
def test_a_measurement_that_says_nothing_is_refused(measured: np.ndarray) -> None:
    with pytest.raises(BadInput):
        project(measured, np.ones((8, 2), complex), 1.0)
