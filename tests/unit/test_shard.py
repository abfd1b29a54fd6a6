"""One partition's twin is a pure fold: the same log gives the same bytes, however it is cut, stopped or restored."""

from __future__ import annotations

import random
from typing import Any

import folding
import pytest
from folding import LOAD, POWER, USERS, A, B, alarm, inventory, log, new_shard, report, tell
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.config import ShardConfig
from stream.sources.emulator import EmulatedNetwork, Rates, records
from twin.log import LogRecord

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
