"""What happens to the emulated network, by script and at random: crowds, worn fans, weak amplifiers, silent sensors."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from emulated import DAY, H, quiet, run, stream

from stream.sources.emulator import AmplifierLoss, Crowd, EmulatedNetwork, FanWear, Rates, Script, SilentSensor
from stream.sources.emulator.plan import STADIUM
from twin.events import Alarm


def test_failing_amplifier_moves_load_to_neighbours_and_loses_none() -> None:
    cell = 10
    broken = quiet(script=Script(amplifiers=(AmplifierLoss(cell, 0 * H, 100 * H, 6.0),)), granularity_s=3600)
    whole = quiet(granularity_s=3600)
    moved = np.zeros(whole.plan.num_cells)
    for _ in range(24):
        whole.step()
        broken.step()
        np.testing.assert_array_equal(whole.truth.demand, broken.truth.demand)
        a, b = whole.truth.served, broken.truth.served
        assert a is not None
        assert b is not None
        for served, network in ((a, whole), (b, broken)):
            assert served.offered.sum() == pytest.approx(network.truth.demand.sum())
            assert (served.delivered <= served.offered * (1 + 1e-12)).all()
        moved += b.offered - a.offered
    assert moved[cell] < 0
    assert moved.sum() == pytest.approx(0.0, abs=1e-3 * -moved[cell])
    gaining = set(np.flatnonzero(moved > 1e-6 * -moved[cell]))
    assert gaining
    served_areas = np.flatnonzero((whole._scheduler.server == cell).any(axis=1))
    assert gaining <= set(whole._coverage.candidates[served_areas].ravel())


def test_crowd_fills_the_stadium_and_disturbs_its_neighbours() -> None:
    network = quiet(script=Script(crowds=(Crowd(18 * H, 20 * H),)), granularity_s=1800)
    plain = quiet(granularity_s=1800)
    stadium = network.plan.area == STADIUM
    with_crowd, without = run(network, 44), run(plain, 44)
    load = np.array([[s["RRU.PrbTotDl"][stadium].mean() for s in steps] for steps in (with_crowd, without)])
    np.testing.assert_array_equal(load[0, :36], load[1, :36])
    assert load[0, 37:39].min() > 85 > 2 * load[1, 37:39].max()
    assert load[0, 43] < 30
    rate = [steps[38]["DRB.UEThpDl"][~stadium].mean() for steps in (with_crowd, without)]
    assert rate[0] < rate[1]


def test_worn_fan_heats_the_cabinet_and_raises_alarms_that_clear() -> None:
    site = 3
    network = quiet(num_sites=6, script=Script(fans=(FanWear(site, 6 * H, 12 * H, 36 * H),)))
    alarms: list[Alarm] = []
    hottest = 0.0
    for _ in range(2 * DAY):
        alarms += [msgspec.json.decode(i.value, type=Alarm) for i in network.step() if i.kind == "alarm"]
        hottest = max(hottest, float(network.truth.temperature[site]))
        others = np.delete(network.truth.temperature, site)
        assert others.max() < 50
    assert 58 < hottest < 100
    assert {alarm.object_instance for alarm in alarms} == {network.plan.element(site)}
    by_cause = {c: [a for a in alarms if a.probable_cause == c] for c in {a.probable_cause for a in alarms}}
    assert set(by_cause) == {"temperatureUnacceptable", "heatingOrVentilationOrCoolingSystemProblem"}
    for raised in by_cause.values():
        assert [a.perceived_severity for a in raised][-1] == "CLEARED"
        assert len({a.notification_id for a in raised}) * 2 == len(raised)


def test_strong_loss_of_an_amplifier_is_an_alarm_and_a_weak_one_is_not() -> None:
    script = Script(amplifiers=(AmplifierLoss(1, 0 * H, 1 * H, 12.0), AmplifierLoss(5, 0 * H, 1 * H, 6.0)))
    network = quiet(num_sites=4, script=script)
    alarms = [msgspec.json.decode(i.value, type=Alarm) for i in stream(network, 6) if i.kind == "alarm"]
    assert [(a.object_instance, a.perceived_severity) for a in alarms] == [
        (network.plan.cell(1), "CRITICAL"),
        (network.plan.cell(1), "CLEARED"),
    ]


def test_silent_sensor_is_silent_and_comes_back() -> None:
    network = quiet(num_sites=4, script=Script(silences=(SilentSensor(2, 1 * H, 2 * H),)))
    heard = [{i.key for i in network.step() if i.kind == "senml"} for _ in range(12)]
    mute = [network.plan.element(2) not in keys for keys in heard]
    assert mute == [False] * 4 + [True] * 4 + [False] * 4
    assert all(len(keys) >= 3 for keys in heard)


def test_equipment_fails_at_random_and_is_repaired() -> None:
    rates = Rates(0, 0, 0, 3, fan_failures=20.0, amplifier_failures=10.0)
    network = EmulatedNetwork(5, num_sites=20, granularity_s=3600, script=Script(), rates=rates)
    worn, weak = [], []
    for _ in range(24 * 10):
        network.step()
        worn.append(network.truth.wear > 0)
        weak.append(network.truth.loss > 0)
    for state, per_year, count in ((np.array(worn), 20.0, 20), (np.array(weak), 10.0, 60)):
        began = int((state[1:] & ~state[:-1]).sum())
        expected = per_year * count * 10 / 365.25
        assert expected / 2 < began < expected * 2
        assert not state.all(axis=0).any()
