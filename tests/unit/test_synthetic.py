"""Synthetic soundings hold the doubt of the posterior, and no more."""

from __future__ import annotations

import numpy as np

from twin.radio.posterior import make
from twin.radio.power import Links
from twin.radio.synthetic import synthesise

SLOPES = np.array([[[1.0, 0.0]], [[1.0, 2.0]], [[0.0, 0.0]]])
"""Three receivers, one cell, two parameters."""
COVARIANCE = np.array([[1.0, 0.6], [0.6, 0.5]])


def links(theta: np.ndarray) -> Links:
    rsrp = -80.0 + SLOPES @ theta
    rsrp[2] = np.nan
    return Links(rsrp, SLOPES)


def test_the_spread_is_the_posterior_s_through_the_slopes_and_the_noise_s() -> None:
    posterior = make(["power/a", "tilt/a"], np.array([1.0, -1.0]), COVARIANCE, 0.5, 7)
    made = synthesise(links, posterior, np.random.default_rng(1), 20_000)
    assert made.version == 7
    assert made.rsrp.shape == (20_000, 3, 1)
    for receiver in (0, 1):
        j = SLOPES[receiver, 0]
        heard = made.rsrp[:, receiver, 0]
        assert abs(heard.mean() - (-80 + j @ [1.0, -1.0])) < 0.06
        np.testing.assert_allclose(heard.var(), j @ COVARIANCE @ j + 0.25, rtol=0.05)
    assert np.isnan(made.rsrp[:, 2]).all()


def test_a_twin_that_is_sure_of_itself_adds_only_noise() -> None:
    posterior = make(["power/a", "tilt/a"], np.zeros(2), np.zeros((2, 2)), 1.0, 1)
    made = synthesise(links, posterior, np.random.default_rng(2), 20_000)
    np.testing.assert_allclose(made.rsrp[:, :2, 0].std(axis=0), 1.0, rtol=0.03)
    assert not made.parameters.any()


def test_within_one_twin_receivers_share_its_mistake() -> None:
    posterior = make(["power/a", "tilt/a"], np.zeros(2), np.diag([4.0, 0.0]), 0.1, 1)
    made = synthesise(links, posterior, np.random.default_rng(3), 4_000)
    assert np.corrcoef(made.rsrp[:, 0, 0], made.rsrp[:, 1, 0])[0, 1] > 0.98
