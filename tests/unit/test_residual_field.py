"""What parameters can't explain: found where it hangs together in space, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from twin.radio.calibration.residual_field import MOST_PLACES, learn


def places(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 100, (count, 2))


def shadow(at: np.ndarray) -> np.ndarray:
    """A building's: 12 dB less behind it, with soft edges."""
    inside = np.clip((at - 30) / 6, 0, 1) * np.clip((75 - at) / 6, 0, 1)
    return np.asarray(-12 * inside[:, 0] * inside[:, 1])


def test_a_shadow_is_found_where_nothing_was_measured() -> None:
    rng = np.random.default_rng(1)
    seen, elsewhere = places(300), places(200, 5)
    field = learn(seen, shadow(seen) + rng.normal(0, 1.5, 300))
    assert field is not None
    left = np.median(np.abs(field.at(elsewhere) - shadow(elsewhere)))
    assert left < 1.0
    assert left < 0.35 * np.median(np.abs(shadow(elsewhere)[shadow(elsewhere) < -6]))


def test_noise_is_no_field() -> None:
    found = [learn(places(200, seed), np.random.default_rng(seed).normal(0, 3.0, 200)) for seed in range(12)]
    assert sum(field is None for field in found) >= 10
    assert all(np.abs(field.at(places(300, 9))).mean() < 1.0 for field in found if field)


def test_far_away_from_all_places_only_the_level_is_left() -> None:
    at = places(200)
    field = learn(at, 5.0 + shadow(at) + np.random.default_rng(1).normal(0, 0.5, 200))
    assert field is not None
    far = field.at(np.array([[1e4, 1e4]]))
    assert far[0] == pytest.approx(field.mean)
    assert abs(far[0]) <= 5.5


def test_one_parked_lorry_makes_no_building() -> None:
    at, rng = places(200), np.random.default_rng(2)
    plain = shadow(at) + rng.normal(0, 1.0, 200)
    lorry = plain.copy()
    lorry[17] -= 60
    one, other = learn(at, plain), learn(at, lorry)
    assert one is not None
    assert other is not None
    moved = np.abs(other.at(at) - one.at(at))
    assert np.median(moved) < 0.2
    assert moved.max() < 6


def test_what_is_not_known_does_not_count() -> None:
    at, rng = places(120), np.random.default_rng(3)
    residual = shadow(at) + rng.normal(0, 1.0, 120)
    gaps = np.concatenate([np.full(50, np.nan), residual])
    one, other = learn(at, residual), learn(np.concatenate([places(50, 8), at]), gaps)
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.at(at), other.at(at))


def test_few_places_say_nothing_and_many_are_cut_to_the_newest() -> None:
    assert learn(places(7), np.full(7, 9.0)) is None
    assert learn(places(20), np.full(20, np.nan)) is None
    at = places(MOST_PLACES + 100)
    residual = shadow(at)
    residual[:100] = 40.0
    field = learn(at, residual)
    assert field is not None
    assert len(field.places) == MOST_PLACES
    assert np.median(np.abs(field.at(at) - shadow(at))) < 1.0


def test_in_two_parts_or_at_once_a_field_is_the_same() -> None:
    at = places(60)
    field = learn(at, shadow(at))
    assert field is not None
    many = places(5000, 4)
    np.testing.assert_allclose(field.at(many), np.concatenate([field.at(many[:1999]), field.at(many[1999:])]))
