"""Laws of the emulated equipment: what fails, when, what shows of it, and what must not."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from stream.sources import senml
from stream.sources.emulator import Ageing, EmulatedNetwork, Item, PartRates, Rates, Script
from stream.sources.emulator.ageing import DAY_S
from stream.sources.emulator.rates import YEAR_S
from stream.sources.emulator.units import Units
from stream.sources.emulator.weather import Spells
from twin.counters import CATALOGUE
from twin.events import Alarm, Report

FAST = Ageing().faster(30)


def aged(ageing: Ageing | None = FAST, seed: int = 3, sites: int = 12, granularity_s: int = 3600) -> EmulatedNetwork:
    return EmulatedNetwork(seed, sites, 1, granularity_s, script=Script(), rates=Rates.none(), ageing=ageing)


def history(units: Units, days: int, step_s: float = 3600.0) -> np.ndarray:
    """Wear after every step, `[T, count]`."""
    return np.array([units.step(at)[0] for at in np.arange(0, days * DAY_S, step_s)])


def sent(network: EmulatedNetwork, periods: int) -> list[list[Item]]:
    return [network.step() for _ in range(periods)]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert sent(aged(), 100) == sent(aged(), 100)
    assert sent(aged(), 30) != sent(aged(seed=4), 30)


def test_without_ageing_cells_report_what_they_always_did_and_nothing_ages() -> None:
    plain, never = aged(None), aged(Ageing.none())
    for _ in range(50):
        plain.step()
        never.step()
    assert plain.equipment is None
    assert never.equipment is not None
    assert never.equipment.failures == []
    np.testing.assert_array_equal(plain.truth.served.used, never.truth.served.used)  # type: ignore[union-attr]
    np.testing.assert_allclose(never.truth.temperature, plain.truth.temperature, atol=1.0)


def test_a_unit_lives_the_same_life_whatever_the_period_and_the_other_units() -> None:
    rates = PartRates(20.0, 10.0, 10.0, 5 * DAY_S)
    fine, coarse, fewer = (Units(1, 40, "fan", count, rates) for count in (30, 30, 10))
    history(fine, 60, 900.0)
    history(coarse, 60, 7200.0)
    history(fewer, 60)
    early = [f for f in fine.failures if f.failed < 59 * DAY_S]
    assert len(early) > 50
    assert set(early) == {f for f in coarse.failures if f.failed < 59 * DAY_S}
    assert {f for f in early if f.unit < 10} == {f for f in fewer.failures if f.failed < 59 * DAY_S}


@pytest.mark.parametrize(("wear_outs", "random"), [(2.0, 0.0), (0.0, 2.0)])
def test_failures_come_at_the_declared_rate(wear_outs: float, random: float) -> None:
    units = Units(2, 40, "fan", 400, PartRates(wear_outs, random, 0.0))
    history(units, 730, DAY_S)
    expected = 400 * 2 * (wear_outs + random) * YEAR_S / (YEAR_S + 2 * 2 * DAY_S)  # less the days of repair
    assert len(units.failures) == pytest.approx(expected, rel=0.1)
    assert {f.kind for f in units.failures} == ({"wear-out"} if wear_outs else {"random"})
    assert len(units.failures) == len(set(units.failures))


def test_wear_grows_until_the_failure_and_a_repaired_unit_is_new() -> None:
    units = Units(3, 40, "fan", 60, PartRates(8.0, 0.0, 0.0, 5 * DAY_S))
    wear, hours = history(units, 80), np.arange(80 * 24)
    assert len(units.failures) > 50
    for failure in units.failures:
        own, at = wear[:, failure.unit], hours * 3600.0
        rising = own[(at >= failure.visible) & (at < failure.failed)]
        assert (np.diff(rising) >= 0).all()
        assert (own[(at >= failure.failed) & (at < failure.repaired)] == 1).all()
        after = own[(at >= failure.repaired) & (at < failure.repaired + 3600)]
        assert (after < 0.1).all()
    warning = [f.failed - f.visible for f in units.failures]
    assert 3 < np.median(warning) / DAY_S < 7


def test_random_failures_show_nothing_before() -> None:
    units = Units(4, 40, "fan", 60, PartRates(0.0, 8.0, 0.0))
    wear, at = history(units, 60), np.arange(60 * 24) * 3600.0
    assert len(units.failures) > 40
    assert all(np.isinf(f.visible) for f in units.failures)
    broken = np.zeros(wear.shape, dtype=bool)
    for f in units.failures:
        broken[(at >= f.failed) & (at < f.repaired), f.unit] = True
    np.testing.assert_array_equal(wear, broken.astype(float))


def test_scares_go_away_and_nothing_fails() -> None:
    units = Units(5, 40, "fan", 60, PartRates(0.0, 0.0, 8.0))
    wear = history(units, 60)
    assert units.failures == []
    assert len(units.scares) > 30
    assert 0.3 < wear.max() <= 0.6
    assert {scare.unit for scare in units.scares} == set(np.flatnonzero(wear.any(axis=0)))


def test_spells_are_as_frequent_as_declared() -> None:
    spells = Spells(1, 44, 12.0, (2.0, 4.0), (5.0, 10.0))
    strength = np.array([spells.step(day * DAY_S / 4) for day in range(4 * 3650)])
    began = int(((strength[1:] > 0) & (strength[:-1] == 0)).sum())
    assert began == pytest.approx(12 * 10 / (1 + 12 * 3 / 365.25), rel=0.25)
    assert 5 < strength.max() <= 10


def test_every_failure_is_an_alarm_of_its_unit_and_every_alarm_a_failure() -> None:
    ageing = replace(FAST, heat_waves=0.0)
    network = aged(ageing, sites=20)
    texts = {
        "fan": "Cooling fan broken",
        "supply": "Power Supply Faulty",
        "amplifier": "Power Amplifier faulty",
        "line": "TX out of order",
    }
    raised: set[tuple[str, str, int]] = set()
    for items in sent(network, 24 * 30):
        for item in items:
            if item.kind != "alarm":
                continue
            alarm = msgspec.json.decode(item.value, type=Alarm)
            if alarm.perceived_severity != "CLEARED":
                raised.add((alarm.object_instance, alarm.specific_problem, int(alarm.event_time.timestamp())))
    assert network.equipment is not None
    plan, start, end = network.plan, network.start.timestamp(), 24 * 30 * 3600.0
    failures = [f for f in network.equipment.failures if f.failed < end - 7200]
    assert len(failures) > 30
    told = set()
    for failure in failures:
        name = (plan.element if failure.part in ("fan", "supply") else plan.cell)(failure.unit)
        # A fan that hardly turns is told before it stops.
        near = [
            key for key in raised
            if key[:2] == (name, texts[failure.part]) and -2 * DAY_S < key[2] - start - failure.failed <= 7200
        ]  # fmt: skip
        assert near, failure
        told.update(near)
    equipment = {key for key in raised if key[1] in texts.values() and key[2] - start < end - 7200}
    assert len(equipment - told) <= 0.1 * len(equipment)


def test_wear_shows_in_the_sensors_of_its_own_unit() -> None:
    """Each part alone, as worn as can be before it fails, against the same network as new."""
    for part, row, signs in (
        ("fan", "sensor", {"Sensor.FanSpeed": -1, "Sensor.Vibration": 1}),
        ("supply", "sensor", {"PEE.Voltage": -1}),
        ("amplifier", "cell", {"PEE.AvgPower": 1, "PEE.AvgTemperature": 1, "Sensor.VSWR": 1}),
        ("line", "cell", {"Sensor.VSWR": 1}),
    ):
        worn, new = aged(replace(Ageing.none(), **{part: PartRates(30.0, 0.0, 0.0, 8 * DAY_S)})), aged(Ageing.none())
        moved: dict[str, list[float]] = {name: [] for name in signs}
        for _ in range(24 * 6):
            a, b = worn.step(), new.step()
            condition = worn.truth.condition
            assert condition is not None
            wear = getattr(condition, part)
            telling = np.flatnonzero((wear > 0.4) & (wear < 1))
            if not telling.size:
                continue
            for name in signs:
                moved[name] += list((readings(a, row, name) - readings(b, row, name))[telling])
        for name, sign in signs.items():
            assert len(moved[name]) > 20
            assert np.mean(np.sign(moved[name]) == sign) > 0.9, (part, name)


def readings(items: list[Item], row: str, counter: str) -> np.ndarray:
    """A counter of all sites or cells, in their order."""
    found: list[Report] = []
    for item in items:
        if item.kind == "senml" and row == "sensor":
            found += senml.reports(item.value, item.key, item.time)
        elif item.kind == "report" and row == "cell":
            report = msgspec.json.decode(item.value, type=Report)
            found += [report] * (len(report.objects) == 3)
    return np.array([x for report in found for x in np.array(report.values)[:, report.counters.index(counter)]], float)


def test_values_lie_in_the_range_of_their_counters_and_the_truth_is_in_no_message() -> None:
    network = aged(sites=15)
    for items in sent(network, 24 * 10):
        for item in items:
            assert not any(word in item.value for word in (b"wear", b"random", b"visible", b"supply", b"scare"))
            if item.kind in ("report", "senml"):
                made = (
                    senml.reports(item.value, item.key, item.time)
                    if item.kind == "senml"
                    else [msgspec.json.decode(item.value, type=Report)]
                )
                for report in made:
                    low, high = CATALOGUE.bounds(tuple(report.counters))
                    assert ((report.values >= low) & (report.values <= high)).all()
