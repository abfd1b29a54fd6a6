"""What one source can do to the twin is bounded, and odd clocks don't stop it."""

from __future__ import annotations

import folding
import pytest
from folding import LOAD, A, B, C, alarm, log, new_shard, reasons, report, sample

from twin.rows import CORRECTED
from twin.state import MOST_COUNTERS, MOST_LAYOUTS


@pytest.mark.parametrize("hours", [1, 5, 7, 11, 24])
def test_any_length_of_period_up_to_a_day_is_folded(hours: int) -> None:
    shard = new_shard()
    effects = folding.fold(shard, log(report(A, n, 50.0, granularity_s=3600 * hours) for n in range(60)))
    assert reasons(effects) == []
    assert len(folding.history(effects)) == 60


def test_a_jittering_clock_is_not_given_a_table_a_length() -> None:
    shard = new_shard()
    effects = folding.fold(shard, log(report(A, 1, 50.0, granularity_s=900 + n) for n in range(100)))
    assert len(shard.tables) < 100
    assert set(reasons(effects)) == {"too-many"}


def test_an_element_that_never_sends_the_same_shape_is_refused_at_some_point() -> None:
    shard = new_shard()
    shapes = (report(A, 1, [[1.0]], objects=[f"NRCellDU={n}"]) for n in range(MOST_LAYOUTS + 5))
    assert reasons(folding.fold(shard, log(shapes))) == ["too-many"] * 5
    assert reasons(folding.fold(shard, log([report(B, 1, 1.0)], start=MOST_LAYOUTS + 5))) == []


def test_names_of_counters_cannot_fill_the_memory() -> None:
    shard = new_shard()
    names = [f"DRB.UEThpDl.{n}" for n in range(MOST_COUNTERS + 1)]
    assert reasons(folding.fold(shard, log([report(A, 1, [[1.0] * len(names)], counters=names)]))) == ["too-many"]


def test_a_period_that_ends_beside_its_grid_is_the_same_period() -> None:
    shard = new_shard()
    late = report(A, 1, 2.0)
    late["end"] = late["end"].replace("+00:00", ".001+00:00")
    late["begin"] = late["begin"].replace("+00:00", ".001+00:00")
    folding.fold(shard, log([report(A, 0, 1.0), late, report(A, 2, 3.0)]))
    assert shard.counts["in_order"] == 3
    assert shard.counts["missing_periods"] == 0


def test_a_corrected_report_is_kept_as_history_and_marked() -> None:
    shard = new_shard()
    effects = folding.fold(shard, log([report(A, 0, 10.0), report(A, 0, 20.0)]))
    flags = [int(flag) for block in effects.history for flag in block.flags]
    assert [bool(flag & CORRECTED) for flag in flags] == [False, True]
    assert shard.tables[900_000].columns["values"][0, 0] == 10.0
    assert shard.counts["corrected"] == 1


def test_alarms_of_two_elements_with_one_number_are_two() -> None:
    shard = new_shard()
    folding.fold(shard, log([alarm(), alarm(objectInstance=B), alarm("CLEARED")]))
    assert [a.object_instance for a in shard.alarms.values()] == [B]


def test_a_repeated_clearing_is_told_once() -> None:
    shard = new_shard()
    effects = folding.fold(shard, log([alarm(), alarm("CLEARED"), alarm("CLEARED")]))
    assert sum(out.kind == "updates" for out in effects.outlets) == 2


def test_a_sensor_slower_than_its_neighbours_is_watched_for_drift_too() -> None:
    shard = new_shard()
    events = []
    for minute in range(0, 5 * 1440, 5):
        events.append(sample(A, 60 * minute, 20.0 + minute % 7))
        if minute % 60 == 0:
            events.append(sample(C, 60 * minute, 30.0 + minute % 11))
    folding.fold(shard, log(events))
    channel = shard.channels[60_000, "PEE.AvgTemperature"]
    seen = channel.drift.state()["seen"]
    assert seen.min() > 0.8 * seen.max() > 0


def test_what_a_report_may_hold_is_bounded() -> None:
    size = 1_001
    wide = report(A, 0, [[1.0] * 100] * size, objects=[f"NRCellDU={n}" for n in range(size)], counters=[LOAD] * 100)
    assert reasons(folding.fold(new_shard(), log([wide]))) == ["too-large"]
