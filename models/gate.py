"""Whether a challenger becomes champion, is refused, or the champion gives way to the one before it. Pure.

The test: on the same events, the champion's log loss less the challenger's, a mean for each block of periods. Errors
within a block are dependent, so a block counts as one observation; it is as long as the horizon or longer, since
predictions made within one horizon of each other share most of their future, and a quarter of a day at least, since
neighbouring hours are alike. The wealth of a bet on this difference
(`models.betting`) may be looked at after every day without more false promotions than `alpha` over a challenger's
life in shadow against one champion; against the next all begins anew. Besides, the loss itself (not bounded) must be
lower by a margin, average precision must not be lower, and calibration must not cost more than it did.

A champion is watched by the same differences against the one before it, which runs on in shadow, and against the online
model, with a test that may begin anew at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from models.betting import Floats, log_cusum, log_wealth
from models.comparing import Sums, added, binned_precision, calibration_loss

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LIFE_MS = 90 * DAY_MS
"""No challenger has longer, however far its target looks ahead: what is older is not kept."""

Verdict = Literal["promote", "refuse", "wait", "roll_back"]


class PeriodLoss(NamedTuple):
    """Both models' losses in one period, over all partitions; `time` is its end [ms since 1970]."""

    time: int
    sums: Sums


class GateRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision takes.

    Attributes:
        alpha: Probability of a false promotion in a challenger's life in shadow against one champion, at most.
        alarm: A champion that is no worse gives way once in `1 / alarm` hours or less often.
        block_ms: Periods of so long are one observation [ms]; the horizon of the target or longer.
        watch_ms: The same for watching a champion, where speed counts [ms].
        min_blocks, min_positives: Less than this is no evidence.
        max_blocks: A challenger that has not won by then against one champion is refused.
        margin: Share of the champion's mean loss that must be gained, or that a champion may lose.
        worse_precision: Share of the champion's average precision that may be lost.
        worse_calibration: Share of the champion's mean loss that calibration may cost more.
    """

    alpha: float = 0.05
    alarm: float = 1 / 4000
    block_ms: int = 6 * HOUR_MS
    watch_ms: int = HOUR_MS
    min_blocks: int = 8
    min_positives: int = 50
    max_blocks: int = 28 * 4
    margin: float = 0.005
    worse_precision: float = 0.02
    worse_calibration: float = 0.01


class Decision(NamedTuple):
    """What to do, and why.

    Attributes:
        reason: For a person.
        statistics: What it rests on, by name.
    """

    verdict: Verdict
    reason: str
    statistics: dict[str, float | int | None]


def rule_for(horizon_s: int, rule: GateRule | None = None) -> GateRule:
    """The rule for a target: blocks as long as its horizon, where that is longer than they are.

    At least seven of them then, within the same time in shadow, or the time of eight, but never beyond `LIFE_MS`.
    """
    rule = rule or GateRule()
    block = max(rule.block_ms, horizon_s * 1000)
    if block == rule.block_ms:
        return rule
    least = max(7, rule.min_blocks * rule.block_ms // block)
    most = min(max(rule.max_blocks * rule.block_ms // block, least + 1), max(LIFE_MS // block, 1))
    return msgspec.structs.replace(rule, block_ms=block, min_blocks=least, max_blocks=most)


def decide(comparisons: Sequence[PeriodLoss], rule: GateRule) -> Decision:
    """A challenger in shadow against the champion.

    Args:
        comparisons: Since it entered shadow, any order.

    Returns:
        promote, refuse or wait.
    """
    blocks = _blocks(comparisons, rule.block_ms)
    season = max(DAY_MS // rule.block_ms, 1)
    # Whole days only: a challenger that is better by day and worse by night must not win in the evening.
    whole = blocks[: len(blocks) // season * season]
    total = added(whole)
    means = _means(whole)
    better, worse = (_last(log_wealth(sign * means, season)) for sign in (1.0, -1.0))
    found = _statistics(total, len(whole)) | {"evidence_better": _exp(better), "evidence_worse": _exp(worse)}
    enough = log(1 / rule.alpha)
    late = len(blocks) >= rule.max_blocks
    if len(whole) < rule.min_blocks or total.positives < rule.min_positives:
        lack = f"{len(whole)} of {rule.min_blocks} blocks, {total.positives} of {rule.min_positives} positives"
        return Decision("refuse", f"too little was seen in time: {lack}", found) if late else _wait(lack, found)
    gain = total.difference / total.loss_champion if total.loss_champion > 0 else 0.0
    if worse >= enough and gain < 0:
        return Decision("refuse", f"its log loss is {-gain:.1%} higher on the same {total.n} events", found)
    if better >= enough and gain >= rule.margin:
        if objection := _objection(total, rule):
            return Decision("refuse", f"its log loss is {gain:.1%} lower, but {objection}", found)
        return Decision("promote", f"its log loss is {gain:.1%} lower on the same {total.n} events", found)
    if late:
        return Decision("refuse", f"not better by {rule.margin:.1%} within {len(blocks)} blocks: {gain:+.1%}", found)
    return _wait(f"log loss {gain:+.1%}, evidence {_exp(better):.3g} of {1 / rule.alpha:.3g}", found)


def guard(comparisons: Sequence[PeriodLoss], rule: GateRule) -> Decision:
    """A champion against the one before it, which runs in shadow, or against the online model.

    Args:
        comparisons: That other one as candidate, since the champion was promoted, any order.

    Returns:
        roll_back or wait.
    """
    blocks = _blocks(comparisons, rule.watch_ms)
    wealth = _last(log_cusum(_means(blocks)))
    # A day back: a champion that is worse every night but better by day stays.
    total = added(blocks[-max(DAY_MS // rule.watch_ms, 1) :])
    found = _statistics(total, len(blocks)) | {"evidence_worse": _exp(wealth)}
    loss = total.difference / total.loss_champion if total.loss_champion > 0 else 0.0
    if wealth >= log(1 / rule.alarm) and loss >= rule.margin:
        return Decision("roll_back", f"the other's log loss is {loss:.1%} lower over the last day", found)
    return _wait(f"evidence against the champion {_exp(wealth):.3g} of {1 / rule.alarm:.4g}", found)


def _wait(why: str, found: dict[str, float | int | None]) -> Decision:
    return Decision("wait", why, found)


def _objection(total: Sums, rule: GateRule) -> str:
    """What a lower loss alone doesn't show; empty: nothing speaks against it."""
    before, after = binned_precision(total.champion), binned_precision(total.candidate)
    if before is not None and after is not None and after < before * (1 - rule.worse_precision):
        return f"average precision falls from {before:.3f} to {after:.3f}"
    # With perfect calibration, too, 2 n times the loss is a chi-squared of as many degrees as there are bins in use.
    used = [int((bins.number > 0).sum()) for bins in (total.champion, total.candidate)]
    chance = (used[1] - used[0] + 2 * (2 * max(used)) ** 0.5) / (2 * total.n)
    cost = calibration_loss(total.candidate) - calibration_loss(total.champion)
    if cost > rule.worse_calibration * total.loss_champion / total.n + max(chance, 0.0):
        return f"its calibration costs {cost:.2g} nat more"
    return ""


def _blocks(comparisons: Sequence[PeriodLoss], block_ms: int) -> list[Sums]:
    """Sums of each block that has labels, oldest first; one that may still go on is left out unless it is a period."""
    by_block: dict[int, list[Sums]] = {}
    for one in sorted(comparisons, key=lambda c: c.time):
        # A period that ends with the block belongs to it.
        by_block.setdefault((one.time - 1) // block_ms, []).append(one.sums)
    newest = max((one.time for one in comparisons), default=0)
    return [s for at, parts in sorted(by_block.items()) if (at + 1) * block_ms <= newest and (s := added(parts)).n]


def _means(blocks: Sequence[Sums]) -> Floats:
    return np.array([block.difference / block.n for block in blocks], dtype=np.float64)


def _last(wealth: Floats) -> float:
    return float(wealth[-1]) if len(wealth) else 0.0


def _exp(x: float) -> float:
    return round(exp(min(x, 100.0)), 6)


def _statistics(total: Sums, blocks: int) -> dict[str, float | int | None]:
    n = max(total.n, 1)
    before, after = binned_precision(total.champion), binned_precision(total.candidate)
    return {
        "blocks": blocks,
        "n": total.n,
        "positives": total.positives,
        "loss_champion": round(total.loss_champion / n, 6),
        "loss_candidate": round(total.loss_candidate / n, 6),
        "precision_champion": None if before is None else round(before, 6),
        "precision_candidate": None if after is None else round(after, 6),
        "calibration_champion": round(calibration_loss(total.champion), 6),
        "calibration_candidate": round(calibration_loss(total.candidate), 6),
    }
