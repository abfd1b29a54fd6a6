"""The script of a scene: every change moves exactly what it should, and what can't happen is refused."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from stream.sources.emulator import scene_paths
from stream.sources.emulator.plan import SECTORS
from stream.sources.emulator.scene_counters import ADDED_UP
from stream.sources.emulator.scene_script import (
    Change,
    CladWall,
    FailingAmplifier,
    MovedWall,
    NewBuilding,
    Power,
    StuckCounters,
    SuspectCounters,
    TrafficShift,
    Turned,
    WallMaterial,
)
from tests.unit.scenes import DAY, START, H, column, heard, moved, network, reports, run, table
from twin.errors import ConfigurationError
from twin.events import Alarm

BUILDING = NewBuilding(2 * H, (-10.0, -7.0, 0.0), (-4.0, 8.0, 15.0), "metal", 4 * H)


def test_power_moves_one_cell_by_just_so_much_while_it_lasts() -> None:
    of = network(Power(2 * H, 3, -6.0, 4 * H))
    off = moved(of, H, 3 * H)
    arrives = np.isfinite(of.truth.rsrp(H)[:, 3])
    np.testing.assert_allclose(off[arrives, 3], -6.0)
    assert not np.delete(off, 3, axis=1).any()
    assert not moved(of, H, 4 * H).any()
    assert of.truth.at(3 * H).changes == of.truth.changes
    assert of.truth.at(H).changes == ()


def test_a_turned_antenna_moves_its_own_cell_only_and_nothing_else_of_the_truth() -> None:
    of = network(Turned(2 * H, 1, tilt_deg=10.0, azimuth_deg=-20.0))
    off = moved(of, H, 3 * H)
    assert (np.abs(off[:, 1]) > 1).mean() > 0.3
    assert not np.delete(off, 1, axis=1).any()
    before, after = of.truth.at(H), of.truth.at(3 * H)
    assert (after.tilt_deg - before.tilt_deg).tolist() == [0, 10, 0, 0, 0, 0]
    assert (after.azimuth_deg - before.azimuth_deg).tolist() == [0, -20, 0, 0, 0, 0]
    np.testing.assert_array_equal(after.power_db, before.power_db)


def test_a_wall_s_material_moves_the_places_that_its_reflections_reach() -> None:
    of = network(WallMaterial(2 * H, "marble", 1.2, 0.001))
    off = moved(of, H, 3 * H)
    traced = scene_paths.trace(of.truth._built(START), of.truth.cells, of.truth.places)
    paths = traced.ready.paths
    met = (paths.materials == of.truth.at(H).materials.names.index("marble")).any(axis=1)
    touched = np.zeros(off.shape, dtype=bool)
    for cell, site in enumerate(traced.site):
        touched[paths.receiver[met & (paths.transmitter == site)], cell] = True
    assert not off[~touched].any()
    assert (off[touched] != 0).mean() > 0.9
    assert (~touched).any()


def test_a_clad_wall_moves_powers_but_nothing_that_is_seen() -> None:
    of = network(CladWall(2 * H, "building_4", "metal"))
    assert (np.abs(moved(of, H, 3 * H)) > 1).mean() > 0.05
    np.testing.assert_array_equal(of.truth.sight(of.truth.places, H), of.truth.sight(of.truth.places, 3 * H))
    own = of.truth._built(START)
    name = own.materials.names[own.scene.objects["building_4"].material]
    same = network(CladWall(2 * H, "building_4", name))
    np.testing.assert_allclose(moved(same, H, 3 * H), 0.0, atol=1e-9)


def test_a_new_building_hides_what_is_behind_it_and_users_leave_its_place() -> None:
    of = network(BUILDING, gps_m=0.0)
    truth, (west, south, _), (east, north, _) = of.truth, BUILDING.low, BUILDING.high
    x, y, _ = truth.places.T
    within = (x > west) & (x < east) & (y > south) & (y < north)
    assert within.any()
    assert np.isfinite(truth.rsrp(H)[within]).any(axis=1).all()
    assert np.isinf(truth.rsrp(3 * H)[within]).all()
    before, after = truth.sight(truth.places, H), truth.sight(truth.places, 3 * H)
    assert not (after & ~before).any()
    assert (before & ~after)[~within].any()
    np.testing.assert_array_equal(truth.rsrp(5 * H), truth.rsrp(H))
    stood = [np.array([p for e in heard(items) for p in e.positions]) for items in run(of, 16)]
    inside = [((p[:, 0] > west) & (p[:, 0] < east) & (p[:, 1] > south) & (p[:, 1] < north)).sum() for p in stood]
    assert sum(inside[:8]) > 0
    assert sum(inside[8:]) == 0


def test_a_displaced_wall_changes_delays_and_one_that_is_not_displaced_nothing() -> None:
    offset = network(MovedWall(2 * H, "building_4", (0.0, -7.0, 0.0)))
    assert (np.abs(moved(offset, H, 3 * H)) > 1).mean() > 0.1
    none = network(MovedWall(2 * H, "building_4", (0.0, 0.0, 0.0)))
    np.testing.assert_allclose(moved(none, H, 3 * H), 0.0, atol=1e-6)


def test_a_crowd_asks_its_own_cells_for_more_and_changes_nothing_of_the_radio() -> None:
    cells, load = (0, 3), 0.5
    of, plain = network(TrafficShift(8 * H, cells, load, 12 * H)), network()
    more = []
    for _ in range(DAY // 2):
        of.step()
        plain.step()
        assert of.served is not None
        assert plain.served is not None
        more.append(of.served.offered - plain.served.offered)
    assert not moved(of, H, 10 * H).any()
    grown = np.array(more)
    assert not grown[:32].any()
    assert not grown[48:].any()
    assert not np.delete(grown, cells, axis=1).any()
    asked = load * of._scheduler.capacity[list(cells)] * of.granularity_s
    np.testing.assert_allclose(grown[32:48, cells].mean(axis=0), asked, rtol=0.1)


def test_a_failing_amplifier_loses_power_evenly_draws_less_and_is_an_alarm_when_it_is_bad() -> None:
    change = FailingAmplifier(4 * H, 4, 12.0, 8 * H, 20 * H)
    of, plain = network(change), network()
    off = moved(of, 4 * H, 8 * H)
    arrives = np.isfinite(of.truth.rsrp(H)[:, 4])
    np.testing.assert_allclose(off[arrives, 4], -6.0)
    assert not np.delete(off, 4, axis=1).any()
    drawn, loads, alarms = [], [], []
    for items, others in zip(run(of, DAY), run(plain, DAY), strict=True):
        drawn.append([r.values[0][0] for part in (items, others) for r in reports(part) if r.objects == [""]])
        loads.append([column(table(part), "RRU.PrbUsedDl") / of.plan.num_prbs for part in (items, others)])
        alarms += [msgspec.json.decode(i.value, type=Alarm) for i in items if i.kind == "alarm"]
        assert not any(i.kind == "alarm" for i in others)
    assert [(a.object_instance, a.perceived_severity) for a in alarms] == [
        (of.plan.cell(4), "CRITICAL"),
        (of.plan.cell(4), "CLEARED"),
    ]
    raised, cleared = ((a.event_time - of.start) / H for a in alarms)
    assert 4 + 8 * 10 / 12 <= raised <= 4 + 8 * 10 / 12 + 0.5
    assert cleared == pytest.approx(20, abs=0.5)
    power = np.array(drawn, dtype=float).reshape(DAY, 2, -1)
    busy = np.array(loads).reshape(DAY, 2, -1, SECTORS).sum(axis=3)
    # What a station draws follows from its load, but less where an amplifier has failed.
    line = np.polynomial.Polynomial.fit(busy[:, 1, 1], power[:, 1, 1], 3)
    off = power[:, 0, 1] - line(busy[:, 0, 1])
    assert np.abs(off[:16]).max() < 4
    assert off[36:80].mean() < -10
    assert np.abs(power[:, 0, 0] - line(busy[:, 0, 0])).mean() < 4


def test_stuck_counters_stand_still_and_suspect_ones_are_halves_that_say_so() -> None:
    stuck, suspect = StuckCounters(2 * H, 2, 4 * H), SuspectCounters(2 * H, 5, 4 * H)
    of, plain = network(stuck, suspect), network()
    for number, (items, others) in enumerate(zip(run(of, 20), run(plain, 20), strict=True)):
        wrong, right = table(items), table(others)
        bad = 8 <= number < 16
        expected = right.copy()
        if number == 8:
            first = right[2]
        if bad:
            expected[2] = first
            expected[5] = np.where(ADDED_UP, np.floor(right[5] / 2), right[5])
        np.testing.assert_array_equal(wrong, expected)
        marks = [r.suspect for r in reports(items) if r.objects != [""]]
        assert marks == [[], [2] if bad else []]
        assert [i for i in items if i.kind == "sounding"] == [i for i in others if i.kind == "sounding"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Power(H, 6, 1.0), "no cell 6"),
        (TrafficShift(H, (0, -1), 1.0), "no cell -1"),
        (StuckCounters(H, 7), "no cell 7"),
        (WallMaterial(H, "cheese", 2.0, 0.1), "cheese"),
        (WallMaterial(H, "marble", 0.5, 0.1), "eps"),
        (MovedWall(H, "castle", (1.0, 0.0, 0.0)), "castle"),
        (CladWall(H, "building_4", "cheese"), "cheese"),
        (NewBuilding(H, (0.0, 0.0, 0.0), (1.0, 0.0, 1.0)), "below"),
        (FailingAmplifier(H, 0, duration=timedelta(0)), "duration"),
        (Power(2 * H, 0, 1.0, H), "ends"),
    ],
)
def test_changes_that_can_t_happen_are_refused_at_once(change: Change, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        network(change)
