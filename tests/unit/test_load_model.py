"""Load from a radio map: laws of interference, of sharing and of counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from twin.radio import load as model
from twin.radio.efficiency import CQI_EFFICIENCY, CQI_SINR, efficiency

Floats = NDArray[np.float64]
seeds = st.integers(0, 2**31)
PERIOD_S = 900.0


def scene(seed: int, cells: int = 5, users: int = 60) -> tuple[Floats, Floats, Floats, Floats]:
    """Gains, powers, blocks and places of a made-up network with some holes."""
    rng = np.random.default_rng(seed)
    gain = rng.uniform(-130, -70, (users, cells))
    gain[rng.random(gain.shape) < 0.05] = np.nan
    power, prbs = rng.uniform(30, 46, cells), rng.choice([51.0, 106.0, 273.0], cells)
    return gain, power, prbs, rng.uniform(0, 300, (users, 2))


def place(seed: int, error_db: float = 4.0, change: Floats | float = 0.0) -> tuple[model.Place, Floats]:
    gain, power, prbs, at = scene(seed)
    return model.place(gain + change, power, prbs, at, np.full(gain.shape, error_db)), prbs


def some_load(seed: int, cells: int = 5) -> Floats:
    return np.random.default_rng((seed, 1)).uniform(0, 0.95, cells)


def test_efficiency_is_the_table_and_never_falls() -> None:
    assert np.array_equal(efficiency(CQI_SINR), CQI_EFFICIENCY)
    steps = efficiency(np.linspace(-40, 60, 2001))
    assert (np.diff(steps) >= 0).all()
    assert 0 < steps[0] < CQI_EFFICIENCY[0]
    assert steps[-1] == CQI_EFFICIENCY[-1]


@given(seeds)
def test_a_fuller_neighbour_never_helps_and_the_own_load_does_not_matter(seed: int) -> None:
    at, _ = place(seed)
    load = some_load(seed)
    before = model.carried(at, load).bits
    for cell in range(len(load)):
        fuller = load.copy()
        fuller[cell] = 0.95
        after = model.carried(at, fuller).bits
        served = ~np.isnan(before)
        assert (after[served] <= before[served] * (1 + 1e-12)).all()
        assert np.isnan(before[cell]) or np.isclose(after[cell], before[cell], rtol=1e-9)


@given(seeds, st.floats(0.5, 20))
def test_users_that_are_received_better_get_more(seed: int, better_db: float) -> None:
    """Whoever is served stays where they are, and only their own way improves."""
    gain, power, prbs, where = scene(seed)
    error = np.full(gain.shape, 4.0)
    at = model.place(gain, power, prbs, where, error)
    own = np.zeros(gain.shape)
    known = at.server >= 0
    own[np.flatnonzero(known), at.server[known]] = better_db
    load = some_load(seed)
    before = model.carried(at, load).bits
    after = model.carried(model.place(gain + own, power, prbs, where, error), load).bits
    served = ~np.isnan(before)
    assert (after[served] >= before[served] * (1 - 1e-12)).all()


@given(seeds, st.permutations(range(5)))
def test_the_order_of_cells_and_users_is_nothing(seed: int, order: list[int]) -> None:
    gain, power, prbs, where = scene(seed)
    error, load = np.full(gain.shape, 4.0), some_load(seed)
    one = model.carried(model.place(gain, power, prbs, where, error), load)
    other = model.carried(model.place(gain[::-1][:, order], power[order], prbs[order], where[::-1], error), load[order])
    for a, b in zip(one, other, strict=True):
        assert np.allclose(a[order], b, rtol=1e-9, equal_nan=True)


@given(seeds)
def test_nobody_served_is_not_known_and_everything_else_has_an_error(seed: int) -> None:
    gain, power, prbs, where = scene(seed)
    gain[:, 0] = np.nan
    rate = model.carried(model.place(gain, power, prbs, where, np.full(gain.shape, 4.0)), some_load(seed))
    assert np.isnan(rate.bits[0])
    assert not np.isnan(rate.bits[1:]).all()
    known = ~np.isnan(rate.bits)
    assert (rate.bits[known] > 0).all()
    assert (rate.error[known] >= 0).all()
    assert (rate.spread[known] >= 0).all()


@given(seeds, st.floats(1, 8))
def test_a_map_that_errs_more_says_so(seed: int, times: float) -> None:
    load = some_load(seed)
    sure, unsure = (model.carried(place(seed, error_db=e)[0], load) for e in (2.0, 2.0 * times))
    known = ~np.isnan(sure.bits)
    assert np.allclose(sure.bits[known], unsure.bits[known])
    assert (unsure.error[known] >= sure.error[known] * (1 - 1e-9)).all()


@given(seeds)
@example(87998)  # One cell's users all get the table's last entry.
def test_counters_of_a_cell_that_does_as_the_map_says_are_the_expected_ones(seed: int) -> None:
    at, prbs = place(seed)
    load = some_load(seed)
    rate = model.carried(at, load)
    known = ~np.isnan(rate.bits)
    volume = load * prbs * rate.bits * PERIOD_S / 1e6
    counted = np.floor(100 * load)
    expected = model.blocks_used(rate, volume, PERIOD_S, prbs, np.full(5, 30.0))
    assert (np.abs(expected.mean - counted)[known] <= 0.5 + 1e-6).all()
    speed = model.throughput(rate, load, prbs, np.full(5, 30.0))
    assert np.allclose(speed.mean[known], (prbs * rate.bits * (1 - load) / 1e3)[known])
    assert (expected.sigma[known] > 0).all()
    assert (speed.sigma[known] > 0).all()


@given(seeds, st.floats(0.05, 0.9))
def test_twice_the_volume_takes_twice_the_blocks_and_nothing_takes_more_than_all(seed: int, share: float) -> None:
    at, prbs = place(seed)
    rate = model.carried(at, some_load(seed))
    known = ~np.isnan(rate.bits)
    volume = share / 2 * prbs * rate.bits * PERIOD_S / 1e6
    users = np.full(5, 30.0)
    one, two = (model.blocks_used(rate, times * volume, PERIOD_S, prbs, users).mean[known] for times in (1, 2))
    assert np.allclose(two + 0.5, 2 * (one + 0.5))
    assert (model.blocks_used(rate, 1e6 * volume, PERIOD_S, prbs, users).mean[known] == 100).all()
    assert (model.blocks_used(rate, 0 * volume, PERIOD_S, prbs, users).mean[known] == 0).all()


@given(seeds)
def test_more_users_make_their_places_matter_less(seed: int) -> None:
    at, prbs = place(seed)
    rate = model.carried(at, some_load(seed))
    few, many = (model.throughput(rate, np.full(5, 0.3), prbs, np.full(5, n)).sigma for n in (1.0, 100.0))
    known = ~np.isnan(rate.bits)
    assert (many[known] <= few[known]).all()


@settings(max_examples=20)
@given(seeds, st.floats(1, 6))
def test_where_interference_rules_the_power_of_all_does_not_matter(seed: int, more_db: float) -> None:
    full = np.ones(5)
    one = model.carried(place(seed, change=60.0)[0], full).bits
    other = model.carried(place(seed, change=60.0 + more_db)[0], full).bits
    known = ~np.isnan(one)
    assert np.allclose(one[known], other[known], rtol=0.02)


@pytest.mark.parametrize("figure", [0.0, 9.0])
def test_noise_lowers_what_is_carried(figure: float) -> None:
    at, _ = place(7, change=-20.0)
    quiet, noisy = (model.carried(at, np.zeros(5), f).bits for f in (figure, figure + 6.0))
    known = ~np.isnan(quiet)
    assert (noisy[known] <= quiet[known]).all()
    assert (noisy[known] < quiet[known]).any()
