"""Running totals: differences that are never negative and never invented, wherever the log is cut."""

from __future__ import annotations

import json
from typing import Any

import folding
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.sources.senml import reports
from twin.errors import BadInput
from twin.totals import Totals

ENERGY = "PEE.Energy"


def reading(second: int, total: float | None, **more: Any) -> dict[str, Any]:
    """A meter's reading at an instant."""
    told = folding.sample(folding.A, second, 0.0) | {"counters": [ENERGY], "values": [[total]], "cumulative": [ENERGY]}
    return told | more


def stored(*events: dict[str, Any]) -> list[float | None]:
    """What the history keeps of a meter's readings, in the order of the log."""
    return [row[6][0] for row in folding.history(folding.tell(folding.new_shard(), *events))]


def test_a_total_becomes_what_was_added() -> None:
    assert stored(reading(0, 100.0), reading(900, 103.5), reading(1800, 103.5)) == [None, 3.5, 0.0]


def test_a_reset_is_missing_and_counting_goes_on_from_there() -> None:
    assert stored(reading(0, 100.0), reading(900, 2.0), reading(1800, 5.0)) == [None, None, 3.0]
    shard = folding.new_shard()
    folding.tell(shard, reading(0, 100.0), reading(900, 2.0))
    assert shard.counts["counter_resets"] == 1


def test_a_missing_reading_is_passed_over() -> None:
    assert stored(reading(0, 100.0), reading(900, None), reading(1800, 104.0)) == [None, None, 4.0]


def test_what_comes_late_adds_nothing_and_takes_nothing_back() -> None:
    assert stored(reading(0, 100.0), reading(900, 104.0), reading(300, 101.0), reading(1800, 105.0)) == [
        *(None, 4.0, None, 1.0)
    ]


def test_a_doubted_or_repeated_reading_adds_nothing() -> None:
    doubted = reading(900, 3.0, suspect=[0])
    assert stored(reading(0, 100.0), doubted, reading(1800, 101.0)) == [None, None, 1.0]
    assert stored(reading(0, 100.0), reading(900, 104.0), reading(900, 104.0)) == [None, 4.0]


def test_other_shapes_of_report_go_on_with_the_same_total() -> None:
    both = reading(900, 0.0) | {"counters": ["PEE.Voltage", ENERGY], "values": [[48.0, 103.0]]}
    rows = folding.history(folding.tell(folding.new_shard(), reading(0, 100.0), both))
    assert rows[1][6] == (48.0, 3.0)


def test_a_total_that_is_none_of_the_reports_counters_is_refused() -> None:
    told = folding.tell(folding.new_shard(), reading(0, 1.0, cumulative=["PEE.Voltage"]))
    assert folding.reasons(told) == ["shape"]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=1, max_size=30),
    st.integers(1, 7),
    st.integers(0, 30),
)
def test_the_same_comes_out_wherever_the_log_is_cut(totals: list[int | None], batch: int, at: int) -> None:
    records = folding.log([reading(60 * n, None if t is None else float(t)) for n, t in enumerate(totals)])
    whole, cut = folding.new_shard(), folding.new_shard()
    expected = folding.history(folding.fold(whole, records))
    found = folding.history(folding.fold(cut, records[:at], batch))
    again = folding.new_shard()
    again.restore(cut.snapshot())
    found += folding.history(folding.fold(again, records[at:], batch))
    assert sorted(found, key=lambda row: row[:4]) == expected
    assert again.digest() == whole.digest()
    steps = [row[6][0] for row in expected if row[6][0] is not None]
    assert all(step >= 0 for step in steps)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 1e6)), min_size=1, max_size=40))
def test_steps_add_up_to_the_way_between_resets(readings: list[tuple[int, float]]) -> None:
    totals, sums, first = Totals(), {}, {}
    for second, (which, value) in enumerate(readings):
        steps, resets = totals.added([str(which)], ["c"], np.array([[value]]), second)
        if resets or which not in first:
            first[which], sums[which] = value, 0.0
            assert np.isnan(steps[0, 0])
        else:
            sums[which] += steps[0, 0]
        assert sums[which] == pytest.approx(value - first[which], abs=1e-6)


def test_a_snapshot_whose_totals_do_not_go_together_is_refused() -> None:
    totals = Totals()
    totals.added(["a"], ["c"], np.array([[1.0]]), 1)
    keys, arrays = totals.dump()
    with pytest.raises(ValueError):
        Totals().load([*keys, *keys], arrays)


def test_sums_of_power_are_energy() -> None:
    pack = json.dumps(
        [{"bn": "urn:dev:x:", "bt": 1_700_000_000, "bs": 3.6e6, "n": "power", "u": "W", "v": 120, "s": 7.2e6}]
    ).encode()
    (made,) = reports(pack, folding.A, 0)
    assert (made.counters, made.values, made.cumulative) == (["PEE.AvgPower", ENERGY], [[120.0, 3.0]], [ENERGY])
    with pytest.raises(BadInput, match="sum"):
        reports(b'[{"n":"urn:dev:x:temperature","u":"Cel","s":5,"bt":1700000000}]', folding.A, 0)
