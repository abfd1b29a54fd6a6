"""One partition's twin is a pure fold: the same log gives the same bytes, however it is cut, stopped or restored."""

from __future__ import annotations

import math
import random
from datetime import datetime, timedelta
from typing import Any

import folding
import numpy as np
import pytest
from folding import LOAD, POWER, USERS, A, B, C, alarm, inventory, log, new_shard, report, sample, tell
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from models.targets import parse_target
from stream.config import ShardConfig
from stream.shard import Shard
from stream.sources.emulator import EmulatedNetwork, FanWear, Rates, Script, records
from twin.counters import CATALOGUE
from twin.log import LogRecord
from twin.rows import DISCOVERED, LATE, SUSPECT

DAYS = 20
NO_SHRINKING = (Phase.explicit, Phase.generate)
"""Examples are whole logs: to make one smaller takes minutes, and tells little."""
ROUGH = Rates(duplicate=0.03, late=0.05, missing=0.03, max_late=4)
FAST = ShardConfig(targets=folding.CONFIG.targets, instant_period_ms=3_600_000)


def rough_log() -> list[LogRecord]:
    """Some days of an emulated network in one partition, with all that can happen to messages, and bad ones."""
    found = list(records(EmulatedNetwork(5, 2, 1, 3600, rates=ROUGH), 100, 1))
    rng = random.Random(11)
    extra: list[Any] = []
    for n in range(40):
        period, value = n * 3, 10.0 + n
        cells = {"objects": ["NRCellDU=1", "NRCellDU=2"], "counters": [LOAD, USERS]}
        extra += [
            report(A, period, [[value, 1.0], [value, None]], **cells),
            report(A, period, [[value + 1]], suspect=[0] if n % 4 == 0 else []),
            # Somebody else's report of the same object, in the same period.
            report("SubNetwork=1", period, [[value + 2]], objects=["ManagedElement=a,NRCellDU=1"]),
            report(B, period, 400.0) if n % 3 else b"{",
            alarm(number=str(n // 2), severity="CLEARED" if n % 2 else "MINOR"),
        ]
    hand_made = log(extra)
    for record in hand_made:
        at = next((i for i, r in enumerate(found) if r.time > record.time), len(found))
        found.insert(at + rng.randrange(3), record)
    return [record._replace(partition=0, offset=offset) for offset, record in enumerate(found)]


@pytest.fixture(scope="module")
def rough() -> list[LogRecord]:
    return rough_log()


@pytest.fixture(scope="module")
def undisturbed(rough: list[LogRecord]) -> tuple[list[Any], list[Any], str]:
    """Outlets, history and digest of one uninterrupted fold."""
    shard = new_shard(FAST)
    effects = folding.fold(shard, rough)
    kinds = {out.kind for out in effects.outlets}
    assert kinds >= {"congestion", "updates", "rejected", "fidelity"}, "the log must exercise what is compared"
    assert {shard.counts[k] > 0 for k in ("duplicate", "late", "reordered", "missing_periods")} == {True}
    return effects.outlets, folding.history(effects), shard.digest()


# The same log gives the same bytes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_batches_change_neither_outlets_nor_history_nor_digest(rough: Any, undisturbed: Any, batch: int) -> None:
    shard = new_shard(FAST)
    effects = folding.fold(shard, rough, batch)
    assert effects.outlets == undisturbed[0]
    assert folding.history(effects) == undisturbed[1]
    assert shard.digest() == undisturbed[2]


def test_records_that_were_applied_before_are_passed_over(rough: Any, undisturbed: Any) -> None:
    shard = new_shard(FAST)
    outs = []
    for at in range(0, len(rough), 100):
        outs += shard.apply(rough[max(at - 60, 0) : at + 100]).outlets
    assert outs == undisturbed[0]
    assert shard.digest() == undisturbed[2]


@settings(max_examples=4, deadline=None, phases=NO_SHRINKING, database=None)
@given(data=st.data())
def test_a_snapshot_anywhere_and_the_log_after_it_is_as_if_nothing_had_happened(
    rough: Any, undisturbed: Any, data: st.DataObject
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(rough)), min_size=1, max_size=8, unique=True).map(sorted))
    shard = new_shard(FAST)
    outs = []
    for begin, end in zip([0, *cuts], [*cuts, len(rough)], strict=True):
        outs += folding.fold(shard, rough[begin:end], 97).outlets
        stored, before = shard.snapshot(), shard.digest()
        shard = new_shard(FAST)
        shard.restore(stored)
        assert shard.digest() == before
    assert outs == undisturbed[0]
    assert shard.digest() == undisturbed[2]


def test_a_difference_in_the_log_shows_in_the_digest(rough: Any, undisturbed: Any) -> None:
    shard = new_shard(FAST)
    folding.fold(shard, rough[:-1])
    assert shard.digest() != undisturbed[2]


# Arrival -------------------------------------------------------------------------------------------------------------


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


# Inventory and alarms ------------------------------------------------------------------------------------------------


def test_an_object_nobody_declared_is_discovered_once_and_marked_in_the_history() -> None:
    shard = new_shard()
    first = tell(shard, report(A, 0, 40.0))
    assert folding.updates(first) == [("discovered", [f"{A},NRCellDU=1"])]
    second = tell(shard, report(A, 1, 40.0))
    assert not folding.updates(second)
    assert [row[5] for e in (first, second) for row in folding.history(e)] == [DISCOVERED] * 2
    assert not shard.topology.declared(f"{A},NRCellDU=1")


def test_an_object_that_the_inventory_declares_later_is_marked_no_longer() -> None:
    shard = new_shard()
    tell(shard, report(A, 0, 40.0), inventory(f"{A},NRCellDU=1"))
    (row,) = folding.history(tell(shard, report(A, 1, 40.0)))
    assert row[5] == 0
    tell(shard, inventory(id="gone", removed=[f"{A},NRCellDU=1"]))
    (row,) = folding.history(tell(shard, report(A, 2, 40.0)))
    assert row[5] == DISCOVERED


def test_an_object_that_is_removed_and_goes_on_reporting_is_discovered_again() -> None:
    cell = f"{A},NRCellDU=1"
    shard = new_shard()
    tell(shard, inventory(cell), report(A, 0, 40.0))
    tell(shard, inventory(id="gone", removed=[cell]))
    assert cell not in shard.topology, "it may have been switched off"
    kept = new_shard()
    kept.restore(shard.snapshot())
    for one in (shard, kept):
        assert folding.updates(tell(one, report(A, 1, 40.0))) == [("discovered", [cell])]
        assert cell in one.topology
        assert not folding.updates(tell(one, report(A, 2, 40.0)))
    assert shard.digest() == kept.digest()


def test_a_change_of_the_inventory_is_told_and_a_repeated_one_is_not() -> None:
    shard = new_shard()
    change = inventory(A, kind="element")
    assert folding.updates(tell(shard, change)) == [("topology", [A])]
    revision = shard.revision
    assert not tell(shard, change).outlets
    assert shard.revision == revision


def test_a_contradicting_inventory_is_rejected_whole() -> None:
    shard = new_shard()
    tell(shard, inventory(A, kind="element"))
    before = folding.state(shard, "counts", "next_offset")
    effects = tell(shard, inventory(B, A, kind="cell", id="other"))
    assert len(folding.reasons(effects)) == 1
    assert not folding.differing(before, folding.state(shard, "counts", "next_offset"))


def test_an_alarm_stands_until_it_is_cleared_and_is_told_once() -> None:
    shard = new_shard()
    raised = tell(shard, alarm(), alarm())
    assert folding.updates(raised) == [("alarm", [A])]
    assert shard.counts["duplicate"] == 1
    (key,) = shard.alarms
    tell(shard, alarm("CRITICAL"))
    assert shard.alarms[key].perceived_severity == "CRITICAL"
    assert folding.updates(tell(shard, alarm("CLEARED"))) == [("alarm", [A])]
    assert not shard.alarms


# Bad reports ---------------------------------------------------------------------------------------------------------

CELLS = {"objects": ["NRCellDU=1", "NRCellDU=2"]}
REFUSED = {
    "a value out of range beside good ones": report(A, 1, [[40.0], [101.0]], **CELLS),
    "a row too long": report(A, 1, [[40.0], [40.0, 1.0]], **CELLS),
    "an object too many": report(A, 1, [[40.0]], **CELLS),
    "a bad name beside a good one": report(A, 1, [[40.0], [40.0]], objects=["NRCellDU=1", "no name"]),
    "a bad element": report("gnb-17", 1, 40.0),
    "a counter that nobody knows": report(A, 1, [[1.0, 2.0]], counters=[LOAD, "No.Such"]),
    "another granularity, which would make a table": report(A, 1, 400.0, granularity_s=60),
    "a new period, which would close the ones before": report(A, 9, 400.0),
    "not JSON": b"{",
}


@pytest.mark.parametrize("bad", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("batch", [1, 10])
def test_a_rejected_report_changes_nothing(bad: Any, batch: int) -> None:
    good = [report(A, 0, 40.0), report(B, 0, 50.0), report(A, 1, 41.0), report(B, 1, 51.0)]
    with_bad, without = new_shard(), new_shard()
    effects = folding.fold(with_bad, log([good[0], bad, good[1], bad, good[2], bad, good[3]]), batch)
    folding.fold(without, log(good))
    assert len(folding.reasons(effects)) == 3
    assert sum(count for name, count in with_bad.counts.items() if name.startswith("rejected.")) == 3
    ours, theirs = (folding.state(s, "counts", "next_offset") for s in (with_bad, without))
    assert not folding.differing(ours, theirs)


def test_a_rejected_report_says_where_it_was_read_and_what_it_was() -> None:
    shard = new_shard()
    (body,) = folding.outlets(tell(shard, report(A, 0, 40.0), b"{\xff"), "rejected")
    assert (body["topic"], body["partition"], body["offset"], body["size"]) == ("twin.inbox", 0, 1, 2)
    assert body["original"] == "e/8="


def test_objects_nobody_declared_are_rejected_where_the_settings_say_so() -> None:
    shard = new_shard(ShardConfig(unknown_objects="reject"))
    refused = tell(shard, report(A, 0, 40.0))
    assert folding.reasons(refused) == ["unknown-object"]
    assert not refused.history
    tell(shard, inventory(f"{A},NRCellDU=1"))
    assert len(tell(shard, report(A, 0, 40.0)).history) == 1


# Layouts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 100])
def test_two_kinds_of_report_of_one_element_live_side_by_side(batch: int) -> None:
    """Overlapping in one object and one counter, and disjoint in everything."""
    shard = new_shard()
    events = []
    for p in range(4):
        events += [
            report(A, p, [[10.0 + p, 1.0], [20.0 + p, 2.0]], counters=[LOAD, USERS]),
            report(A, p, [[30.0 + p, 300.0]], counters=[LOAD, POWER]),
            report(A, p, [[7.0]], objects=[""], counters=["PEE.Energy"]),
        ]
    effects = folding.fold(shard, log(events), batch)
    table = shard.tables[900_000]
    assert table.names == [f"{A},NRCellDU=1", f"{A},NRCellDU=2", A]
    assert table.counters == [LOAD, USERS, POWER, "PEE.Energy"]
    assert folding.plain(table.columns["values"][:, 0]) == (33.0, 1.0, 300.0, None)
    assert folding.plain(table.columns["values"][:, 1]) == (23.0, 2.0, None, None)
    assert folding.plain(table.columns["values"][:, 2]) == (None, None, None, 7.0)
    assert shard.counts["in_order"] == 12, "each kind has an order of its own"
    assert len(folding.history(effects)) == 16


def test_every_prediction_has_an_id_of_its_own() -> None:
    """An element may send its cells in several reports: one id must never stand for two messages."""
    parts = [{"objects": [f"NRCellDU={c}"]} for c in (1, 2, 3)]
    effects = tell(new_shard(), *(report(A, p, 40.0, **part) for p in range(3) for part in parts))
    ids = [out.id for out in effects.outlets if out.kind == "congestion"]
    assert len(ids) == len(set(ids)) == 18


def test_who_reports_an_object_does_not_make_batches_matter() -> None:
    """An element and the network manager above it both report a cell: the later one in the log stands."""
    above = {"objects": ["ManagedElement=a,NRCellDU=1"]}
    events = []
    for p in range(6):
        events += [
            report(A, p, [[10.0 + p, 5.0]], counters=[LOAD, USERS]),
            report("SubNetwork=1", p, [[20.0 + p, None]], counters=[LOAD, USERS], **above),
            report("SubNetwork=1", p, [[30.0 + p]], **above),
            report(A, p, [[40.0 + p, 6.0], [1.0, 1.0]], counters=[LOAD, USERS]),
        ]
    digests = set()
    for batch in (1, 2, 3, 100):
        shard = new_shard()
        folding.fold(shard, log(events), batch)
        assert folding.plain(shard.tables[900_000].columns["values"][:, 0]) == (45.0, 6.0)
        digests.add(shard.digest())
    assert len(digests) == 1


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


# Drift and fidelity --------------------------------------------------------------------------------------------------

SHIFT_DAY, SHIFTED = 6, 2


def hourly(days: range, shift: float) -> list[dict[str, Any]]:
    """Hourly loads of one element with six cells: a daily curve and noise; one cell moves by `shift` on a day."""
    out = []
    for period in range(24 * days.start, 24 * days.stop):
        rng = np.random.default_rng((9, period))
        curve = 40 + 20 * math.sin(2 * math.pi * (period % 24) / 24)
        values = curve + 5 * np.arange(6) / 6 + 3 * rng.standard_normal(6)
        values[SHIFTED] += shift if period >= 24 * SHIFT_DAY else 0.0
        out.append(report(A, period, [[float(v)] for v in np.round(values.clip(0, 100), 2)], granularity_s=3600))
    return out


HOURLY = ShardConfig(targets=(parse_target(f"{LOAD}>55@1h"),))


@pytest.mark.parametrize(("shift", "direction"), [(25.0, "up"), (-25.0, "down")])
def test_drift_is_told_of_the_cell_that_moved_within_a_day(shift: float, direction: str) -> None:
    effects = folding.fold(new_shard(HOURLY), log(hourly(range(8), shift)))
    moved = [d for d in folding.outlets(effects, "drift") if d["object"] == f"{A},NRCellDU={SHIFTED + 1}"]
    begin = folding.START + timedelta(days=SHIFT_DAY)
    after = [d for d in moved if d["time"] >= begin.isoformat()]
    assert after
    assert after[0]["direction"] == direction
    assert after[0]["time"] <= (begin + timedelta(days=1)).isoformat()
    assert abs(after[0]["size"]) > 5


def test_drift_is_seldom_told_of_a_quiet_network() -> None:
    effects = folding.fold(new_shard(HOURLY), log(hourly(range(DAYS), 0.0)))
    told = folding.outlets(effects, "drift")
    assert len(told) <= 6 * DAYS * 0.05, "at most one alarm in twenty days of a cell"


def test_the_emulated_networks_dying_fan_is_noticed_and_nothing_else() -> None:
    hour = timedelta(hours=1)
    site, begin = 2, 120 * hour

    def drifting(fans: tuple[FanWear, ...]) -> list[str]:
        network = EmulatedNetwork(2, 3, 1, 3600, script=Script(fans=fans), rates=Rates.none())
        shard = Shard(0, ShardConfig(instant_period_ms=3_600_000), CATALOGUE)
        told = folding.outlets(folding.fold(shard, list(records(network, 24 * 7, 1))), "drift")
        return [d["object"] for d in told if d["time"] >= (network.start + begin).isoformat()]

    quiet = drifting(())
    assert len(quiet) <= 2
    moved = set(drifting((FanWear(site, begin, 12 * hour, 500 * hour),))) - set(quiet)
    assert moved
    assert {name for name in moved if f"ManagedElement=gnb-{site + 1}" not in name} == set()


def test_fidelity_falls_when_the_twin_is_made_worse() -> None:
    body = hourly(range(9), 0.0)
    shard = new_shard(HOURLY)
    tell(shard, *body[: 24 * 6])
    worse = new_shard(HOURLY)
    worse.restore(shard.snapshot())
    mean = worse.channels[3_600_000, LOAD].series.columns["mean"]
    mean[:] = np.roll(mean, 12, axis=0).copy()
    scores = []
    for one in (shard, worse):
        effects = tell(one, *body[24 * 6 : 24 * 7])
        scores.append(folding.outlets(effects, "fidelity")[-1]["score"])
    good, bad = scores
    assert good > 0.6
    assert bad < good - 0.15
