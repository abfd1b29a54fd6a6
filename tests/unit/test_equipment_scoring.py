"""Alerts about equipment are counted as what they are: visits, right or wrong, early or late."""

from __future__ import annotations

import numpy as np
import pytest

from stream.sources.emulator.units import Failure
from tests.science.equipment_run import Seen
from tests.science.equipment_scoring import HORIZON_H, chosen, episodes, label, summed, tally

T, U = 400, 5


def seen(*failures: Failure) -> Seen:
    failed = np.zeros((T, U), dtype=bool)
    for f in failures:
        failed[int(f.failed / 3600) : int(f.repaired / 3600), f.unit] = True
    return Seen("fan", {}, failed, list(failures))


def failure(unit: int, hour: float, kind: str = "wear-out") -> Failure:
    return Failure("fan", unit, kind, (hour - 100) * 3600, hour * 3600, (hour + 48) * 3600)  # type: ignore[arg-type]


def alerts(*spans: tuple[int, int, int]) -> np.ndarray:
    out = np.zeros((T, U))
    for unit, begin, end in spans:
        out[begin:end, unit] = 1.0
    return out


def test_alerts_less_than_a_day_apart_are_one_visit() -> None:
    assert len(episodes(alerts((0, 10, 20), (0, 40, 50), (0, 90, 91)) > 0, [])) == 2


def test_an_alert_is_right_until_a_horizon_after_it_and_not_after_the_failure() -> None:
    one = seen(failure(0, 100))
    before = tally(one, alerts((0, 60, 90)), 0.5, 0, T)
    assert (before.tp, before.fp) == (1, 0)
    assert before.leads == [100 - 60 - 1]
    early = tally(one, alerts((0, 40, 60)), 0.5, 0, T)
    assert (early.tp, early.fp) == (0, 1)
    late = tally(one, alerts((0, 160, 170)), 0.5, 0, T)
    assert (late.tp, late.fp) == (0, 1)
    other = tally(one, alerts((1, 60, 90)), 0.5, 0, T)
    assert (other.tp, other.fp) == (0, 1)


def test_what_has_failed_is_neither_alerted_nor_at_risk() -> None:
    one = seen(failure(0, 100))
    made = tally(one, alerts((0, 100, 148)), 0.5, 0, T)
    assert (made.tp, made.fp, made.alerted_days) == (0, 0, 0)
    assert made.unit_days == (T * U - 48) / 24


def test_perfect_silent_and_always() -> None:
    made = seen(failure(0, 100), failure(1, 150, "random"), failure(2, 300))
    perfect = tally(made, label(made).astype(float), 0.5, 0, T)
    assert (perfect.tp, perfect.fp, perfect.precision) == (3, 0, 1)
    assert perfect.recall("wear-out") == perfect.recall("random") == 1
    assert perfect.saving(10) == 27
    assert max(perfect.leads) <= HORIZON_H
    silent = tally(made, np.zeros((T, U)), 0.5, 0, T)
    assert (silent.tp, silent.fp, silent.saving(10)) == (0, 0, 0)
    assert silent.failures == {"wear-out": 2, "random": 1}


def test_only_failures_and_alerts_of_the_window_count() -> None:
    made = seen(failure(0, 100), failure(1, 300))
    score = alerts((0, 90, 100), (1, 290, 300), (2, 20, 30))
    late = tally(made, score, 0.5, 200, T)
    assert (late.tp, late.fp, sum(late.failures.values())) == (1, 0, 1)
    whole = summed([tally(made, score, 0.5, 0, 200), late])
    assert (whole.tp, whole.fp, sum(whole.failures.values())) == (2, 1, 2)


def test_an_alert_that_stands_at_the_end_is_not_judged() -> None:
    assert tally(seen(), alerts((0, T - 10, T)), 0.5, 0, T).fp == 0


def test_a_threshold_is_chosen_by_its_cost() -> None:
    made = seen(failure(0, 100), failure(1, 200), failure(2, 300))
    score = np.random.default_rng(0).random((T, U))
    score[label(made)] += 1.0
    assert 0.9 < chosen(made, score, 20.0, 0, T) <= 2.0
    assert chosen(made, score, 0.5, 0, T) == np.inf  # a failure cheaper than a visit is let happen


@pytest.mark.parametrize("hour", [50.0, 50.5])
def test_labels_lie_before_the_failure(hour: float) -> None:
    made = label(seen(failure(0, hour)))
    hours = np.flatnonzero(made[:, 0])
    # Row t is what is known at the end of hour t.
    assert (hours + 1 < hour).all()
    assert (hours + 1 >= hour - HORIZON_H).all()
    assert len(hours) >= HORIZON_H - 1
