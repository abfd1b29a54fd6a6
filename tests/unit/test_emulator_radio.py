"""Radio of the emulated network: where its cells stand, and how they are received."""

from __future__ import annotations

import numpy as np
import pytest

from stream.sources.emulator.plan import SITE_DISTANCE, make_plan
from stream.sources.emulator.radio import Coverage, antenna_db, bits_per_block, path_loss_db


def test_plan_is_hexagonal() -> None:
    plan = make_plan(1, 37, 2)
    distance = np.hypot(plan.x[:, None] - plan.x, plan.y[:, None] - plan.y)
    np.fill_diagonal(distance, np.inf)
    np.testing.assert_allclose(distance.min(axis=1), SITE_DISTANCE)
    assert (np.isclose(distance, SITE_DISTANCE).sum(axis=1) == 6).sum() == 19
    assert np.bincount(plan.region).tolist() == [19, 18]
    assert list(plan.azimuth[:3]) == [0, 120, 240]


def test_own_cell_is_received_best_on_average() -> None:
    plan = make_plan(1, 19, 1)
    coverage = Coverage(plan, 1)
    np.testing.assert_array_equal(coverage.candidates[:, 0], np.arange(plan.num_cells))
    assert all(len(set(row)) == len(row) for row in coverage.candidates)


def test_radio_laws() -> None:
    far = path_loss_db(np.array([100.0, 200.0, 1000.0]))
    assert (np.diff(far) > 0).all()
    assert far[1] - far[0] == pytest.approx(39.08 * np.log10(2))
    assert antenna_db(np.array([0.0]), np.array([0.0]))[0] == 17.0
    assert antenna_db(np.array([32.5]), np.array([0.0]))[0] == pytest.approx(14.0)
    rising = bits_per_block(np.linspace(-40, 60, 500))
    assert (np.diff(rising) >= 0).all()
    assert rising[0] > 0
    # CQI 15 on two layers, three quarters of slots and of elements.
    assert rising[-1] == pytest.approx(5.5547 * 2 * 360e3 * 0.5625)
