"""Random phases, the case PEAC is made for, and soundings that share theirs, which may be put together."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.canyon import METHODS, SOUNDINGS, calibrate, sound
from twin.radio.calibration.losses import Aware
from twin.radio.calibration.projection import Projected
from twin.radio.calibration.shared_phase import together
from twin.radio.calibration.von_mises import concentration, resultant
from twin.radio.canyon import TRUE_MATERIAL, TRUE_WALLS, canyon, power

RESOLVED = 200e6


def power_error(material: np.ndarray) -> float:
    true = canyon(TRUE_WALLS)
    return abs(power(true.amplitudes(material).a) / power(true.amplitudes(TRUE_MATERIAL).a) - 1)


def random_phases(kappa: float, seed: int, bandwidth: float = RESOLVED) -> tuple[Projected, float]:
    """Soundings whose paths have the right geometry and each a von Mises phase error of its own."""
    return sound(bandwidth, np.random.default_rng(seed), kappa, TRUE_WALLS)


@pytest.mark.parametrize("kappa", [0.3, 1.0, 5.0])
def test_peac_finds_the_power_behind_random_phases_and_how_random_they_are(kappa: float) -> None:
    material, compare = calibrate(METHODS["PEAC"], *random_phases(kappa, 1), TRUE_WALLS)
    assert power_error(material) < 0.01
    assert isinstance(compare, Aware)
    # Of n angles the mean cosine is known to sqrt(1/2n) at worst, and there are two paths.
    deviation = np.sqrt(0.5 / (2 * SOUNDINGS))
    known = float(resultant(compare.kappa0))
    assert abs(known - float(resultant(kappa))) < 3 * deviation


def test_peac_says_that_uniform_phases_are_unknown_and_right_phases_known() -> None:
    _, lost = calibrate(METHODS["PEAC"], *random_phases(0.0, 2), TRUE_WALLS)
    _, right = calibrate(METHODS["PEAC"], *random_phases(1e6, 2), TRUE_WALLS)
    assert isinstance(lost, Aware)
    assert isinstance(right, Aware)
    assert lost.kappa0 < concentration(0.25)
    assert right.kappa0 > 100


def test_the_aware_loss_is_the_expected_error_over_the_phase_errors_it_believes_in() -> None:
    rng = np.random.default_rng(7)
    gram = np.array([[16, 5 + 4j], [5 - 4j, 16]])
    a, noise = np.array([0.4, 0.28j]), 1.0  # by little above the noise: phases are known by half
    measured = Projected(rng.standard_normal((1, 2)) + 4j * rng.standard_normal((1, 2)), gram, np.array([30.0]), noise)
    g = np.abs(a) ** 2 * 16 / noise
    kappa = 2 * np.sqrt((g - 1) * g)
    own = a.conj()[:, None] * gram * a
    mu = np.angle(np.linalg.solve(own, a.conj() * measured.z[0] + noise / 2))
    b = a * np.exp(1j * rng.vonmises(mu, kappa, (200_000, 2)))

    def squared(b: np.ndarray) -> np.ndarray:
        return 30 - 2 * (b.conj() @ measured.z[0]).real + np.sum(b.conj() * (b @ gram.T), axis=1).real

    errors = squared(b)
    assert Aware()(measured, a).value == pytest.approx(errors.mean() / 30, abs=4 * errors.std() / 30 / np.sqrt(200_000))
    for k in range(2):
        step = 1e-4 * np.eye(2)[k]
        difference = np.mean(squared(b * (1 + step / a)) - squared(b * (1 - step / a))) / 30 / 2e-4
        assert 2 * Aware()(measured, a).gradient[k].real == pytest.approx(difference, abs=0.01)


@pytest.mark.parametrize("kappa", [0.3, 1.0])
def test_trusting_random_phases_loses_the_power_that_they_cancel(kappa: float) -> None:
    material, _ = calibrate(METHODS["PEOC"], *random_phases(kappa, 1), TRUE_WALLS)
    assert power_error(material) > 0.5


def test_trusting_phases_that_are_right_is_right() -> None:
    material, _ = calibrate(METHODS["PEOC"], *random_phases(1e6, 1), TRUE_WALLS)
    assert power_error(material) < 0.01


@pytest.mark.parametrize("bandwidth", [1e6, 20e6, RESOLVED])
def test_soundings_with_the_same_phases_become_one_with_less_noise(bandwidth: float) -> None:
    measured, _ = sound(bandwidth, np.random.default_rng(3))
    one = together(measured)
    assert one.z.shape == (1, 2)
    assert one.noise == pytest.approx(measured.noise / SOUNDINGS)
    # Never more energy than was measured, and all that the paths can hold.
    assert one.energy[0] <= measured.energy.mean()
    assert one.energy[0] == pytest.approx(measured.energy.mean() - measured.noise * measured.gram[0, 0].real, rel=0.02)


@pytest.mark.parametrize("kappa", [0.0, 1.0, 20.0])
@pytest.mark.parametrize("bandwidth", [1e6, RESOLVED])
def test_soundings_with_random_phases_stay_apart(kappa: float, bandwidth: float) -> None:
    measured, _ = random_phases(kappa, 4, bandwidth)
    assert together(measured) is measured


def test_soundings_are_kept_apart_for_nothing_once_in_thousands() -> None:
    rng = np.random.default_rng(5)
    gram = np.array([[40, 39.9 * np.exp(1j)], [39.9 * np.exp(-1j), 40]])
    root = np.linalg.cholesky(gram)
    apart = 0
    for _ in range(1000):
        noise = rng.standard_normal((20, 2)) + 1j * rng.standard_normal((20, 2))
        z = gram @ np.array([1.0, 0.5j]) + np.sqrt(0.5 * 0.01) * noise @ root.T
        apart += len(together(Projected(z, gram, np.full(20, 40.0), 0.01)).energy) == 20
    assert apart <= 3


def test_where_soundings_stay_apart_peac_joint_is_peac() -> None:
    measured, scale = random_phases(1.0, 6, 5e6)
    plain, _ = calibrate(METHODS["PEAC"], measured, scale, TRUE_WALLS)
    joint, _ = calibrate(METHODS["PEAC joint"], measured, scale, TRUE_WALLS)
    np.testing.assert_array_equal(plain, joint)


def test_without_noise_equal_soundings_are_one_and_unequal_ones_are_not() -> None:
    gram = np.eye(2, dtype=complex) * 8
    same = Projected(np.tile([8.0, 4j], (3, 1)), gram, np.full(3, 10.0), 0.0)
    np.testing.assert_allclose(together(same).z, [[8.0, 4j]])
    assert together(same).energy[0] == pytest.approx(10.0)
    turned = same._replace(z=same.z * np.exp(1j * np.arange(3))[:, None])
    assert together(turned) is turned
    single = same._replace(z=same.z[:1], energy=same.energy[:1])
    assert together(single) is single
    nothing = same._replace(z=np.zeros((3, 2), complex))
    assert together(nothing) is nothing


def test_joined_soundings_tell_unresolved_paths_apart_whatever_the_geometry_is_off_by() -> None:
    true = power(canyon(TRUE_WALLS).amplitudes(TRUE_MATERIAL).a)
    rng = np.random.default_rng(8)
    for seed in range(6):
        walls = (TRUE_WALLS[0] + rng.uniform(-0.03, 0.03), TRUE_WALLS[1] + rng.uniform(-0.03, 0.03))
        measured, scale = sound(2e6, np.random.default_rng(seed), None, walls)
        material, _ = calibrate(METHODS["PEAC joint"], measured, scale, walls)
        assert abs(power(canyon(walls).amplitudes(material).a) / true - 1) < 0.015
