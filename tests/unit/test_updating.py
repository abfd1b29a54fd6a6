"""The comparison of learning and frozen models starts from equals and is fair to the frozen ones."""

from __future__ import annotations

import numpy as np
import pytest

from tests.science.updating import Scored, run, spread
from tests.science.updating_streams import DAY, Case, emulated


@pytest.fixture(scope="module")
def shifted() -> tuple[Case, Scored]:
    case = emulated(seed=2, sites=6, weeks=2)
    return case, run(case)


def test_all_three_say_the_same_until_there_is_something_to_learn(shifted: tuple[Case, Scored]) -> None:
    case, scored = shifted
    first = scored.row == case.frozen + 1
    assert first.any()
    p = scored.probability[:, first]
    np.testing.assert_array_equal(p[0], p[1])
    np.testing.assert_array_equal(p[0], p[2])
    assert np.abs(scored.probability[0] - scored.probability[1]).max() > 0.05


def test_every_label_is_scored_once_and_is_that_of_the_stream(shifted: tuple[Case, Scored]) -> None:
    case, scored = shifted
    assert len(set(zip(scored.row.tolist(), scored.cell.tolist(), strict=True))) == len(scored.row)
    np.testing.assert_array_equal(scored.value, case.load[scored.row, scored.cell])
    assert scored.row.min() == case.frozen + 1


def test_updating_helps_after_a_change(shifted: tuple[Case, Scored]) -> None:
    _, scored = shifted
    ends = spread(scored, scored.row // DAY, np.random.default_rng(0))
    assert (ends[1, :, 0] > 0).all(), "the forecast's error is smaller, and its interval leaves out zero"


def test_a_gain_that_isnt_there_isnt_found(shifted: tuple[Case, Scored]) -> None:
    _, scored = shifted
    same = scored._replace(probability=scored.probability[[0, 0, 0]], expected=scored.expected[[0, 0, 0]])
    np.testing.assert_array_equal(spread(same, same.row // DAY, np.random.default_rng(0)), 0)
