"""What the twin believes: the prior, intervals that hold what is drawn, widening, bad covariances."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from twin.errors import BadInput
from twin.radio.evidence import evidence, spread
from twin.radio.posterior import (
    CHANGED_SIGMA,
    PRIOR_SIGMA,
    Posterior,
    aligned,
    arrays,
    draw,
    interval,
    make,
    prior,
    widened,
)

NAMES = ["power/a", "azimuth/a", "tilt/a", "eps/brick", "sigma/brick"]
DECLARED = np.array([0.0, 0.0, 0.0, 1.1, -3.5])


def some(seed: int = 1) -> Posterior:
    root = np.random.default_rng(seed).normal(size=(5, 5))
    return make(NAMES, DECLARED + 0.3, root @ root.T, 2.0, 3)


def test_before_any_sounding_what_is_declared_is_believed_with_stated_doubts() -> None:
    mean, covariance = arrays(prior(NAMES, DECLARED))
    np.testing.assert_array_equal(mean, DECLARED)
    np.testing.assert_allclose(np.sqrt(np.diagonal(covariance)), [2.0, 5.0, 2.0, 0.5, 1.0])
    assert prior(NAMES, DECLARED).version == 0


def test_intervals_hold_nine_tenths_of_what_is_drawn() -> None:
    drawn = draw(some(), np.random.default_rng(2), 4000)
    low, high = interval(some()).T
    np.testing.assert_allclose(((drawn >= low) & (drawn <= high)).mean(axis=0), 0.9, atol=0.02)


def test_what_is_drawn_has_mean_and_covariance() -> None:
    mean, covariance = arrays(some())
    drawn = draw(some(), np.random.default_rng(2), 40_000)
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.25)
    np.testing.assert_array_equal(drawn, draw(some(), np.random.default_rng(2), 40_000))


def test_a_parameter_that_is_known_exactly_is_drawn_as_it_is() -> None:
    known = make(["power/a", "tilt/a"], np.array([1.0, 2.0]), np.diag([0.0, 1.0]), 1.0, 1)
    assert (draw(known, np.random.default_rng(0), 10)[:, 0] == 1.0).all()


def test_what_may_have_changed_is_doubtful_and_the_rest_as_sure() -> None:
    changed = np.array([True, False, True, False, False])
    before, after = arrays(some())[1], arrays(widened(some(), changed))[1]
    expected = np.diagonal(before).copy()
    expected[[0, 2]] = CHANGED_SIGMA["power"] ** 2, CHANGED_SIGMA["tilt"] ** 2
    np.testing.assert_allclose(np.diagonal(after), expected)
    np.testing.assert_allclose(after - np.diag(np.diagonal(after)), before - np.diag(np.diagonal(before)))
    assert (np.array(list(CHANGED_SIGMA.values())) > np.array(list(PRIOR_SIGMA.values()))).all()


def test_doubts_do_not_grow_with_every_burst() -> None:
    once = widened(some(), np.ones(5, dtype=bool))
    for one, again in zip(arrays(once), arrays(widened(once, np.ones(5, dtype=bool))), strict=True):
        np.testing.assert_allclose(one, again)


def test_new_cells_begin_with_the_prior_and_old_ones_are_forgotten() -> None:
    known = some()
    names = ["power/b", "power/a", "eps/brick"]
    found = aligned(known, names, np.array([0.0, 0.0, 1.1]))
    mean, covariance = arrays(found)
    own = arrays(known)
    np.testing.assert_allclose(mean, [0.0, own[0][0], own[0][3]])
    assert covariance[0].tolist() == [4.0, 0.0, 0.0]
    assert covariance[1, 2] == own[1][0, 3]
    assert (found.noise_db, found.version) == (known.noise_db, known.version)
    assert aligned(None, names, np.zeros(3)) == prior(names, np.zeros(3))


def test_it_survives_the_log() -> None:
    assert msgspec.json.decode(msgspec.json.encode(some()), type=Posterior) == some()


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean": [0.0, 1.0]},
        {"covariance": [[1.0] * 5] * 4},
        {"covariance": [[1.0] * 4] * 5},
        {"mean": [float("nan")] * 5},
        {"covariance": np.full((5, 5), np.inf).tolist()},
        {"covariance": np.diag([1.0, 1, 1, 1, -1]).tolist()},
        {"covariance": (np.eye(5) + 3 * np.eye(5, k=1)).tolist()},
        {"covariance": (np.eye(5) + 3 * np.eye(5, k=1) + 3 * np.eye(5, k=-1)).tolist()},
    ],
)
def test_a_posterior_that_is_none_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        interval(msgspec.structs.replace(some(), **wrong))


# Evidence -------------------------------------------------------------------------------------------------------------


def test_evidence_is_of_what_both_sides_have() -> None:
    measured = np.array([[-80.0, np.nan], [-90.0, -70.0], [-60.0, -100.0]])
    found = evidence(measured, measured + np.array([[1.0, 5.0], [-3.0, np.nan], [2.0, 0.0]]), 2.0)
    assert found.num_soundings == 4
    assert found.median_db == pytest.approx(1.5)
    assert found.rmse_db == pytest.approx(np.sqrt((1 + 9 + 4) / 4))
    assert found.log_score == pytest.approx(-0.5 * np.log(2 * np.pi * 4) - 0.5 * (1 + 9 + 4) / 4 / 4)
    assert found.spearman == pytest.approx(1.0)


def test_ranks_do_not_mind_an_offset_and_a_constant_has_none() -> None:
    measured = np.array([[-80.0], [-90.0], [-60.0], [-75.0]])
    assert evidence(measured, measured + 12, 2.0).spearman == pytest.approx(1.0)
    assert evidence(measured, -measured, 2.0).spearman == pytest.approx(-1.0)
    assert evidence(measured, np.full((4, 1), -70.0), 2.0).spearman is None


def test_the_right_scale_has_the_best_log_score() -> None:
    error = np.random.default_rng(1).normal(0, 3.0, (2000, 1))
    scores = [evidence(error, np.zeros((2000, 1)), s).log_score for s in (1.0, 2.0, 3.0, 5.0, 9.0)]
    assert int(np.argmax(scores)) == 2


def test_nothing_to_compare_is_the_worst() -> None:
    found = evidence(np.full((2, 2), np.nan), np.zeros((2, 2)), 1.0)
    assert (found.num_soundings, found.median_db, found.log_score) == (0, float("inf"), float("-inf"))


def test_a_spread_is_that_of_the_many_not_of_the_few() -> None:
    error = np.random.default_rng(1).normal(0, 2.0, 2000)
    error[:100] = 300.0
    error[100:200] = np.nan
    assert spread(error) == pytest.approx(2.0, rel=0.15)
    assert spread(np.full(3, np.nan)) == 0.3
