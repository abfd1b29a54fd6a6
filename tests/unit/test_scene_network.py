"""The network in a scene: same bytes again, counters that agree, soundings as true as their noise, a hidden truth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from stream.decode import SOUNDING, decode
from stream.sources.emulator import EmulatedNetwork, Item, Rates, records, scene_paths
from stream.sources.emulator.measure import CELL_COUNTERS, HOLDING_S
from stream.sources.emulator.plan import SECTORS
from stream.sources.emulator.scene_counters import ADDED_UP, CQI_PERIOD_S, NUM_CQI, SCENE_COUNTERS, cqi_counters
from stream.sources.emulator.scene_layout import read_layout
from stream.sources.emulator.scene_network import SceneNetwork
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
    demo,
)
from stream.sources.emulator.scene_truth import WEAKEST_DBM
from stream.sources.emulator.scene_users import HYSTERESIS_DB, Walkers, handed_over
from stream.sources.emulator.sounding import Receivers
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError
from twin.events import Alarm, Report, TopologyChange
from twin.radio import region, scene_files, soundings
from twin.radio.events import Sounding
from twin.topology import Topology

Floats = NDArray[np.float64]

H = timedelta(hours=1)
START = timedelta(0)
DAY = 96
BUILDING = NewBuilding(2 * H, (-10.0, -7.0, 0.0), (-4.0, 8.0, 15.0), "metal", 4 * H)


def network(*changes: Change, seed: int = 1, **arguments: object) -> SceneNetwork:
    """The street canyon, without accidents on the way of messages."""
    return SceneNetwork(seed, changes=changes, rates=Rates.none(), **arguments)  # type: ignore[arg-type]


def run(of: SceneNetwork, periods: int) -> list[list[Item]]:
    return [of.step() for _ in range(periods)]


def reports(items: list[Item]) -> list[Report]:
    return [msgspec.json.decode(item.value, type=Report) for item in items if item.kind == "report"]


def heard(items: list[Item]) -> list[Sounding]:
    return [msgspec.json.decode(item.value, type=Sounding) for item in items if item.kind == "sounding"]


def table(items: list[Item]) -> Floats:
    """The cells' counters of a period, `[C, num_counters]`."""
    return np.array([row for r in reports(items) if r.objects != [""] for row in r.values], dtype=float)


def column(counted: Floats, name: str) -> Floats:
    return counted[..., SCENE_COUNTERS.index(name)]


def moved(of: SceneNetwork, before: timedelta, after: timedelta) -> Floats:
    """What is heard later, less what is heard before [dB], `[N, C]`; 0 where nothing is heard at both times."""
    old, new = of.truth.rsrp(before), of.truth.rsrp(after)
    return np.where(np.isinf(old) & np.isinf(new), 0.0, new - np.where(np.isinf(old) & np.isinf(new), 0.0, old))


@pytest.fixture(scope="module")
def quiet() -> SceneNetwork:
    return network()


@pytest.fixture(scope="module")
def day() -> tuple[SceneNetwork, list[list[Item]]]:
    """A whole day in which nothing happens."""
    of = network()
    return of, run(of, DAY)


# Bytes ----------------------------------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others() -> None:
    def stream(seed: int) -> list[Item]:
        of = SceneNetwork(seed, changes=[Turned(H, 1, 10.0), TrafficShift(H, (2,), 0.5)], offsets=(0.0, 1e6))
        return [item for items in run(of, 8) for item in items]

    first = stream(1)
    scene_paths._traced.cache_clear()  # paths are found anew
    scene_paths.build.cache_clear()
    assert first == stream(1)
    assert [item.value for item in first] != [item.value for item in stream(2)]


def test_records_are_a_log_that_decodes() -> None:
    log = list(records(network(), 3, 2))
    for partition in range(2):
        assert [r.offset for r in log if r.partition == partition] == list(
            range(sum(r.partition == partition for r in log))
        )
    for record in log:
        decode(record.type, record.value)
    assert sum(record.type == SOUNDING for record in log) == 3 * 2


def test_the_cheap_network_is_as_it_was() -> None:
    """No column of the scene's reports and no sounding; it is served by whom it hears best."""
    of = EmulatedNetwork(1, num_sites=6)
    items = of.step()
    assert {item.kind for item in items} == {"topology", "report", "senml"}
    assert {tuple(r.counters) for r in reports(items) if r.objects != [""]} == {CELL_COUNTERS}
    best = np.argmax(of._scheduler._received, axis=2)
    np.testing.assert_array_equal(of._scheduler.server, np.take_along_axis(of._coverage.candidates, best, axis=1))


# Inventory ------------------------------------------------------------------------------------------------------------


def declared(of: SceneNetwork) -> region.Region:
    topology = Topology()
    for item in of.inventory():
        change = msgspec.json.decode(item.value, type=TopologyChange)
        topology.apply(change, 0)
        name = next(e.dn for e in change.entities if region.SCENE in e.attributes)
    return region.read(topology, name)


def test_the_inventory_says_what_the_layout_declares(quiet: SceneNetwork) -> None:
    read = declared(quiet)
    assert read.scene == "simple_street_canyon"
    assert read.frequency == quiet.layout.frequency_Hz
    assert sorted(read.cells, key=lambda c: c.dn) == sorted(quiet.layout.cells(), key=lambda c: c.dn)


def test_the_truth_is_not_in_the_inventory(quiet: SceneNetwork) -> None:
    other = network(*demo(), seed=5)
    assert other.inventory() == quiet.inventory()
    for a, b in ((other.truth.at(START), quiet.truth.at(START)),):
        assert (a.tilt_deg != b.tilt_deg).all()
        assert (a.materials.eps != b.materials.eps).all()
        assert (a.materials.eps >= 1).all()


def test_everything_that_reports_is_in_the_inventory(day: tuple[SceneNetwork, list[list[Item]]]) -> None:
    of, periods = day
    known = {e.dn for i in of.inventory() for e in msgspec.json.decode(i.value, type=TopologyChange).entities}
    for items in periods:
        for report in reports(items):
            assert {f"{report.element},{name}".rstrip(",") for name in report.objects} <= known
        for sounding in heard(items):
            assert {sounding.element, *sounding.cells} <= known


# Counters -------------------------------------------------------------------------------------------------------------


def test_counters_agree_with_each_other(day: tuple[SceneNetwork, list[list[Item]]]) -> None:
    counted = np.array([table(items) for items in day[1]])
    low, high = CATALOGUE.bounds(SCENE_COUNTERS)
    assert ((counted >= low) & (counted <= high)).all()
    used, available = column(counted, "RRU.PrbUsedDl"), column(counted, "RRU.PrbAvailDl")
    np.testing.assert_array_equal(column(counted, "RRU.PrbTotDl"), np.floor(100 * used / available))
    idle = column(counted, "DRB.PdcpSduVolumeDL") == 0
    for name in ("DRB.UEThpDl", "RRU.PrbUsedDl", "RRC.ConnEstabAtt"):
        np.testing.assert_array_equal(column(counted, name) == 0, idle, err_msg=name)
    assert (column(counted, "RRC.ConnMean") <= column(counted, "RRC.ConnMax")).all()
    for part, whole in (("RRC.ConnEstabSucc", "RRC.ConnEstabAtt"), ("TB.ErrTotNbrDl", "TB.TotNbrDlInitial")):
        assert (column(counted, part) <= column(counted, whole)).all()


def test_no_demand_is_lost_or_served_twice(day: tuple[SceneNetwork, list[list[Item]]]) -> None:
    of = network()
    for _ in range(60):
        of.step()
        served = of.served
        assert served is not None
        asked = np.sum(of._scheduler.sessions)
        assert served.sessions.sum() == pytest.approx(asked)
        assert (served.delivered <= served.offered * (1 + 1e-12)).all()
        full = served.needed > of.plan.num_prbs
        np.testing.assert_allclose(served.delivered[~full], served.offered[~full])
        np.testing.assert_allclose(served.used, np.minimum(served.needed, of.plan.num_prbs))


def test_users_report_a_cqi_as_often_as_they_are_connected(day: tuple[SceneNetwork, list[list[Item]]]) -> None:
    of, periods = day
    counted = np.array([table(items) for items in periods])
    total = counted[..., len(CELL_COUNTERS) :].sum(axis=-1)
    connected = column(counted, "RRC.ConnMean") * of.granularity_s / CQI_PERIOD_S
    # The mean is sent in hundredths, reports are whole numbers.
    assert (np.abs(total - connected) <= 0.005 * of.granularity_s / CQI_PERIOD_S + NUM_CQI).all()
    assert total.sum() > 0


def test_cqi_is_the_highest_that_the_channel_carries() -> None:
    server, sessions = np.array([0, 0, 1, 1]), np.ones(4)
    counts = cqi_counters(server, np.array([-30.0, -6.7, 0.3, 40.0]), sessions, 2)
    assert np.argwhere(counts).tolist() == [[0, 0], [0, 1], [1, 4], [1, 15]]
    assert counts.sum() == 4 * HOLDING_S / CQI_PERIOD_S


def test_stations_count_energy_and_draw_more_when_busy(day: tuple[SceneNetwork, list[list[Item]]]) -> None:
    of, periods = day
    rows = np.array([[r.values[0] for r in reports(items) if r.objects == [""]] for items in periods], dtype=float)
    power, energy = rows[..., 0], rows[..., 1]
    np.testing.assert_allclose(energy, power * of.granularity_s / 3.6e6, atol=1e-5)
    used = np.array([column(table(items), "RRU.PrbUsedDl").reshape(-1, SECTORS).sum(axis=1) for items in periods])
    for site in range(of.plan.num_sites):
        assert np.corrcoef(power[:, site], used[:, site])[0, 1] > 0.99


# Soundings ------------------------------------------------------------------------------------------------------------


def test_soundings_are_the_truth_and_noise_of_the_stated_size() -> None:
    of = network(soundings=72, gps_m=0.0, noise_db=1.0, snr_db=20.0)
    index = {tuple(place): k for k, place in enumerate(of.truth.places.tolist())}
    off, silent = [], []
    for number, items in enumerate(run(of, 40)):
        true = of.truth.rsrp(timedelta(seconds=(number + 0.5) * of.granularity_s))
        for event in heard(items):
            soundings.check(event)
            at = [index[place] for place in event.positions]
            rows = np.array(event.rsrp, dtype=float)
            assert np.nanmin(rows) > WEAKEST_DBM
            off.append((rows - true[at])[~np.isnan(rows)])
            silent.append(true[at][np.isnan(rows)])
    residual, unheard = np.concatenate(off), np.concatenate(silent)
    sigma = Receivers(noise_db=1.0, snr_db=20.0).sigma_db
    assert sigma == pytest.approx(np.hypot(1.0, 0.614), abs=1e-3)
    assert residual.std() == pytest.approx(sigma, rel=0.03)
    assert abs(residual.mean()) < 4 * sigma / np.sqrt(len(residual))
    assert np.isfinite(unheard).any()
    assert np.isinf(unheard).any()
    assert (unheard < WEAKEST_DBM + 5 * sigma).all()


def test_positions_have_the_stated_error() -> None:
    exact, blurred = (
        np.array([p for i in run(network(gps_m=m), 20) for e in heard(i) for p in e.positions]) for m in (0, 2)
    )
    off = blurred - exact
    assert off[:, :2].std(axis=0) == pytest.approx([2.0, 2.0], rel=0.08)
    assert not off[:, 2].any()


def test_elements_report_for_the_users_that_they_serve(day: tuple[SceneNetwork, list[list[Item]]]) -> None:
    for items in day[1]:
        events = heard(items)
        assert sum(len(e.positions) for e in events) == 40
        for event in events:
            rows = np.nan_to_num(np.array(event.rsrp, dtype=float), nan=-200.0)
            own = [cell.startswith(event.element + ",") for cell in event.cells]
            # Another element's cell may be stronger by the hysteresis, and by what noise makes of it.
            assert (rows[:, own].max(axis=1) > rows.max(axis=1) - HYSTERESIS_DB - 10).all()


def test_responses_are_the_channel_with_noise() -> None:
    offsets = tuple(np.linspace(-50e6, 50e6, 33))
    of = network(offsets=offsets, gps_m=0.0, snr_db=20.0)
    index = {tuple(place): k for k, place in enumerate(of.truth.places.tolist())}
    now = timedelta(seconds=of.granularity_s / 2)
    for event in heard(of.step()):
        soundings.check(event)
        assert event.offsets == list(offsets)
        at = np.array([index[place] for place in event.positions])
        clean = of.truth.channels(at, now, offsets)
        noise = []
        for row, powers, true in zip(event.response, event.rsrp, clean, strict=True):
            for response, power, channel in zip(row, powers, true, strict=True):
                assert (response is None) == (power is None)
                if response is not None:
                    noise.append(np.array(response) @ [1, 1j] - channel)
        assert np.mean(np.abs(np.array(noise)) ** 2) == pytest.approx(event.noise, rel=0.05)
        strongest = of.truth.rsrp(now)[at].max(axis=1)
        assert 10 * np.log10(event.noise) == pytest.approx(np.median(strongest) - 20)


def test_a_channel_has_the_power_that_is_heard(quiet: SceneNetwork) -> None:
    """Over a band that is wide against the differences of delays, phases average out."""
    offsets = np.random.default_rng(1).uniform(-1e9, 1e9, 3000)
    at = np.arange(0, len(quiet.truth.places), 40)
    mean = np.mean(np.abs(quiet.truth.channels(at, START, tuple(offsets))) ** 2, axis=2)
    true = quiet.truth.rsrp(START)[at]
    arrives = np.isfinite(true)
    assert (mean[~arrives] == 0).all()
    apart = 10 * np.log10(mean[arrives]) - true[arrives]
    assert abs(np.median(apart)) < 0.1
    assert np.percentile(np.abs(apart), 90) < 0.5


# Users ----------------------------------------------------------------------------------------------------------------


def test_users_hand_over_to_a_cell_that_is_stronger_by_more_than_the_hysteresis() -> None:
    rsrp = np.array(
        [[-80.0, -80 + HYSTERESIS_DB], [-80.0, -79.9 + HYSTERESIS_DB], [-np.inf, -90.0], [-np.inf, -np.inf]]
    )
    assert handed_over(np.zeros(4, dtype=int), rsrp).tolist() == [0, 1, 1, 0]
    assert handed_over(np.full(4, -1), rsrp).tolist() == [1, 1, 1, 0]


def test_users_walk_within_reach_and_nobody_stays_where_nothing_is_heard(quiet: SceneNetwork) -> None:
    places = quiet.truth.places
    users = Walkers(3, places, 200)
    everywhere = np.ones(len(places), dtype=bool)
    before = users.at
    users.step(0, everywhere)
    apart = np.linalg.norm(places[users.at] - places[before], axis=1)
    assert apart.max() <= 40
    assert 0.2 < np.mean(apart == 0) < 0.45
    east = places[:, 0] > 0
    users.step(1, east)
    assert east[users.at].all()


def test_users_are_served_by_their_cell_with_the_power_that_they_hear(write: Callable[..., str]) -> None:
    for of in (network(), SceneNetwork(1, write())):
        lagging = 0
        for number in range(8):
            of.step()
            rsrp = of.truth.rsrp(timedelta(seconds=(number + 0.5) * of.granularity_s))
            at, server = of._dealt()
            np.testing.assert_array_equal(of._scheduler.server, server)
            own = np.take_along_axis(rsrp[at], server[..., None], axis=2)[..., 0]
            # A block has twelve subcarriers.
            np.testing.assert_allclose(10 * np.log10(of._scheduler._signal / 12), own)
            lagging += np.count_nonzero(own < rsrp[at].max(axis=2))
        assert lagging > 0


# Changes of the truth -------------------------------------------------------------------------------------------------


def test_the_streets_are_covered_and_every_cell_is_best_somewhere(quiet: SceneNetwork) -> None:
    between_houses = (np.abs(quiet.truth._outdoors[:, :2]) < [62.0, 36.0]).all(axis=1)
    heard_at = {tuple(place) for place in quiet.truth.places.tolist()}
    assert {tuple(place) for place in quiet.truth._outdoors[between_houses].tolist()} <= heard_at
    best = np.bincount(np.argmax(quiet.truth.rsrp(START), axis=1), minlength=quiet.plan.num_cells)
    assert (best > 0.05 * len(quiet.truth.places)).all()


def test_truth_is_known_at_any_point(quiet: SceneNetwork) -> None:
    truth = quiet.truth
    np.testing.assert_allclose(truth.rsrp_at(truth.places[::50], START), truth.rsrp(START)[::50])
    seen = truth.sight(truth.places, START)
    assert np.median(truth.rsrp(START)[seen]) > np.median(truth.rsrp(START)[~seen]) + 10


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


def test_a_wall_s_material_moves_the_places_that_its_reflections_reach(quiet: SceneNetwork) -> None:
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


# Layouts --------------------------------------------------------------------------------------------------------------

OWN = """
scene = "{scene}"
frequency_Hz = 3.5e9
power_dBm = 30.0
tilt_deg = 5.0
gain_dB = 6.0
area = [{area}]
spacing_m = 2.0
[[sites]]
position = [{site}]
azimuths = [0.0, 120.0, 240.0]
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """A layout of one's own beside a scene of one's own."""
    source = scene_files.built_in()["simple_street_canyon"].parent
    shutil.copytree(source, tmp_path / "town")

    def file(scene: str = "town/simple_street_canyon.xml", area: str = "-30,-30,30,30", site: str = "0,0,8") -> str:
        path = tmp_path / "own.toml"
        path.write_text(OWN.format(scene=scene, area=area, site=site))
        return str(path)

    return file


def test_a_layout_and_a_scene_of_one_s_own(write: Callable[..., str]) -> None:
    of = SceneNetwork(1, write())
    read = declared(of)
    assert Path(read.scene).is_file()
    assert len(read.cells) == 3
    assert {cell.gain_db for cell in read.cells} == {6.0}
    assert heard(of.step())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"scene": "nowhere"}, "nowhere"),
        ({"area": "-30,-30,-40,30"}, "room"),
        ({"area": "900,900,910,910"}, "fit"),
        ({"site": "0,0,9000"}, "fit"),
        ({"site": "0,0,nan"}, "finite"),
        ({"area": "-60,18,-58,20"}, "nothing is heard"),
    ],
)
def test_layouts_that_make_no_network_are_refused(
    write: Callable[..., str], arguments: dict[str, str], says: str
) -> None:
    with pytest.raises(ConfigurationError, match=says):
        SceneNetwork(1, write(**arguments))


@pytest.mark.parametrize("name", ["simple_street_canyon", "munich"])
def test_layouts_that_come_with_the_program(name: str) -> None:
    layout = read_layout(name)
    assert layout.scene == name
    assert len(layout.cells()) >= 6
    assert len({cell.dn for cell in layout.cells()}) == len(layout.cells())


def test_a_layout_that_isn_t_there_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigurationError, match="built in: munich, simple_street_canyon"):
        SceneNetwork(1, "atlantis")
