"""Laws of the anomaly score."""

from __future__ import annotations

import numpy as np
import pytest

from models.anomaly import LIMIT, AnomalyDetector

NAMES = ("a", "b", "c")
MIX = np.array([[1.0, 0.4, 0.0], [0.4, 1.0, 0.6], [0.95, 0.4, 0.05]])
"""The first and the last sensor all but follow each other."""


def made(n: int, periods: int, seed: int = 1) -> np.ndarray:
    """Sensors that follow each other and their own past, `[T, D, n]`."""
    rng = np.random.default_rng(seed)
    state, out = np.zeros((3, n)), []
    for _ in range(periods):
        state = 0.7 * state + rng.standard_normal((3, n))
        out.append(MIX @ state + 0.2 * rng.standard_normal((3, n)) + np.array([50.0, -4.0, 0.0])[:, None])
    return np.array(out)


def detector(**settings: float) -> AnomalyDetector:
    return AnomalyDetector(NAMES, **{"memory": 400, "burn_in": 150, "patience": 200, **settings})  # type: ignore[arg-type]


def run(own: AnomalyDetector, samples: np.ndarray) -> np.ndarray:
    """Scores before learning, `[T, n]`."""
    out = []
    for X in samples:
        out.append(own.score(X))
        own.learn(X)
    return np.array(out)


@pytest.fixture(scope="module")
def learnt() -> AnomalyDetector:
    own = detector()
    run(own, made(20, 600))
    return own


def copy(own: AnomalyDetector) -> AnomalyDetector:
    other = detector()
    other.restore({name: array.copy() for name, array in own.state().items()})
    return other


def test_calm_sensors_pass_the_limit_as_seldom_as_a_gaussian() -> None:
    scores = run(detector(), made(40, 900))[150:]
    assert np.isfinite(scores).all()
    assert np.mean(scores > LIMIT) < 0.004
    assert np.mean(scores > 1) > 0.1


def test_nothing_is_known_before_the_burn_in() -> None:
    scores = run(detector(), made(4, 200))
    assert np.isnan(scores[:150]).all()
    assert np.isfinite(scores[150:]).all()


def test_score_is_pure_and_restore_gives_the_same_scores(learnt: AnomalyDetector) -> None:
    before = {name: array.copy() for name, array in learnt.state().items()}
    X = made(20, 1, seed=2)[0]
    first = learnt.score(X)
    learnt.contributions(X)
    np.testing.assert_array_equal(first, learnt.score(X))
    for name, array in learnt.state().items():
        np.testing.assert_array_equal(array, before[name])
    other = copy(learnt)
    np.testing.assert_array_equal(other.score(X), first)
    more = made(20, 30, seed=3)
    np.testing.assert_array_equal(run(other, more), run(copy(learnt), more))


def test_objects_do_not_see_each_other() -> None:
    samples = made(6, 260)
    together = run(detector(), samples)
    for k in (0, 5):
        np.testing.assert_allclose(run(detector(), samples[:, :, k : k + 1])[:, 0], together[:, k], rtol=1e-9)


def test_a_shift_of_units_changes_nothing() -> None:
    samples = made(5, 400)
    scaled = samples * np.array([10.0, 0.01, 3.0])[:, None] + np.array([7.0, 0.0, -2.0])[:, None]
    np.testing.assert_allclose(
        run(detector(least=0.0), scaled)[150:], run(detector(least=0.0), samples)[150:], rtol=1e-5
    )


def test_a_broken_relation_is_found_though_every_sensor_is_within_its_range(learnt: AnomalyDetector) -> None:
    usual = made(20, 400, seed=5)
    spread = usual[:, 2].std()
    X = usual[-1].copy()
    away = np.abs(X[2]) > 0.7 * spread
    X[2] = -X[2]
    assert away.sum() > 5
    assert (np.abs(X[2, away]) < 3 * spread).all()
    scores = copy(learnt).score(X)[away]
    assert np.mean(scores > LIMIT) > 0.8
    np.testing.assert_array_less(copy(learnt).score(usual[-1])[away], scores)


def test_the_sensor_that_jumps_has_the_largest_share(learnt: AnomalyDetector) -> None:
    X = made(20, 1, seed=6)[0]
    X[0] += 30
    share = learnt.contributions(X)
    np.testing.assert_allclose(share.sum(axis=0), 1.0)
    assert (share.argmax(axis=0) == 0).all()


def test_a_lasting_shift_within_the_range_of_single_samples_is_found_by_the_level() -> None:
    samples = made(20, 1100)
    samples[1000:] += 2.5 * samples[:1000].std(axis=0)
    scores = run(detector(smooth=20, memory=3000, burn_in=500, patience=1000), samples)
    jump = run(detector(smooth=1, memory=3000, burn_in=500, patience=1000), samples)
    assert np.mean(scores[1040:] > LIMIT) > 0.5
    assert np.mean(jump[1040:] > LIMIT) < 0.05
    assert np.mean(scores[700:1000] > LIMIT) < 0.01


def test_an_anomaly_stays_one_while_it_lasts_and_a_new_operating_point_becomes_normal() -> None:
    samples = made(10, 1000)
    samples[300:] += np.array([40.0, -30.0, 5.0])[:, None]
    scores = run(detector(), samples)
    assert (scores[301:490] > LIMIT).all()
    later = scores[300 + 200 + 150 + 2 :]
    assert np.isfinite(later).all()
    assert np.mean(later > LIMIT) < 0.01


def test_after_a_short_anomaly_normal_is_what_it_was() -> None:
    samples = made(10, 500)
    spoilt = samples.copy()
    spoilt[300:340, 0] += 25.0
    clean, after = run(detector(), samples)[400:], run(detector(), spoilt)[400:]
    assert np.median(np.abs(after - clean)) < 0.2


def test_missing_sensors_make_no_anomaly_and_no_sensor_no_score(learnt: AnomalyDetector) -> None:
    X = made(20, 1, seed=7)[0]
    one = X.copy()
    one[1] = np.nan
    assert (copy(learnt).score(one) < LIMIT + 1).all()
    assert np.isnan(copy(learnt).score(np.full_like(X, np.nan))).all()
    own = copy(learnt)
    own.learn(np.full_like(X, np.nan))
    for name, array in own.state().items():
        np.testing.assert_array_equal(array, learnt.state()[name], err_msg=name)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_what_is_left_of_sensors_that_follow_each_other_is_as_usual_as_it_was(
    learnt: AnomalyDetector, lost: int
) -> None:
    samples = made(20, 300, seed=9)
    holed = samples.copy()
    holed[:, lost] = np.nan
    own = copy(learnt)
    # A whole patience of it, or the remaining ones would read as a fault and then as a new normal.
    scores = run(own, holed)
    assert np.mean(scores > LIMIT) < np.mean(run(copy(learnt), samples) > LIMIT) + 0.005
    assert (own.state()["count"] >= 800).all()


def test_a_missing_sensor_takes_no_part_in_what_the_others_say() -> None:
    own = detector()
    run(own, made(1, 500, seed=3))
    holed = made(1, 1, seed=4)[0]
    holed[0] = np.nan
    parts = own._parts(holed)
    D, mean, cov = 3, own.columns["mean"][:, 0], own.columns["cov"][:, :, 0].copy()
    cov[np.arange(6), np.arange(6)] += 1e-3 * np.diag(cov) + own._floor
    gain = cov[:D, D:] @ np.linalg.inv(cov[D:, D:])
    expected = mean[:D] + gain @ (own.columns["lately"][:, 0] - mean[D:])
    rest = cov[:D, :D] - gain @ cov[D:, :D]
    e = holed[1:, 0] - expected[1:]
    np.testing.assert_allclose(parts.jumps[0], e @ np.linalg.inv(rest[1:, 1:]) @ e, rtol=1e-6)
    np.testing.assert_allclose(parts.x[0, 0], expected[0] + rest[0, 1:] @ np.linalg.inv(rest[1:, 1:]) @ e, rtol=1e-6)


def test_more_objects_may_come(learnt: AnomalyDetector) -> None:
    own = copy(learnt)
    X = made(25, 1, seed=8)[0]
    scores = own.score(X)
    assert np.isfinite(scores[:20]).all()
    assert np.isnan(scores[20:]).all()
    np.testing.assert_allclose(scores[:20], learnt.score(X[:, :20]), rtol=1e-9)


def test_a_sensor_that_never_moves_is_no_trouble_until_it_does() -> None:
    samples = made(5, 300)
    samples[:, 0] = 12.0
    own = detector(least=0.01)
    scores = run(own, samples)[150:]
    assert np.isfinite(scores).all()
    X = samples[-1].copy()
    X[0] = 12.5
    assert (own.score(X) > LIMIT).all()
