"""Warning where a forecast itself expects most F1, on events that come as often as was said."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.congestion_scores import Forecast, Window, own_threshold, scores


def test_honest_probabilities_warn_above_half_of_the_f1_that_they_reach() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 8, 200_000)
    window = Window(rng.random(len(p)) < p, np.ones(len(p), dtype=bool), np.arange(len(p)) // 1000)
    found = {name: float(one[0]) for name, one in scores(window, Forecast(p, p), np.ones((1, len(p)))).items()}
    assert own_threshold(p) == pytest.approx(found["F1 own"] / 2, abs=0.02)
    assert found["F1 own"] > found["F1"] + 0.1
    assert found["said"] == pytest.approx(1, abs=0.05)
    best = max(
        2 * (window.label & (p >= t)).sum() / (window.label.sum() + (p >= t).sum()) for t in np.linspace(0.02, 0.9, 80)
    )
    assert found["F1 own"] == pytest.approx(best, abs=0.01)


def test_a_decision_is_taken_as_it_is() -> None:
    p = np.array([0.0, 1.0, 0.0, 1.0])
    window = Window(np.array([False, True, True, True]), np.ones(4, dtype=bool), np.arange(4))
    found = scores(window, Forecast(p, p), np.ones((1, 4)))
    assert found["F1 own"][0] == found["F1"][0] == pytest.approx(0.8)
    assert own_threshold(np.zeros(3)) > 0
