"""The network in a scene: same bytes again, counters that agree, soundings as true as their noise, a hidden truth."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
import pytest

from stream.decode import SOUNDING, decode
from stream.sources.emulator import EmulatedNetwork, Item, records, scene_paths
from stream.sources.emulator.measure import CELL_COUNTERS, HOLDING_S
from stream.sources.emulator.plan import SECTORS
from stream.sources.emulator.scene_counters import CQI_PERIOD_S, NUM_CQI, SCENE_COUNTERS, cqi_counters
from stream.sources.emulator.scene_network import SceneNetwork
from stream.sources.emulator.scene_script import (
    TrafficShift,
    Turned,
    demo,
)
from stream.sources.emulator.scene_truth import WEAKEST_DBM
from stream.sources.emulator.scene_users import HYSTERESIS_DB, Walkers, handed_over
from stream.sources.emulator.sounding import Receivers
from tests.unit.scenes import DAY, START, H, column, declared, heard, network, reports, run, table
from twin.counters import CATALOGUE
from twin.events import TopologyChange
from twin.radio import soundings


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


def test_the_inventory_says_what_the_layout_declares(quiet: SceneNetwork) -> None:
    read = declared(quiet)
    assert read.scene == "simple_street_canyon"
    assert read.frequency == quiet.layout.frequency_Hz
    assert sorted(read.cells, key=lambda c: c.dn) == sorted(quiet.layout.cells(), key=lambda c: c.dn)


def test_the_truth_is_not_in_the_inventory(quiet: SceneNetwork) -> None:
    other = network(*demo("simple_street_canyon"), seed=5)
    assert other.inventory() == quiet.inventory()
    a, b = other.truth.at(START), quiet.truth.at(START)
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


def test_no_demand_is_lost_or_served_twice() -> None:
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


# Truth ----------------------------------------------------------------------------------------------------------------


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
