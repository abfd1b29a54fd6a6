"""Closed forms: intervals that cover, exact with a right twin, classical without one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.debias_estimates import Estimate, mean, quantile, regression
from twin.errors import ConfigurationError

COEFFICIENTS = np.array([1.0, 2.0])
DRAWS = 400


def draw(rng: np.random.Generator, n: int, wrong: float) -> tuple[Any, Any, Any]:
    """Inputs, labels and what a twin says that is off by `wrong` and noisy."""
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = x @ COEFFICIENTS + rng.normal(size=n)
    return x, y, y + wrong * (1 + x[:, 1]) + 0.5 * rng.normal(size=n)


def estimates(what: str, lam: float | None, wrong: float, n: int = 80, N: int = 800) -> list[Estimate]:
    rng, out = np.random.default_rng(5), []
    for _ in range(DRAWS):
        (x, y, f), (more, _, said) = draw(rng, n, wrong), draw(rng, N, wrong)
        if what == "mean":
            out.append(mean(y, f, said, lam=lam))
        elif what == "median":
            out.append(quantile(y, f, said, 0.5, lam=lam))
        else:
            out.append(regression(x, y, f, more, said, lam=lam))
    return out


@pytest.mark.parametrize("wrong", [0.0, 2.0])
@pytest.mark.parametrize("lam", [0.0, 1.0, None], ids=["classical", "ppi", "tuned"])
@pytest.mark.parametrize(("what", "truth"), [("mean", 1.0), ("median", 1.0), ("regression", COEFFICIENTS)])
def test_intervals_of_90_percent_cover_in_90_percent(what: str, truth: Any, lam: float | None, wrong: float) -> None:
    found = estimates(what, lam, wrong)
    held = np.mean([(one.low <= truth) & (truth <= one.high) for one in found], axis=0)
    assert (held > 0.85).all()
    assert (held < 0.95).all()


def test_the_tuned_interval_is_the_shortest() -> None:
    for what in ("mean", "regression"):
        for wrong in (0.0, 2.0):
            wide = [np.mean([one.high - one.low for one in estimates(what, lam, wrong)]) for lam in (None, 0.0, 1.0)]
            assert wide[0] <= 1.005 * min(wide[1:])


def test_with_a_right_twin_the_tuned_mean_is_that_of_all_samples() -> None:
    rng = np.random.default_rng(6)
    y, more = rng.normal(size=50), rng.normal(size=200)
    assert mean(y, y, more).value == pytest.approx(np.concatenate([y, more]).mean())
    assert mean(y, y, more, lam=1.0).value == pytest.approx(more.mean())


def test_without_the_twin_estimates_are_the_classical_ones() -> None:
    rng = np.random.default_rng(7)
    x, y, f = draw(rng, 60, 1.0)
    more, _, said = draw(rng, 60, 1.0)
    assert mean(y, f, said, lam=0.0).value == pytest.approx(y.mean())
    assert regression(x, y, f, more, said, lam=0.0).value == pytest.approx(np.linalg.lstsq(x, y)[0])
    assert quantile(y[:59], f[:59], said, 0.5, lam=0.0).value == pytest.approx(np.median(y[:59]), abs=0.1)


def test_a_twin_that_says_nothing_is_not_believed() -> None:
    rng = np.random.default_rng(8)
    assert mean(rng.normal(size=5000), rng.normal(size=5000), rng.normal(size=5000)).lam < 0.05


def test_columns_that_depend_on_each_other_are_refused() -> None:
    x = np.ones((10, 2))
    with pytest.raises(ConfigurationError, match="depend"):
        regression(x, x[:, 0], x[:, 0], x, x[:, 0])
