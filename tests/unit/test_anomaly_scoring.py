"""The benchmarks' scoring conventions: anchors that their publications state."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.anomaly_scoring import (
    PROFILES,
    change_point_score,
    change_points,
    nab_score,
    outliers,
    sigmoid_weight,
)

LENGTH, WINDOWS = 2000, [(500, 599), (1200, 1299)]


def detected(*rows: int) -> np.ndarray:
    out = np.zeros(LENGTH, dtype=bool)
    out[list(rows)] = True
    return out


@pytest.mark.parametrize("profile", PROFILES.values())
def test_nab_is_0_for_silence_and_100_for_the_first_row_of_every_window(profile: object) -> None:
    assert nab_score([(LENGTH, WINDOWS, detected())], profile) == 0  # type: ignore[arg-type]
    assert nab_score([(LENGTH, WINDOWS, detected(500, 1200))], profile) == pytest.approx(100, abs=0.1)  # type: ignore[arg-type]


def test_nab_weight_at_the_published_positions() -> None:
    np.testing.assert_allclose(
        sigmoid_weight(np.array([-1.0, -0.5, 0.0, 1.0, 3.1])), [0.98661, 0.84828, 0.0, -0.98661, -1.0], atol=1e-5
    )


def test_nab_earlier_is_better_only_the_first_counts_and_false_ones_cost() -> None:
    standard = PROFILES["standard"]

    def score(*rows: int) -> float:
        return nab_score([(LENGTH, WINDOWS, detected(*rows))], standard)

    early, late = score(510, 1200), score(580, 1200)
    assert score(500, 1200) > early > late > score(1200) > score(1200, 900) > score(1200, 900, 910)
    assert score(510, 520, 599, 1200) == early
    # One false detection far from any window costs 0.11 of the 4 between silence and perfection.
    assert score(400) == pytest.approx(-100 * 0.11 / 4)
    # Just behind a window it costs less, and in the probation of 15 % nothing.
    assert score(1200, 602) > score(1200, 1100)
    assert score(100, 1200) == score(1200)


def test_nab_profiles_weigh_false_and_missed_twice() -> None:
    by = {name: nab_score([(LENGTH, WINDOWS, detected(400, 500))], p) for name, p in PROFILES.items()}
    assert by["low FP"] < by["standard"]
    silent_half = {name: nab_score([(LENGTH, WINDOWS, detected(500))], p) for name, p in PROFILES.items()}
    assert silent_half["standard"] == pytest.approx(50, abs=0.1)
    assert by["low FN"] > by["standard"]


def test_outliers_are_counted_by_sample() -> None:
    label = np.array([0, 0, 0, 0, 1, 1, 1, 1], dtype=bool)
    made = outliers(label, np.array([1, 0, 0, 0, 1, 1, 1, 0], dtype=bool))
    assert (made.far, made.mar) == (0.25, 0.25)
    assert made.f1 == pytest.approx(0.75)
    assert outliers(label, label).f1 == 1
    assert outliers(label, np.zeros(8, dtype=bool)).f1 == 0


def test_change_points_only_to_the_right_and_only_the_first() -> None:
    time, truth = np.arange(1000.0), np.array([200.0, 500.0])
    perfect = change_points(time, truth, truth)
    assert (perfect.missed, perfect.false) == (0, 0)
    np.testing.assert_allclose(perfect.share, 1.0)
    for profile in PROFILES.values():
        assert change_point_score([perfect], profile) == pytest.approx(100)
        assert change_point_score([change_points(time, truth, np.zeros(0))], profile) == pytest.approx(0)
    found = change_points(time, truth, np.array([190.0, 230.0, 240.0, 700.0]))
    assert (found.missed, found.false) == (1, 2)
    np.testing.assert_allclose(found.share, [0.5])


def test_change_windows_that_overlap_are_cut() -> None:
    found = change_points(np.arange(1000.0), np.array([200.0, 230.0]), np.array([229.0, 231.0]))
    assert found.missed == 0
    assert found.share[0] < 0.1
    assert found.share[1] > 0.9
