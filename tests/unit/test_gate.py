"""The gate: looked at every day it promotes what is no better as seldom as it says, and what is better soon."""

from __future__ import annotations

import numpy as np
import pytest
from model_losses import DAY, HOUR_MS, noise, periods

from models.betting import log_cusum, log_wealth
from models.comparing import added, binned, binned_precision, calibration_loss, compare
from models.gate import GateRule, decide, guard, rule_for
from models.scoring import average_precision
from models.tally import KEPT_MS

RULE = GateRule(min_positives=20)
WEEKS = 28


def promoted_within(days: int, runs: int, seed: int, **losses: float) -> float:
    """Share of challengers that are promoted when the evidence is looked at after each day."""
    rng = np.random.default_rng(seed)
    done = 0
    for _ in range(runs):
        difference = noise(rng, days * DAY, **losses).reshape(-1, 6).mean(axis=1)
        # What `decide` looks at, and only where it looks: `test_decide_looks_at_whole_days` ties the two.
        wealth = log_wealth(difference, 4)[3::4]
        done += bool((wealth >= np.log(1 / RULE.alpha)).any())
    return done / runs


@pytest.mark.parametrize("shape", ["normal", "heavy", "skewed", "daily", "alike"])
def test_without_a_difference_looking_every_day_promotes_no_more_than_alpha(shape: str) -> None:
    share = promoted_within(WEEKS, 300, 1, mean=0.0, **{shape: 1.0})
    # 300 runs: three standard deviations above alpha.
    assert share <= RULE.alpha + 3 * (RULE.alpha * (1 - RULE.alpha) / 300) ** 0.5


def test_a_worse_one_is_never_promoted() -> None:
    assert promoted_within(WEEKS, 200, 2, mean=-0.2) == 0.0


@pytest.mark.parametrize(("mean", "least"), [(0.2, 0.9), (0.3, 0.99)])
def test_with_a_difference_it_is_promoted(mean: float, least: float) -> None:
    assert promoted_within(WEEKS, 200, 3, mean=mean) >= least


def test_wealth_is_a_supermartingale_for_any_bounded_fair_game() -> None:
    """Its mean stays at 1 or below: that is what bounds the false promotions."""
    rng = np.random.default_rng(4)
    # Coins that fall on 1 or -1 with equal probability are as hard as bounded differences get.
    wealth = np.exp([log_wealth(rng.choice([-1.0, 1.0], 40), 4)[-1] for _ in range(2000)])
    assert wealth.mean() <= 1 + 3 * wealth.std() / 2000**0.5


def test_what_comes_later_changes_no_evidence_before() -> None:
    rng = np.random.default_rng(5)
    difference = rng.normal(0.3, 1, 80)
    np.testing.assert_array_equal(log_wealth(difference, 4)[:40], log_wealth(difference[:40], 4))
    np.testing.assert_array_equal(log_cusum(difference)[:40], log_cusum(difference[:40]))


def test_one_block_decides_nothing() -> None:
    even = np.tile([1.0, -1.0], 20)
    lucky = even.copy()
    lucky[20] = 1e9
    assert log_wealth(lucky, 4)[-1] < 1.0


def test_decide_looks_at_whole_days() -> None:
    """A challenger that is better by day and worse by night is not promoted in the evening."""
    hours = np.arange(20 * DAY)
    by_day = np.where(hours % 24 < 12, 1.0, -1.0)
    for end in range(10 * DAY, 12 * DAY):
        assert decide(periods(by_day[:end], positives=5), RULE).verdict == "wait"


def test_verdicts_have_reasons_and_numbers() -> None:
    rng = np.random.default_rng(6)
    good = decide(periods(noise(rng, 10 * DAY, mean=0.5), positives=5), RULE)
    assert good.verdict == "promote"
    assert "lower" in good.reason
    assert good.statistics["evidence_better"] >= 20  # type: ignore[operator]
    assert good.statistics["blocks"] == 40
    bad = decide(periods(noise(rng, 10 * DAY, mean=-0.5), positives=5), RULE)
    assert bad.verdict == "refuse"
    assert "higher" in bad.reason
    early = decide(periods(noise(rng, DAY, mean=5.0), positives=5), RULE)
    assert early.verdict == "wait"
    assert "blocks" in early.reason
    rare = decide(periods(noise(rng, 10 * DAY, mean=0.5), positives=0), RULE)
    assert rare.verdict == "wait"
    assert "0 of 20 positives" in rare.reason
    same = decide(periods(np.zeros(29 * DAY), positives=5), RULE)
    assert same.verdict == "refuse"
    assert "not better" in same.reason


def test_the_order_in_which_periods_come_doesnt_matter() -> None:
    rng = np.random.default_rng(7)
    found = periods(noise(rng, 12 * DAY, mean=0.4), positives=5)
    shuffled = [found[i] for i in rng.permutation(len(found))]
    assert decide(found, RULE) == decide(shuffled, RULE)


def test_a_gain_below_the_margin_is_none() -> None:
    rng = np.random.default_rng(8)
    small = periods(0.001 + 0.0001 * rng.normal(size=20 * DAY), positives=5)
    assert decide(small, RULE).verdict == "wait"
    assert decide(small, GateRule(min_positives=20, margin=0.0)).verdict == "promote"


def test_lower_loss_with_a_worse_order_is_refused() -> None:
    rng = np.random.default_rng(9)
    found = periods(noise(rng, 10 * DAY, mean=0.5), positives=5, order=-1.0)
    decision = decide(found, RULE)
    assert decision.verdict == "refuse"
    assert "average precision" in decision.reason


def test_lower_loss_with_worse_calibration_is_refused() -> None:
    rng = np.random.default_rng(10)
    found = periods(noise(rng, 10 * DAY, mean=0.5), positives=5, tilt=0.3)
    decision = decide(found, RULE)
    assert decision.verdict == "refuse"
    assert "calibration" in decision.reason


def test_blocks_are_as_long_as_the_horizon() -> None:
    assert rule_for(3600, RULE) == RULE
    day = rule_for(86_400, RULE)
    assert day.block_ms == 24 * HOUR_MS
    assert day.max_blocks * day.block_ms >= RULE.max_blocks * RULE.block_ms
    rng = np.random.default_rng(11)
    assert decide(periods(noise(rng, 40 * DAY, mean=0.5), positives=5), day).verdict == "promote"


@pytest.mark.parametrize(("days", "blocks", "life"), [(1, 28, 28), (2, 14, 28), (7, 8, 56), (12, 7, 84), (31, 2, 62)])
def test_whatever_the_horizon_shadow_has_an_end_before_the_evidence_is_forgotten(
    days: int, blocks: int, life: int
) -> None:
    rule = rule_for(days * 86_400, RULE)
    assert (rule.max_blocks, rule.max_blocks * rule.block_ms) == (blocks, life * 24 * HOUR_MS)
    assert rule.max_blocks * rule.block_ms < KEPT_MS
    same = periods(np.zeros(life * DAY), positives=5)
    assert decide(same[: -days * DAY], rule).verdict == "wait"
    assert decide(same, rule).verdict == "refuse"


def test_a_degrading_champion_is_rolled_back_within_two_days_and_a_good_one_stays() -> None:
    rng = np.random.default_rng(12)
    delays = []
    for _ in range(5):
        good = noise(rng, 14 * DAY, mean=-0.3)
        bad = noise(rng, 4 * DAY, mean=1.5)
        found = periods(np.concatenate([good, bad]), positives=5)
        assert guard(found[: 14 * DAY], RULE).verdict == "wait"
        delays.append(
            next(h for h in range(0, 4 * DAY, 3) if guard(found[: 14 * DAY + h + 1], RULE).verdict == "roll_back")
        )
    assert max(delays) <= 2 * DAY


def test_a_champion_that_is_no_worse_is_hardly_ever_rolled_back() -> None:
    """The mean time to a false alarm is bounded from below by 1 / alarm."""
    rng = np.random.default_rng(13)
    alarms = sum(bool((log_cusum(rng.normal(0, 1, 1000)) >= np.log(4000)).any()) for _ in range(20))
    # 20,000 hours: five on average, were the bound exact.
    assert alarms <= 11


def test_a_nightly_weakness_is_no_reason_to_roll_back() -> None:
    by_night = np.where(np.arange(20 * DAY) % 24 < 12, 1.0, -1.2)
    for end in range(10 * DAY, 12 * DAY):
        assert guard(periods(by_night[:end], positives=5), RULE).verdict == "wait"


# Sums ---------------------------------------------------------------------------------------------------------------


def predictions(seed: int, n: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.normal(-2, 2, n)
    label = rng.random(n) < 1 / (1 + np.exp(-truth))
    good, poor = (1 / (1 + np.exp(-(truth + s * rng.normal(size=n)))) for s in (0.2, 2.0))
    return label, good, poor


def test_sums_add_up() -> None:
    label, good, poor = predictions(1)
    whole = compare(label, poor, good)
    parts = added(compare(label[i::7], poor[i::7], good[i::7]) for i in range(7))
    assert (whole.n, whole.positives) == (parts.n, parts.positives)
    np.testing.assert_allclose(whole[2:6], parts[2:6])
    for one, other in zip(whole[6:], parts[6:], strict=True):
        np.testing.assert_array_equal(one.number, other.number)
        np.testing.assert_allclose(one.probability, other.probability)
    assert whole.difference > 0, "the better one's loss is lower"
    assert whole.difference == pytest.approx(whole.loss_champion - whole.loss_candidate)


def test_what_one_of_two_has_not_predicted_counts_for_neither() -> None:
    label, good, poor = predictions(2)
    good[::3] = np.nan
    poor[::5] = np.nan
    assert compare(label, poor, good).n == sum(i % 3 != 0 and i % 5 != 0 for i in range(len(label)))


def test_bins_are_enough_for_average_precision() -> None:
    label, good, poor = predictions(3)
    for probability in (good, poor):
        exact = average_precision(label, probability)
        assert binned_precision(binned(label, probability)) == pytest.approx(exact, abs=0.02)


def test_bins_are_enough_for_calibration() -> None:
    label, good, _ = predictions(4, n=40_000)
    honest, bold = (calibration_loss(binned(label, p)) for p in (good, np.clip(3 * good, 0.0, 0.999)))
    assert honest < 0.005 < bold
