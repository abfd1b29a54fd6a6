"""Scores are the usual ones, and the window on them is bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from models.scoring import Matured, ScoreWindow, average_precision, f1, scores


def matured(period: int, n: int = 20, seed: int = 0) -> Matured:
    rng = np.random.default_rng((seed, period))
    label = rng.random(n) < 0.4
    now, yesterday = rng.uniform(0, 100, n), rng.uniform(0, 100, n)
    yesterday[rng.random(n) < 0.2] = np.nan
    return Matured(period, np.clip(0.4 * label + rng.uniform(0, 0.6, n), 0, 1), label, now, yesterday, 50.0)


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_average_precision_is_sklearns_with_ties(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    label, score = rng.random(n) < 0.3, rng.integers(0, levels, n) / levels
    weight = rng.uniform(0.1, 10, n)
    for given_weight in (None, weight):
        ours = average_precision(label, score, given_weight)
        if label.any():
            theirs = average_precision_score(label, score, sample_weight=given_weight)
            assert ours == pytest.approx(theirs, abs=1e-12)
        else:
            assert ours is None


def test_f1_is_sklearns() -> None:
    rng = np.random.default_rng(0)
    label, decision = rng.random(100) < 0.3, rng.random(100) < 0.4
    assert f1(label, decision) == pytest.approx(f1_score(label, decision))
    assert f1(np.zeros(3, bool), np.zeros(3, bool)) is None


def test_baselines_and_onsets() -> None:
    label = np.array([True, False, True, False])
    now, day = np.array([90.0, 80.0, 20.0, 10.0]), np.array([90.0, 10.0, np.nan, 10.0])
    result = scores([Matured(0, np.array([0.9, 0.2, 0.8, 0.1]), label, now, day, 70.0)])
    assert result["n"], result["positives"] == (4, 2)
    assert result["ap"] == result["ap_onset"] == 1
    assert result["onsets"] == 1
    assert result["ap_persistence"] == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert result["f1_persistence"] == pytest.approx(0.5)
    assert result["f1_yesterday"] == pytest.approx(2 / 3)  # where yesterday is unknown: as now
    assert result["brier"] == pytest.approx((0.01 + 0.04 + 0.04 + 0.01) / 4)
    assert scores([]) == {"n": 0, "positives": 0}


def test_the_window_is_bounded_and_looks_back_on_the_newest() -> None:
    window = ScoreWindow(50)
    for period in range(30):
        window.add(matured(period))
    assert window.scores() == scores([matured(28), matured(29)])
    assert window.scores()["n"] == 40


def test_a_restored_window_goes_on_like_the_original() -> None:
    one, other = ScoreWindow(50), ScoreWindow(50)
    other.restore(one.state())
    assert other.scores() == one.scores()
    for period in range(5):
        one.add(matured(period))
    other.restore({name: array.copy() for name, array in one.state().items()})
    assert other.scores() == one.scores()
    for window in (one, other):
        window.add(matured(5))
    assert other.scores() == one.scores() == scores([matured(4), matured(5)])
