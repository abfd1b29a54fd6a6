"""Laws of failure prediction: when labels mature, what is learnt, what evidence means."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from models.failure.evidence import Evidence
from models.failure.fault_classes import ORAN_FAULTS, alarm_type_of, fault_of
from models.failure.features import Around, add_wear, features
from models.failure.heads import FailureHead, Late, parse_failure_target
from models.failure.priors import priors, speaks_for
from models.failure.scores import FailureWindow
from models.failure.signals import ELEMENT, feature_names
from twin.errors import ConfigurationError

QUARTER_MS = 900_000
DAY = parse_failure_target("alarm:EQUIPMENT_ALARM@24h")
TWO_HOURS = parse_failure_target("alarm:oran-5@2h")


def test_targets_are_read_as_they_are_written() -> None:
    for text in ("alarm:EQUIPMENT_ALARM@1d", "alarm:transmitterFailure@6h", "alarm:oran-5@90min", "fade>10dB@15min"):
        assert parse_failure_target(text).name == text


@pytest.mark.parametrize("text", ["alarm@24h", "fade>0dB@15min", "alarm:oran-7777@1h", "alarm:X@0h", "fade>10@15min"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_failure_target(text)


def test_an_alarm_belongs_to_its_type_its_cause_and_its_fault() -> None:
    fan = ("EQUIPMENT_ALARM", "heatingOrVentilationOrCoolingSystemProblem", "Cooling fan broken")
    assert DAY.matches(*fan)
    assert TWO_HOURS.matches(*fan)
    assert TWO_HOURS.matches("EQUIPMENT_ALARM", "21")  # the number of the same cause
    assert not parse_failure_target("alarm:transmitterFailure@1h").matches(*fan)
    assert fault_of("transmitterFailure", "Cooling fan broken") == 5  # the text says more than the cause
    assert all(alarm_type_of(fault).endswith("ALARM") for fault in ORAN_FAULTS)


def head(names: int = 1) -> FailureHead:
    return FailureHead(TWO_HOURS, [f"x{i}" for i in range(names)], QUARTER_MS)


def test_a_positive_is_known_when_it_happens_and_a_negative_when_the_horizon_has_passed() -> None:
    h, X = head(), np.zeros((1, 2))
    assert h.horizon == 8
    h.file(100, X, np.array([True, True]))
    for period in range(101, 103):
        assert h.learn(period, np.zeros(2)) is None
    matured = h.learn(103, np.array([1.0, 0.0]))
    assert matured is not None
    assert (matured.row.tolist(), matured.label.tolist(), matured.made.tolist()) == ([0], [True], [100])
    for period in range(104, 108):
        assert h.learn(period, np.zeros(2)) is None
    matured = h.learn(108, np.zeros(2))
    assert matured is not None
    assert (matured.row.tolist(), matured.label.tolist()) == ([1], [False])


def test_what_happens_after_the_horizon_is_no_positive() -> None:
    h = head()
    h.file(100, np.zeros((1, 1)), np.array([True]))
    for period in range(101, 108):
        h.learn(period, np.zeros(1))
    matured = h.learn(108, np.zeros(1))
    assert matured is not None
    assert matured.label.tolist() == [False]
    assert h.learn(109, np.ones(1)) is None


def test_what_may_have_happened_in_the_horizon_or_after_it_is_no_label() -> None:
    h = head()
    h.file(100, np.zeros((1, 2)), np.array([True, True]))
    for period in range(101, 108):
        h.learn(period, np.zeros(2))
    matured = h.learn(109, np.array([1.0, 0.0]))  # nothing was learnt at 108, when the horizon ended
    assert matured is not None
    assert (matured.row.tolist(), matured.label.tolist()) == ([1], [False])


@pytest.mark.parametrize(("covers", "negative"), [(4, True), (1, False)])
def test_an_observation_speaks_for_as_many_periods_as_a_report_does(covers: int, negative: bool) -> None:
    h = head()
    h.file(100, np.zeros((1, 1)), np.array([True]))
    assert h.learn(104, np.zeros(1), covers) is None
    matured = h.learn(108, np.zeros(1), covers)
    assert (matured is not None and matured.label.tolist() == [False]) is negative


def late(*pairs: tuple[int, int]) -> Late:
    return Late(*np.array(pairs, dtype=np.int64).T)


def test_what_is_learnt_of_late_speaks_for_predictions_before_it_and_against_none_after_it() -> None:
    h = head()
    for period in range(100, 106):
        h.file(period, np.zeros((1, 3)), np.array([True, True, True]))
        h.learn(period + 1, np.zeros(3))
    matured = h.learn(107, np.zeros(3), late=late((0, 103), (2, 90)))
    assert matured is not None
    assert (matured.row.tolist(), matured.label.tolist()) == ([0, 0, 0], [True, True, True])
    assert matured.made.tolist() == [100, 101, 102]
    assert (matured.happened - matured.made).tolist() == [3, 2, 1]
    rest = [h.learn(period, np.zeros(3)) for period in range(108, 120)]
    known = [(row, label) for m in rest if m is not None for row, label in zip(m.row, m.label, strict=True)]
    assert known == [(1, False)] * 6  # 0 and 2 had failed when they were predicted: that is no label


def test_of_several_late_ones_the_first_after_a_prediction_is_its_label() -> None:
    h = head()
    for period in (100, 103):
        h.file(period, np.zeros((1, 1)), np.array([True]))
    matured = h.learn(107, np.ones(1), late=late((0, 105), (0, 102), (0, 109)))
    assert matured is not None
    assert (matured.made.tolist(), matured.happened.tolist()) == ([100], [102])


def test_who_was_not_observed_or_had_failed_has_no_label() -> None:
    h = head()
    h.file(100, np.zeros((1, 3)), np.array([True, True, False]))
    found = [h.learn(period, np.array([0.0, np.nan, 1.0])) for period in range(101, 109)]
    rows = [row for matured in found if matured is not None for row in matured.row.tolist()]
    assert rows == [0]


def test_without_evidence_the_answer_is_the_base_rate() -> None:
    rng = np.random.default_rng(0)
    h = head()
    for period in range(2000):
        h.learn(period, (rng.random(50) < 0.002).astype(float))
        h.file(period, np.zeros((1, 50)), np.ones(50, dtype=np.bool_))
    (p,) = h.predict(np.zeros((1, 1)))
    assert_allclose(p, 1 - (1 - 0.002) ** 8, rtol=0.25)
    assert_allclose(h.base_rate, p, rtol=0.25)


def run(seed: int = 1) -> FailureHead:
    rng = np.random.default_rng(seed)
    h, wear = head(2), np.zeros(40)
    for period in range(600):
        wear = np.where(wear > 0, wear + 0.4, (rng.random(40) < 0.01) * 0.4)
        happened = (wear > 6).astype(float)
        wear[wear > 6] = 0
        h.learn(period, np.where(rng.random(40) < 0.1, np.nan, happened))
        h.file(period, np.stack([wear, rng.standard_normal(40)]), np.ones(40, dtype=np.bool_))
    return h


def test_evidence_that_precedes_failures_is_learnt() -> None:
    h = run()
    near, far = h.predict(np.array([[5.0, 0.0], [0.0, 0.0]]))
    assert near > 0.5
    assert far < 0.1


def test_predicting_is_pure_and_one_by_one_the_same() -> None:
    h = run()
    before = {name: array.copy() for name, array in h.state().items()}
    X = np.random.default_rng(2).normal(0, 3, (2, 301))
    X[0, ::7] = np.nan
    together = h.predict(X)
    assert_array_equal(together, np.concatenate([h.predict(X[:, i : i + 1]) for i in range(301)]))
    assert_allclose(h.log_odds(X), h.log_odds(np.zeros((2, 1))) + h.contributions(X).sum(axis=0), rtol=1e-4, atol=1e-4)
    for name, array in h.state().items():
        assert_array_equal(array, before[name])


def test_a_restored_head_goes_on_as_if_nothing_had_happened() -> None:
    one, other = run(), head(2)
    other.restore({name: array.copy() for name, array in one.state().items()})
    X, happened = np.full((2, 45), 1.5), (np.arange(45) % 9 == 0).astype(float)
    for h in (one, other):
        h.learn(600, happened[:40])
        h.file(600, X, np.ones(45, dtype=np.bool_))
        h.learn(601, happened)
    for name, array in one.state().items():
        assert_array_equal(array, other.state()[name], name)


# Evidence -----------------------------------------------------------------------------------------------------------

N = 6


def feed(evidence: Evidence, step: int, values: dict[int, np.ndarray]) -> None:
    for signal, of in values.items():
        evidence.gather(signal, np.arange(N), of)
    evidence.step(step, np.full(N, 0.3))


def cabinets(steps: int, worn_from: int = 10**9, hidden: int = -1) -> Evidence:
    """Fans that turn as the weather asks, one of which wears; the signal `hidden` never comes."""
    evidence, rng = Evidence("element", QUARTER_MS), np.random.default_rng(3)
    evidence.grow(N)
    for step in range(steps):
        weather = np.sin(step / 96 * 2 * np.pi)
        heat = 30 + 3 * weather + 0.2 * rng.standard_normal(N)
        fan = 1800 + 300 * weather + 8 * rng.standard_normal(N)
        fan[2] -= 6.0 * max(0, step - worn_from)
        feed(evidence, step, {k: of for k, of in ((0, fan), (2, heat)) if k != hidden})
    return evidence


NOBODY = Around(*(np.zeros(N) for _ in range(5)), (np.zeros(0, np.int32), np.zeros(N + 1, np.int32)))
LIMIT = np.full((len(ELEMENT), N), np.nan)
LIMIT[0] = 700.0
DOWN = -np.ones_like(LIMIT)
NAMES = feature_names("element")


def made(evidence: Evidence) -> dict[str, np.ndarray]:
    X = features(evidence, NOBODY, LIMIT, DOWN)
    X = add_wear(X, evidence, evidence.limits_of_error(LIMIT), DOWN, 86_400_000)
    return dict(zip(NAMES, X, strict=True))


def test_where_nothing_is_wrong_there_is_no_evidence() -> None:
    X = made(cabinets(500))
    assert max(float(X[f"fan_speed.{part}"].max()) for part in ("residual", "limit", "wear")) < 0.5
    assert float(X["fan_speed.missing"].max()) == 0


def test_a_worn_fan_stands_out_by_residual_trend_and_wear_and_the_others_do_not() -> None:
    evidence = cabinets(500, worn_from=400)
    X = made(evidence)
    for part in ("residual", "trend", "limit", "wear"):
        fan = X[f"fan_speed.{part}"]
        assert fan[2] > 1, part
        assert np.delete(fan, 2).max() < 1, part
    health_index = evidence.health(evidence.used(LIMIT, DOWN))
    assert health_index[2] < 50
    assert np.delete(health_index, 2).min() > 90


def test_a_sensor_that_does_not_come_is_marked_and_not_taken_for_zero() -> None:
    with_it, without = made(cabinets(200)), made(cabinets(200, hidden=0))
    assert without["fan_speed.missing"].tolist() == [1.0] * N
    assert [float(np.abs(without[f"fan_speed.{part}"]).max()) for part in ("residual", "trend", "limit", "wear")] == [
        0
    ] * 4
    assert_array_equal(with_it["temperature.missing"], without["temperature.missing"])


def test_a_sensor_that_falls_silent_becomes_missing() -> None:
    evidence = cabinets(200)
    for step in range(200, 206):
        feed(evidence, step, {2: np.full(N, 30.0)})
    assert made(evidence)["fan_speed.missing"].tolist() == [1.0] * N


def test_evidence_is_restored_whole() -> None:
    one, other = cabinets(450, worn_from=400), Evidence("element", QUARTER_MS)
    other.grow(N)
    other.restore({name: array.copy() for name, array in one.state().items()})
    for evidence in (one, other):
        feed(evidence, 450, {0: np.full(N, 1700.0)})
    assert_array_equal(np.stack(list(made(one).values())), np.stack(list(made(other).values())))


# Priors and scores ----------------------------------------------------------------------------------------------------


def test_only_signals_of_a_targets_class_speak_for_it() -> None:
    assert {signal.name for signal in ELEMENT if speaks_for(signal, TWO_HOURS)} == {"fan_speed", "vibration"}
    assert "temperature.wear" in priors(parse_failure_target("alarm:ENVIRONMENTAL_ALARM@24h"), "element")
    assert "temperature.wear" not in priors(DAY, "element")
    assert set(priors(DAY, "element")) <= set(NAMES)


def test_scores_count_failures_once_and_know_the_base_rate() -> None:
    h, window = head(), FailureWindow(900.0)
    for period in range(100, 140):
        matured = h.learn(period, np.array([float(period == 120), 0.0]))
        if matured is not None:
            window.add(matured)
        h.file(period, np.array([[10.0 if period >= 112 else 0.0, 0.0]]), np.array([period < 120, True]))
    scores = window.scores()
    assert scores["failures"] == 1
    assert scores["positives"] == 8
    restored = FailureWindow(900.0)
    restored.restore(window.state())
    assert restored.scores() == scores
