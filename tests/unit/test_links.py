"""Laws of what is read from links: only the past counts, missing is missing, and rain is the same for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.failure.heads import Late, parse_failure_target
from models.links.around import AROUND
from models.links.evidence import LinkFadeFeatures
from models.links.fade import FadeModel
from models.links.median import RunningMedian
from models.links.motion import RainMotion
from models.links.own import OWN
from models.links.rain import Rain, coefficients
from twin.neighbours import csr

Array = NDArray[Any]
MINUTE = 60_000
N, T, BEGIN = 12, 400, 1_000_000
ROWS = np.arange(N)
TARGET = parse_failure_target("fade>10dB@15min")


def generated(seed: int = 1) -> Array:
    """Loss of a row of links that a shower passes over every 100 minutes, `[2, N, T]` [dB]."""
    rng = np.random.default_rng(seed)
    base = 55 + rng.integers(-50, 50, (2, N, 1)) / 10
    t = np.arange(T)
    shower = 18 * np.exp(-0.5 * (((t - 4 * ROWS[:, None]) % 100 - 60) / 4) ** 2)
    loss = base + shower + rng.normal(0, 0.2, (2, N, T))
    loss[:, rng.random((N, T)) < 0.02] = np.nan
    return np.round(loss, 1).astype(np.float32)


def model(*, neighbours: bool = True) -> FadeModel:
    made = FadeModel([TARGET], MINUTE, neighbours=neighbours)
    made.grow(N)
    describe(made.features)
    return made


def describe(features: LinkFadeFeatures) -> None:
    x = ROWS * 4.0
    pairs = [(i, j) for i in range(N) for j in range(N) if 0 < abs(i - j) <= 2]
    a, b = np.array(pairs).T
    features.describe(np.full(N, 5.0), np.full(N, 23e9), np.ones(N, np.bool_), x, np.zeros(N), csr(a, b, N))


def run(made: FadeModel, loss: Array, first: int = 0, last: int = T) -> tuple[Array, Array]:
    """Features and probabilities of each minute, with neighbours two minutes old."""
    X, p = [], []
    for t in range(first, last):
        if t >= 2:
            made.close(BEGIN + t - 2)
        said = made.write(ROWS, BEGIN + t, loss[:, :, t])
        X.append(said.X)
        p.append(said.probability[0])
    return np.array(X), np.array(p)


@pytest.fixture(scope="module")
def whole() -> tuple[Array, Array]:
    return run(model(), generated())


def test_the_future_changes_nothing(whole: tuple[Array, Array]) -> None:
    loss = generated()
    loss[:, :, 250:] = np.random.default_rng(9).uniform(20, 120, loss[:, :, 250:].shape)
    X, p = run(model(), loss)
    np.testing.assert_array_equal(X[:250], whole[0][:250])
    np.testing.assert_array_equal(p[:250], whole[1][:250])
    assert not np.array_equal(X[250:], whole[0][250:])


def test_links_written_one_by_one_are_as_links_written_together(whole: tuple[Array, Array]) -> None:
    made, loss = model(), generated()
    for t in range(220):
        if t >= 2:
            made.close(BEGIN + t - 2)
        if t < 160:  # around a shower
            made.write(ROWS, BEGIN + t, loss[:, :, t])
            continue
        order = np.random.default_rng(t).permutation(N)
        for row in order.tolist():
            said = made.write(np.array([row]), BEGIN + t, loss[:, [row], t])
            np.testing.assert_array_equal(said.probability[0, 0], whole[1][t, row])


@pytest.mark.parametrize("at", [1, 77, 333])
def test_a_restored_model_goes_on_as_if_nothing_had_happened(whole: tuple[Array, Array], at: int) -> None:
    first, loss = model(), generated()
    run(first, loss, 0, at)
    stored = {name: array.copy() for name, array in first.state().items()}
    second = FadeModel([TARGET], MINUTE)
    second.grow(N)
    second.restore(stored)
    describe(second.features)
    X, p = run(second, loss, at)
    np.testing.assert_array_equal(X, whole[0][at:])
    np.testing.assert_array_equal(p, whole[1][at:])


def test_what_is_scored_is_what_was_said() -> None:
    made, loss, said, pairs = model(), generated(), {}, []
    for t in range(T):
        for matured in made.close(BEGIN + t - 2) if t >= 2 else []:
            if matured is not None:
                pairs += zip(matured.made.tolist(), matured.row.tolist(), matured.probability.tolist(), strict=True)
        said[BEGIN + t] = made.write(ROWS, BEGIN + t, loss[:, :, t]).probability[0]
    assert len(pairs) > 1000
    assert [p for _, _, p in pairs] == [float(said[period][row]) for period, row, _ in pairs]


def test_who_was_told_nothing_is_learnt_from_but_not_scored() -> None:
    """A link that a repeated report takes out of its fade, after its period was predicted from."""
    made, steady = model(), np.full((2, N), 50.0, np.float32)
    for t in range(90):
        made.write(ROWS, BEGIN + t, steady)
        made.close(BEGIN + t)
    worse = steady.copy()
    worse[:, 3] = 58.0
    assert np.isnan(made.write(ROWS, BEGIN + 90, worse).probability[0, 3])
    made.features.write(ROWS, BEGIN + 90, steady)
    made.close(BEGIN + 90)
    known, counted = [], made.heads[0].counted[1]
    for t in range(91, 107):
        made.write(ROWS, BEGIN + t, steady)
        (matured,) = made.close(BEGIN + t)
        if matured is not None:
            assert np.isfinite(matured.probability).all()
            known += matured.row[matured.made == BEGIN + 90].tolist()
    assert sorted(known) == [row for row in range(N) if row != 3]
    assert (made.heads[0].counted[1] - counted) % N == 0  # all of them were learnt


def test_what_is_down_is_not_predicted_and_that_it_went_down_is_a_label() -> None:
    made, steady, row = model(), np.full((2, N), 50.0, np.float32), np.array([3])
    known: list[tuple[int, int, bool]] = []
    for t in range(130):
        said = made.write(ROWS, BEGIN + t, steady).probability[0]
        if t >= 90:
            assert np.isnan(said[3]) == (101 <= t <= 110)
        fallen = Late(row, np.array([BEGIN + 100])) if t == 100 else None
        (matured,) = made.close(BEGIN + t, fallen, row if 100 <= t < 110 else None)
        if matured is not None:
            its = np.flatnonzero(matured.row == 3)
            known += [(int(matured.made[at]) - BEGIN, t, bool(matured.label[at])) for at in its]
    assert {(of, t) for of, t, label in known if label} == {(of, 100) for of in range(86, 100, 2)}
    assert next(of for of, _, label in known if not label and of >= 86) == 112


def test_a_state_from_before_it_kept_what_was_said_is_restored() -> None:
    first, second, loss = model(), FadeModel([TARGET], MINUTE), generated()
    run(first, loss, 0, 100)
    stored = {name: array.copy() for name, array in first.state().items() if name != "said"}
    second.grow(N)
    second.restore(stored)
    describe(second.features)
    for left, right in zip(run(first, loss, 100, 140), run(second, loss, 100, 140), strict=True):
        np.testing.assert_array_equal(left, right)


def test_memory_is_bounded() -> None:
    made, loss = model(), generated()
    run(made, loss, 0, 100)
    before = sum(array.nbytes for array in made.state().values())
    run(made, loss, 100, T)
    assert sum(array.nbytes for array in made.state().values()) == before


def test_a_missing_level_is_no_value_and_no_label() -> None:
    made, loss = model(), generated()
    loss[:, 3, 200:230] = np.nan
    run(made, loss, 0, 215)
    period = BEGIN + 214
    assert np.isnan(made.features.attenuation(period)[3])
    assert not made.features.at_risk(period)[3]
    assert np.isnan(made.features.happened(period)[3])
    assert np.isfinite(made.features.features(period)).all()


def test_one_channel_is_enough() -> None:
    made, loss = model(), generated()
    loss[1] = np.nan
    X, p = run(made, loss)
    assert np.isfinite(X).all()
    assert (~np.isnan(p[100:])).mean() > 0.5


def test_a_fade_is_what_is_beyond_ten_and_a_healthy_link_is_below_five() -> None:
    made = model()
    steady = np.full((2, N), 50.0, np.float32)
    for t in range(90):
        made.write(ROWS, BEGIN + t, steady)
        made.close(BEGIN + t)
    loss = steady.copy()
    loss[:, 0], loss[:, 1], loss[:, 2] = 60.2, 54.8, 55.2
    made.write(ROWS, BEGIN + 90, loss)
    period = BEGIN + 90
    assert made.features.happened(period).tolist() == [1, *[0] * (N - 1)]
    assert made.features.at_risk(period).tolist() == [False, True, False, *[True] * (N - 3)]


def test_a_long_silence_is_jumped_over_and_forgets_the_hour_before() -> None:
    made = model()
    steady = np.full((2, N), 50.0, np.float32)
    for t in range(90):
        made.write(ROWS, BEGIN + t, steady + 9 * (t > 80))
        made.close(BEGIN + t)
    made.close(BEGIN + 1000)
    X = made.write(ROWS, BEGIN + 1001, steady).X
    at = dict(zip(made.features.names, X, strict=True))
    assert (at["most 60min"] == 0).all()
    assert (at["rise 60min"] == 0).all()
    assert at["most of a day"].min() > 0
    assert made.close(BEGIN + 1001) is not None


def test_neighbours_warn_before_the_link_itself_knows(whole: tuple[Array, Array]) -> None:
    alone = run(model(neighbours=False), generated())[1]
    loss = generated()
    above = loss - np.nanmedian(loss, axis=2, keepdims=True)
    attenuation = np.fmax(above[0], above[1]).T
    soon = np.zeros((T, N), np.bool_)
    for t in range(T - 15):
        soon[t] = (attenuation[t + 1 : t + 16] > 10).any(axis=0)
    late = np.zeros((T, N), np.bool_)
    late[200 : T - 15] = True
    late &= ~np.isnan(whole[1]) & (attenuation < 1)
    with_them, without = ([p[late & soon].mean(), p[late & ~soon].mean()] for p in (whole[1], alone))
    assert with_them[0] / with_them[1] > 2 * without[0] / without[1]


# Parts ---------------------------------------------------------------------------------------------------------------


def test_the_running_median_is_the_median_of_the_window() -> None:
    rng = np.random.default_rng(0)
    median = RunningMedian(50, 5)
    median.grow(7)
    values = np.round(60 + 0.3 * rng.normal(0, 3, (200, 7)).cumsum(axis=0), 1)
    values[rng.random(values.shape) < 0.3] = np.nan
    for t in range(200):
        median.push(t, values[t])
        window = values[max(0, t - 49) : t + 1]
        for row, got in enumerate(median.median()):
            known = np.sort(window[~np.isnan(window[:, row]), row])
            expected = known[(len(known) - 1) // 2] if len(known) >= 5 else np.nan
            np.testing.assert_allclose(got, expected, atol=0.01)


def test_rain_costs_what_the_recommendation_tabulates() -> None:
    # ITU-R P.838-3, table 5: 10, 20 and 40 GHz.
    f = np.array([10e9, 20e9, 40e9])
    k, alpha = coefficients(f, np.zeros(3, np.bool_))
    np.testing.assert_allclose(k, [0.01217, 0.09164, 0.4431], rtol=1e-3)
    np.testing.assert_allclose(alpha, [1.2571, 1.0568, 0.8673], rtol=1e-3)
    k, alpha = coefficients(f, np.ones(3, np.bool_))
    np.testing.assert_allclose(k, [0.01129, 0.09611, 0.4274], rtol=1e-3)
    np.testing.assert_allclose(alpha, [1.2156, 0.9847, 0.8421], rtol=1e-3)


def test_rain_and_attenuation_are_inverse() -> None:
    rain = Rain(np.array([1.0, 5.0, 20.0]), np.array([38e9, 23e9, 8e9]), np.array([True, True, False]))
    rate = np.array([30.0, 10.0, 50.0])
    np.testing.assert_allclose(rain.rate(rain.attenuation(rate)), rate)
    assert (rain.rate(np.array([0.5, 0.0, -3.0])) == 0).all()


@pytest.mark.parametrize(("east", "north"), [(40.0, 0.0), (-20.0, 0.0), (0.0, 60.0)])
def test_the_rains_velocity_is_found(east: float, north: float) -> None:
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 80, (2, 200))
    motion = RainMotion(x, y, 1.0)

    def field(minute: float) -> Array:
        u, v = x - east * minute / 60, y - north * minute / 60
        return np.asarray(2 + np.sin(u / 6) * np.cos(v / 7 + 1) + np.cos((u + v) / 9))

    for minute in range(10, 70):
        motion.learn(field(minute), field(minute - 10))
    np.testing.assert_allclose(motion.velocity, [east, north], atol=1e-9)
    ahead, now, then = motion.upwind(field(70), 10.0), field(70), field(80)
    inside = (np.abs(x - 40) < 25) & (np.abs(y - 40) < 25)
    assert np.abs(ahead - then)[inside].mean() < 0.6 * np.abs(now - then)[inside].mean()


def test_names_are_unique_and_fit() -> None:
    features = LinkFadeFeatures(MINUTE)
    assert features.names == (*OWN, *AROUND)
    assert len(set(features.names)) == len(features.names)
