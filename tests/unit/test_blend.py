"""Laws of the blend: in doubt the average, then whoever is right, and nothing that depends on how a batch was cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.blend import Blend, Mode
from models.logit import log_loss, sigmoid
from twin.errors import ConfigurationError

F32 = np.float32
Array = NDArray[Any]


def events(seed: int, n: int = 400, noise: tuple[float, float] = (1.0, 1.0)) -> tuple[Array, Array, Array, Array]:
    """Log-odds of two models that see a truth through noise of their own, whether it is quiet, and the labels."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1.5, 2.5, n)
    online, batch = (np.asarray(truth + rng.normal(0, s, n), dtype=F32) for s in noise)
    return online, batch, rng.random(n) < 0.7, rng.random(n) < sigmoid(truth)


def taught(blend: Blend, periods: int, noise: tuple[float, float], first: int = 0) -> Blend:
    for period in range(first, first + periods):
        blend.learn(*events(period, noise=noise))
        blend.freeze()
    return blend


def loss(blend: Blend, noise: tuple[float, float]) -> tuple[float, float, float]:
    """Of the blend and of the two alone, on events that nobody has learnt."""
    online, batch, quiet, label = events(10_000, 20_000, noise)
    y = label.astype(F32)
    return log_loss(blend.combine(online, batch, quiet).log_odds, y), log_loss(online, y), log_loss(batch, y)


def test_before_any_label_it_is_three_parts_online() -> None:
    online, batch, quiet, _ = events(1)
    made = Blend().combine(online, batch, quiet)
    np.testing.assert_allclose(made.log_odds, 0.75 * online + 0.25 * batch, rtol=1e-5)


@pytest.mark.parametrize("mode", ["online", "batch"])
def test_either_alone_is_that_model_to_the_bit_whatever_was_learnt(mode: Mode) -> None:
    blend = taught(Blend(mode), 5, (0.5, 0.5))
    online, batch, quiet, _ = events(1)
    online[0], batch[1] = -40.0, 40.0
    made = blend.combine(online, batch, quiet)
    np.testing.assert_array_equal(made.log_odds, online if mode == "online" else batch)


def test_without_an_answer_of_the_batch_model_it_is_the_online_model_to_the_bit() -> None:
    blend = taught(Blend(), 5, (0.5, 0.5))
    online, batch, quiet, _ = events(1)
    batch[::3] = np.nan
    made = blend.combine(online, batch, quiet)
    np.testing.assert_array_equal(made.log_odds[::3], online[::3])
    assert (made.online[::3] == 1).all()
    assert (made.batch[::3] == 0).all()
    assert np.isfinite(made.log_odds).all()


def test_what_one_model_never_said_teaches_nothing() -> None:
    one, other = Blend(), Blend()
    online, batch, quiet, label = events(1)
    batch[::3] = np.nan
    known = ~np.isnan(batch)
    one.learn(online, batch, quiet, label)
    other.learn(online[known], batch[known], quiet[known], label[known])
    np.testing.assert_array_equal(one.head.m, other.head.m)


@pytest.mark.parametrize("noise", [(0.3, 3.0), (3.0, 0.3), (1.0, 1.0)])
def test_it_comes_to_lean_on_whoever_is_right_and_beats_both(noise: tuple[float, float]) -> None:
    blend = taught(Blend(), 60, noise)
    both, online, batch = loss(blend, noise)
    assert both < 1.005 * min(online, batch)
    if noise[0] != noise[1]:
        weights = blend.weights
        assert (weights["online"] > weights["batch"]) == (noise[0] < noise[1])
    else:
        assert both < 0.97 * min(online, batch)


def test_it_follows_a_model_that_turns_bad() -> None:
    blend = taught(Blend(), 30, (1.0, 0.3))
    before = blend.weights["batch"]
    for day in range(120):
        taught(blend, 1, (0.3, 4.0), 1000 + day)
        blend.decay(1)
    blend.freeze()
    assert blend.weights["batch"] < 0.5 * before
    both, online, batch = loss(blend, (0.3, 4.0))
    assert both < 1.02 * online < batch


def test_quiet_objects_may_lean_on_another_model() -> None:
    """Where only the batch model sees an onset coming, the quiet are given to it and the others to the online model."""
    blend = Blend()
    for period in range(60):
        rng = np.random.default_rng(period)
        truth, quiet = rng.normal(-1, 2.5, 400), rng.random(400) < 0.5
        noise = rng.normal(0, 3, 400)
        online, batch = truth + np.where(quiet, noise, 0), truth + np.where(quiet, 0, noise)
        blend.learn(online.astype(F32), batch.astype(F32), quiet, rng.random(400) < sigmoid(truth))
    blend.freeze()
    made = blend.combine(*np.ones((2, 2), dtype=F32), quiet=np.array([True, False]))
    assert made.batch[0] > made.online[0]
    assert made.batch[1] < made.online[1]


def test_any_part_of_a_batch_is_combined_bit_for_bit_alike() -> None:
    blend = taught(Blend(), 10, (0.5, 1.0))
    online, batch, quiet, _ = events(1, 1000)
    batch[::7] = np.nan
    whole = blend.combine(online, batch, quiet)
    for part in (slice(3, 4), slice(10, 777), slice(999, None, -3)):
        for a, b in zip(whole, blend.combine(online[part], batch[part], quiet[part]), strict=True):
            np.testing.assert_array_equal(a[part], b)


def test_to_combine_changes_nothing_and_nothing_changes_before_the_boundary() -> None:
    blend = taught(Blend(), 3, (1.0, 1.0))
    state = {name: array.copy() for name, array in blend.state().items()}
    before = blend.combine(*events(1)[:3])
    for name, array in blend.state().items():
        np.testing.assert_array_equal(array, state[name])
    blend.learn(*events(99))
    np.testing.assert_array_equal(blend.combine(*events(1)[:3]).log_odds, before.log_odds)
    blend.freeze()
    assert (blend.combine(*events(1)[:3]).log_odds != before.log_odds).any()


def test_a_restored_blend_goes_on_as_if_nothing_had_happened() -> None:
    one = taught(Blend(), 5, (1.0, 0.5))
    other = Blend()
    other.restore({name: array.copy() for name, array in one.state().items()})
    assert other.version == one.version
    for blend in (one, other):
        taught(blend, 3, (1.0, 0.5), 50)
    for name, array in one.state().items():
        np.testing.assert_array_equal(array, other.state()[name])


def test_a_wrong_certainty_counts_no_more_than_the_bound() -> None:
    online, batch, quiet, label = events(1)
    one, other = Blend(), Blend()
    batch[0], label[0] = 12.0, False
    one.learn(online, batch, quiet, label)
    batch[0] = 1e6
    other.learn(online, batch, quiet, label)
    np.testing.assert_array_equal(one.head.m, other.head.m)


def test_no_other_mode() -> None:
    with pytest.raises(ConfigurationError, match="choose from learnt, online, batch"):
        Blend("average")  # type: ignore[arg-type]


def test_the_next_version_begins_where_the_last_has_come_to_and_leaves_it_sooner() -> None:
    old = taught(Blend(), 40, (1.0, 0.3))
    new = Blend()
    new.follow(old)
    assert new.weights == old.weights
    assert new.weights != Blend().weights
    for blend in (old, new):
        taught(blend, 3, (0.3, 4.0), 500)
    assert new.weights["batch"] < old.weights["batch"]


def constant(blend: Blend, log_odds: float, n: int, *, label: bool = False) -> None:
    said = np.full(n, log_odds, dtype=F32)
    blend.learn(said, said, np.zeros(n, dtype=np.bool_), np.full(n, label))


def test_the_average_is_of_labels_and_not_of_how_many_come_at_once() -> None:
    """One object that fails has its labels learnt by themselves, one call for each prediction that waited."""
    blend = Blend()
    for _ in range(30):
        constant(blend, -7.0, 1000)
    for _ in range(8):
        constant(blend, 3.0, 1, label=True)
    assert blend.average == pytest.approx(-7 + 80 / 20_000, abs=1e-4)
    for _ in range(100):
        constant(blend, -3.0, 1000)
    assert blend.average == pytest.approx(-3, abs=0.05)


def test_periods_of_equal_size_count_as_long_as_they_did() -> None:
    blend, expected = Blend(), 0.0
    for k in range(60):
        constant(blend, float(np.sin(k)), 50)
        expected += max(0.05, 1 / (k + 1)) * (float(F32(np.sin(k))) - expected)
    assert blend.average == pytest.approx(expected, abs=1e-6)


def test_the_next_version_keeps_the_average_until_it_has_labels_enough() -> None:
    old, new = Blend(), Blend()
    for _ in range(30):
        constant(old, -7.0, 1000)
    new.follow(old)
    constant(new, 3.0, 1, label=True)
    assert new.average == pytest.approx(-7, abs=1e-3)


def test_a_restored_average_counts_as_before_and_that_of_an_old_state_nothing() -> None:
    one, other, old = Blend(), Blend(), Blend()
    for _ in range(3):
        constant(one, -7.0, 1000)
    other.restore(one.state())
    old.restore({name: array for name, array in one.state().items() if name != "rows"})
    for blend in (one, other, old):
        constant(blend, 3.0, 1000)
    assert one.average == other.average == pytest.approx(-4.5)
    assert old.average == pytest.approx(3)


def test_no_model_is_ever_set_against_the_other() -> None:
    """Even where the labels would want it: what one says too much isn't taken from the other."""
    blend = Blend()
    for period in range(40):
        rng = np.random.default_rng(period)
        truth, common = rng.normal(-1, 2, 300), rng.normal(0, 2, 300)
        online, batch = (np.asarray(x, dtype=F32) for x in (truth + common, common))
        blend.learn(online, batch, rng.random(300) < 0.5, rng.random(300) < sigmoid(truth))
        blend.freeze()
    assert blend.head.m[1] < 0
    for quiet in (True, False):
        made = blend.combine(np.ones(1, dtype=F32), np.ones(1, dtype=F32), np.array([quiet]))
        assert min(made.online[0], made.batch[0]) >= 0
