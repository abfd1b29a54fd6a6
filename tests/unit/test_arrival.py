"""Reports that come twice, late, in disorder, with holes or not at all: what the twin takes, tells and learns."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import folding
import numpy as np
import pytest
from folding import LOAD, USERS, A, B, C, log, new_shard, report, sample, tell
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.targets import parse_target
from stream.config import ShardConfig
from twin.rows import LATE, SUSPECT

NO_SHRINKING = (Phase.explicit, Phase.generate)
"""Examples are whole logs: to make one smaller takes minutes, and tells little."""
LATENESS = 2
SIX_HOURS = 6 * 3600
PERIODS = 20
ORDERLY = ShardConfig(targets=(parse_target(f"{LOAD}>60@12h"),), lateness_periods=LATENESS)


def orderly_reports() -> list[list[dict[str, Any]]]:
    """Reports of three elements by period; cells miss a value now and then."""
    rng = np.random.default_rng(3)
    by_period = []
    for period in range(PERIODS + 2 * LATENESS + 2):
        values = np.round(50 + 30 * math.sin(period * math.pi / 2) + 10 * rng.standard_normal((3, 2)), 2).clip(0, 100)
        rows = [[[float(v)] for v in row] for row in values]
        by_period.append(
            [report(e, period, row, granularity_s=SIX_HOURS) for e, row in zip((A, B, C), rows, strict=True)]
        )
    return by_period


MAY_DIFFER = (
    # How often something changed, and when, is a matter of the order itself.
    "revision", "counts",
    # A prediction is published when its report comes, from what is known then; what is published is never rewritten.
    "published", "score", "watch",
)  # fmt: skip


def test_a_duplicate_is_counted_and_changes_nothing_else() -> None:
    shard = new_shard()
    first = report(A, 0, 40.0)
    tell(shard, first)
    before = folding.state(shard, "counts", "next_offset")
    effects = tell(shard, first, first)
    assert not effects.outlets
    assert not effects.history
    assert shard.counts["duplicate"] == 2
    assert not folding.differing(before, folding.state(shard, "counts", "next_offset"))


@settings(max_examples=10, deadline=None, phases=NO_SHRINKING, database=None)
@given(data=st.data())
def test_any_order_within_the_lateness_teaches_the_twin_the_same(data: st.DataObject) -> None:
    by_period = orderly_reports()
    head, tail = by_period[0], [r for group in by_period[PERIODS:] for r in group]
    pending = [(period, r) for period in range(1, PERIODS) for r in by_period[period]]
    shuffled = []
    while pending:
        oldest = pending[0][0]
        allowed = [i for i, (period, _) in enumerate(pending) if period <= oldest + LATENESS]
        shuffled.append(pending.pop(allowed[data.draw(st.integers(0, len(allowed) - 1))])[1])
    in_order, disordered = new_shard(ORDERLY), new_shard(ORDERLY)
    folding.fold(in_order, log([r for group in by_period for r in group]))
    folding.fold(disordered, log([*head, *shuffled, *tail]), 5)
    assert disordered.counts["late"] == disordered.counts["duplicate"] == 0
    one, other = (folding.state(s, *MAY_DIFFER) for s in (in_order, disordered))
    assert {part for part in ("drift", "fidelity", "model0", "series", "table") if any(part in key for key in one)} == {
        "drift", "fidelity", "model0", "series", "table",
    }  # fmt: skip
    assert not folding.differing(one, other)


def test_a_report_later_than_the_lateness_is_history_marked_late_and_changes_no_state() -> None:
    shard = new_shard()
    tell(shard, *(report(A, p, 40.0 + p) for p in (0, 2, 3, 4)))
    without = ("counts", "next_offset", "revision", "layouts")
    before = folding.state(shard, *without)
    late = report(A, 1, 99.0)
    effects = tell(shard, late)
    (row,) = folding.history(effects)
    assert row[5] & LATE
    assert row[6] == (99.0,)
    assert row[7:] == ((None,), (None, None)), "nothing is expected or predicted of the past"
    assert not effects.outlets
    assert shard.counts["late"] == 1
    assert not folding.differing(before, folding.state(shard, *without))
    assert not tell(shard, late).history
    assert shard.counts["duplicate"] == 1


def test_a_reordered_report_does_not_take_the_newest_value_back() -> None:
    shard = new_shard()
    tell(shard, report(A, 0, 1.0), report(A, 2, 3.0), report(A, 1, 2.0))
    table = shard.tables[900_000]
    assert shard.counts["reordered"] == 1
    assert table.columns["values"][0, 0] == 3.0
    assert shard.channels[900_000, LOAD].series.recent(period_of(1))[0] == 2.0


def period_of(period: int) -> int:
    """In periods since 1970."""
    return int(folding.START.timestamp()) // folding.QUARTER + period + 1


@pytest.mark.parametrize("missing", [[1], [2], [1, 2]])
def test_a_gap_is_told_when_the_lateness_of_the_period_has_run_out(missing: list[int]) -> None:
    shard = new_shard()
    effects = tell(shard, *(report(A, p, 40.0) for p in range(6) if p not in missing))
    gaps = [body for body in folding.outlets(effects, "updates") if body["change"] == "gap"]
    ends = [datetime.fromisoformat(gap["time"]) for gap in gaps]
    assert ends == [folding.START + (p + 1) * timedelta(minutes=15) for p in missing]
    assert all(gap["objects"] == [A] for gap in gaps)
    assert shard.counts["missing_periods"] == len(missing)


def test_of_a_report_that_comes_in_disorder_no_gap_is_told() -> None:
    shard = new_shard()
    effects = tell(shard, *(report(A, p, 40.0) for p in (0, 2, 1, 3, 4, 5)))
    assert "gap" not in [change for change, _ in folding.updates(effects)]
    assert shard.counts["missing_periods"] == 0


def test_silence_is_told_once_and_so_is_its_end() -> None:
    shard = new_shard()
    quiet = tell(shard, report(A, 0, 40.0), *(report(B, p, 40.0) for p in range(12)))
    assert folding.updates(quiet).count(("stale", [A])) == 1
    assert shard.counts["stale"] == 1
    back = tell(shard, report(A, 12, 41.0), report(A, 13, 41.0))
    assert folding.updates(back).count(("fresh", [A])) == 1


def test_a_late_report_does_not_end_a_silence() -> None:
    shard = new_shard()
    tell(shard, report(A, 0, 40.0), *(report(B, p, 40.0) for p in range(12)))
    assert ("fresh", [A]) not in folding.updates(tell(shard, report(A, 1, 40.0)))


def test_a_missing_value_keeps_the_last_known_one() -> None:
    shard = new_shard()
    two = {"counters": [LOAD, USERS]}
    tell(shard, report(A, 0, [[40.0, 7.0]], **two), report(A, 1, [[None, 9.0]], **two))
    table = shard.tables[900_000]
    assert table.columns["values"][:, 0].tolist() == [40.0, 9.0]
    effects = tell(shard, report(A, 2, [[None, None]], **two))
    assert folding.history(effects)[0][6] == (None, None), "the history says that it was missing"
    (made, _) = folding.outlets(effects, "congestion")
    assert (made["value"], made["probability"]) == ([None], [None])


def test_a_suspect_value_is_stored_and_marked_but_not_learnt_from() -> None:
    doubted, absent = new_shard(), new_shard()
    usual = [report(A, p, 40.0) for p in range(3)]
    effects = tell(doubted, *usual, report(A, 3, 99.0, suspect=[0]), *(report(A, p, 40.0) for p in range(4, 9)))
    tell(absent, *usual, report(A, 3, [[None]]), *(report(A, p, 40.0) for p in range(4, 9)))
    row = folding.history(effects)[3]
    assert row[5] & SUSPECT
    assert row[6] == (99.0,)
    one, other = (folding.state(s) for s in (doubted, absent))
    assert not [key for key in folding.differing(one, other) if key.startswith("/channel")]
    tell(doubted, report(A, 9, 50.0, suspect=[0]))
    assert doubted.tables[900_000].columns["suspect"].tolist() == [True]


def test_samples_at_an_instant_are_no_duplicates_within_their_period() -> None:
    shard = new_shard()
    effects = tell(shard, sample(A, 5, 20.0), sample(A, 25, 21.0), sample(A, 25, 21.0), sample(A, 70, 22.0))
    assert [row[6] for row in folding.history(effects)] == [(20.0,), (21.0,), (22.0,)]
    assert shard.counts["duplicate"] == 1


def test_samples_at_an_instant_may_come_in_any_order() -> None:
    shard = new_shard()
    effects = tell(shard, sample(A, 5, 20.0), sample(A, 45, 22.0), sample(A, 25, 21.0))
    assert len(folding.history(effects)) == 3


def test_a_reordered_report_gives_the_value_that_the_newer_one_is_missing() -> None:
    shard = new_shard()
    tell(shard, report(A, 0, 1.0), report(A, 2, [[None]]), report(A, 1, 2.0))
    assert shard.tables[900_000].columns["values"][0, 0] == 2.0
