"""Calibration from powers alone: the truth is found, outliers are borne, what isn't fitted is honest, so are hills."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit import street
from twin.radio.calibration.modes import search
from twin.radio.calibration.power_only import fit
from twin.radio.posterior import Posterior, arrays, draw, interval, make, prior
from twin.radio.power import Links, PowerModel

Floats = NDArray[np.float64]

MODEL = street.model(100, 2)
PRIOR = prior(MODEL.names, MODEL.declared())
ALL = np.ones(len(MODEL.names), dtype=bool)
KINDS = np.array([name.partition("/")[0] for name in MODEL.names])


def truth(seed: int) -> Floats:
    return draw(PRIOR, np.random.default_rng([seed, 1]), 1)[0]


def heard(true: Floats, noise: float, seed: int = 0, model: PowerModel = MODEL) -> Floats:
    clean = model.links(true).rsrp
    return np.asarray(clean + np.random.default_rng([seed, 2]).normal(0, noise, clean.shape))


@pytest.mark.parametrize("seed", range(4))
def test_powers_and_poses_are_found(seed: int) -> None:
    true = truth(seed)
    found = fit(MODEL.links, heard(true, 0.5, seed), PRIOR, ALL)
    off = np.abs(MODEL.links(arrays(found.posterior)[0]).rsrp - MODEL.links(true).rsrp)
    assert np.median(off) < 0.25
    before = np.abs(MODEL.links(MODEL.declared()).rsrp - MODEL.links(true).rsrp)
    assert np.median(off) < 0.3 * np.median(before)


def test_a_posterior_contracts_with_data() -> None:
    true = truth(0)
    few, many = heard(true, 2.0), heard(true, 2.0)
    few[25:] = np.nan
    some, more = (fit(MODEL.links, x, PRIOR, ALL).posterior for x in (few, many))
    widths = [np.sqrt(np.diagonal(arrays(x)[1])) for x in (PRIOR, some, more)]
    assert (widths[1] <= widths[0] + 1e-9).all()
    assert np.mean(widths[2] / widths[1]) < 0.8


def test_without_soundings_nothing_is_learnt() -> None:
    found = fit(MODEL.links, np.full((100, 2), np.nan), PRIOR, ALL).posterior
    np.testing.assert_allclose(arrays(found)[0], arrays(PRIOR)[0])
    np.testing.assert_allclose(arrays(found)[1], arrays(PRIOR)[1], atol=1e-9)


def test_the_noise_is_estimated() -> None:
    assert fit(MODEL.links, heard(truth(1), 3.0), PRIOR, ALL).posterior.noise_db == pytest.approx(3.0, rel=0.2)


def test_a_tenth_of_wrong_soundings_does_little() -> None:
    true, wrong = truth(2), heard(truth(2), 1.0)
    wrong[::10] += 30.0
    found = fit(MODEL.links, wrong, PRIOR, ALL).posterior
    off = np.abs(MODEL.links(arrays(found)[0]).rsrp - MODEL.links(true).rsrp)
    assert np.median(off) < 0.6


def test_what_is_not_free_stays() -> None:
    free = KINDS == "power"
    found = fit(MODEL.links, heard(truth(0), 1.0), PRIOR, free).posterior
    mean, covariance = arrays(found)
    np.testing.assert_array_equal(mean[~free], arrays(PRIOR)[0][~free])
    np.testing.assert_allclose(covariance[np.ix_(~free, ~free)], arrays(PRIOR)[1][np.ix_(~free, ~free)])
    assert fit(MODEL.links, heard(truth(0), 1.0), PRIOR, ~ALL).posterior == PRIOR


def linear(seed: int) -> tuple[Floats, Posterior, Floats, Floats]:
    """A problem whose answer is known in closed form: slopes, prior, truth, what is measured with noise 1."""
    rng = np.random.default_rng(seed)
    slopes = rng.normal(size=(400, 4))
    slopes[:, 0] += 0.8 * slopes[:, 3]
    root = rng.normal(size=(4, 4))
    start = make(list("abcd"), rng.normal(size=4), root @ root.T + np.eye(4), 1.0, 0)
    true = draw(start, rng, 1)[0]
    return slopes, start, true, slopes @ true + rng.normal(size=400)


def as_links(slopes: Floats) -> NDArray[np.float64]:
    return lambda theta: Links((slopes @ theta)[:, None], slopes[:, None])  # type: ignore[return-value]


def test_all_free_it_is_the_normal_posterior() -> None:
    slopes, start, _, measured = linear(1)
    found = fit(as_links(slopes), measured[:, None], start, np.ones(4, bool), noise_db=1.0)  # type: ignore[arg-type]
    weight = np.minimum(1, 2 / np.abs(measured - slopes @ arrays(found.posterior)[0]))
    precision = (slopes.T * weight) @ slopes + np.linalg.inv(arrays(start)[1])
    np.testing.assert_allclose(arrays(found.posterior)[1], np.linalg.inv(precision), rtol=1e-6)


def test_what_is_neither_known_nor_fitted_widens_what_is() -> None:
    """Intervals of the fitted ones hold the truth though another parameter is wrong all the while."""
    free, inside, narrower = np.array([True, True, True, False]), [], []
    for seed in range(120):
        slopes, start, true, measured = linear(seed)
        found = fit(as_links(slopes), measured[:, None], start, free)  # type: ignore[arg-type]
        low, high = interval(found.posterior).T
        inside.append(((low <= true) & (true <= high))[free])
        narrower.append((high - low)[free] < (interval(start)[:, 1] - interval(start)[:, 0])[free])
        assert np.linalg.eigvalsh(arrays(found.posterior)[1])[0] > -1e-9
    assert np.mean(inside) >= 0.85
    assert np.mean(narrower) > 0.9


def test_two_bursts_in_a_row_know_what_one_of_both_does() -> None:
    slopes, start, _, measured = linear(5)
    links = as_links(slopes)
    once = fit(links, measured[:, None], start, np.ones(4, bool), noise_db=1.0)  # type: ignore[arg-type]
    halves = np.tile(measured[:, None], (2, 1, 1))
    halves[0, 200:] = halves[1, :200] = np.nan
    first = fit(links, halves[0], start, np.ones(4, bool), noise_db=1.0)  # type: ignore[arg-type]
    second = fit(links, halves[1], first.posterior, np.ones(4, bool), noise_db=1.0)  # type: ignore[arg-type]
    for one, both in zip(arrays(once.posterior), arrays(second.posterior), strict=True):
        np.testing.assert_allclose(one, both, atol=0.02)


# Walls that echo ------------------------------------------------------------------------------------------------------

THIN = street.model(100, 2, street.MATERIALS._replace(thickness=np.full(3, 0.1)))


@pytest.mark.parametrize("seed", range(3))
def test_another_hill_is_found(seed: int) -> None:
    rng = np.random.default_rng([seed, 3])
    true = THIN.declared() + np.concatenate([rng.normal(0, 1, 6), rng.choice([-1.2, 0.9], 6) * [1, 0, 1, 0, 1, 0]])
    seen = heard(true, 0.5, seed, THIN)
    start = prior(THIN.names, THIN.declared())
    one, all_ = fit(THIN.links, seen, start, ALL), search(THIN, seen, start, ALL)
    off = [
        float(np.median(np.abs(THIN.links(arrays(x.posterior)[0]).rsrp - THIN.links(true).rsrp))) for x in (one, all_)
    ]
    assert off[1] <= off[0] + 0.02
    assert off[1] < 0.2


def test_hills_that_are_as_good_widen_the_interval() -> None:
    start = prior(THIN.names, THIN.declared())
    seen = heard(start_truth := draw(start, np.random.default_rng(7), 1)[0], 4.0, 7, THIN)
    assert start_truth.shape == (12,)
    one, all_ = (arrays(x.posterior)[1] for x in (fit(THIN.links, seen, start, ALL), search(THIN, seen, start, ALL)))
    eps = KINDS == "eps"
    assert (np.sqrt(np.diagonal(all_)[eps]) > 1.2 * np.sqrt(np.diagonal(one)[eps])).any()


def test_where_walls_do_not_echo_there_is_one_hill() -> None:
    seen = heard(truth(3), 1.0)
    one, all_ = (arrays(x.posterior) for x in (fit(MODEL.links, seen, PRIOR, ALL), search(MODEL, seen, PRIOR, ALL)))
    np.testing.assert_allclose(np.diagonal(all_[1]), np.diagonal(one[1]), rtol=0.3)
    np.testing.assert_allclose(MODEL.links(all_[0]).rsrp, MODEL.links(one[0]).rsrp, atol=0.15)
