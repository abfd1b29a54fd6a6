"""What the emulated network sends: whole, in range, lost and late as declared, and silent about its truth."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from emulated import DAY, H, quiet, reports, stream

from stream.sources import senml
from stream.sources.emulator import AmplifierLoss, EmulatedNetwork, Rates, Script, records
from twin import dn
from twin.counters import CATALOGUE
from twin.events import TopologyChange


def test_sensors_agree_with_the_power_the_station_reports() -> None:
    items = quiet(num_sites=5).step()
    stations = {r.element: r.values[0] for r in reports(items) if r.objects == [""]}
    for item in (i for i in items if i.kind == "senml"):
        [report] = senml.reports(item.value, item.key, item.time)
        values = dict(zip(report.counters, report.values[0], strict=True))
        assert set(values) >= {"PEE.Humidity", "Sensor.Vibration", "Sensor.FanSpeed", "PEE.AvgTemperature"}
        power, energy, hot = stations[item.key]
        assert values["PEE.Voltage"] * values["PEE.Current"] == pytest.approx(power, rel=1e-3)
        assert energy == pytest.approx(power * 900 / 3.6e6, abs=1e-5)
        assert hot > values["PEE.AvgTemperature"]


def test_messages_are_lost_doubled_and_late_at_the_declared_rates() -> None:
    rates = Rates(duplicate=0.05, late=0.05, missing=0.05, fan_failures=0.0, amplifier_failures=0.0)
    network = EmulatedNetwork(3, num_sites=10, script=Script(), rates=rates)
    perfect = quiet(seed=3, num_sites=10)
    sent = Counter(i.value for i in stream(perfect, 100) if i.kind in ("report", "senml"))
    arrived = [i for i in stream(network, 100) if i.kind in ("report", "senml")]
    counts = Counter(i.value for i in arrived)
    assert set(counts) <= set(sent)
    total = len(sent)
    assert sum(n == 2 for n in counts.values()) / total == pytest.approx(0.05, abs=0.015)
    late = [i for i in arrived if i.kind == "report" and i.time > reports([i])[0].end.timestamp() * 1000]
    assert len(late) / (total * 2 / 3) == pytest.approx(0.05, abs=0.015)
    assert all(i.time - reports([i])[0].end.timestamp() * 1000 <= 3 * 900_000 for i in late)
    assert (total - len(counts)) / total == pytest.approx(0.05, abs=0.015)


def test_truth_is_not_in_what_is_sent() -> None:
    """A weak amplifier shows in no message as such: the inventory says the configured power, whatever is radiated."""
    script = Script(amplifiers=(AmplifierLoss(1, 0 * H, 100 * H, 6.0),))
    hidden, plain = quiet(num_sites=4, script=script).step(), quiet(num_sites=4).step()
    assert [i for i in hidden if i.kind == "topology"] == [i for i in plain if i.kind == "topology"]
    assert not any(i.kind == "alarm" for i in hidden)
    for report in reports(hidden):
        CATALOGUE.bounds(tuple(report.counters))


def test_inventory_names_everything_that_reports() -> None:
    items = EmulatedNetwork(1, num_sites=9, regions=3).step()
    [item] = [i for i in items if i.kind == "topology"]
    change = msgspec.json.decode(item.value, type=TopologyChange)
    known = {dn.check(entity.dn): entity for entity in change.entities}
    assert len(known) == len(change.entities)
    kinds = Counter(entity.kind for entity in change.entities)
    assert kinds == {"region": 4, "site": 9, "element": 9, "cell": 27, "sensor": 9}
    for relation in change.relations:
        assert relation.source in known
        assert relation.target in known
    edges = {(r.source, r.target) for r in change.relations if r.kind == "neighbour"}
    assert edges == {(b, a) for a, b in edges}
    assert all(a != b for a, b in edges)
    for report in [
        *reports(items),
        *(r for i in items if i.kind == "senml" for r in senml.reports(*i[3:], i.key, i.time)),
    ]:
        assert all(dn.join(report.element, name) in known for name in report.objects)
    assert len({dn.region(e.dn) for e in change.entities if e.kind == "element"}) == 3


def test_values_lie_in_the_range_of_their_counters() -> None:
    for item in stream(EmulatedNetwork(2, num_sites=7), DAY):
        if item.kind == "topology" or item.kind == "alarm":
            continue
        for report in senml.reports(item.value, item.key, item.time) if item.kind == "senml" else reports([item]):
            low, high = CATALOGUE.bounds(tuple(report.counters))
            assert ((report.values >= low) & (report.values <= high)).all()


def test_records_are_a_log() -> None:
    log = list(records(EmulatedNetwork(1, num_sites=8, regions=4), 8, 3))
    for partition in range(3):
        mine = [r for r in log if r.partition == partition]
        assert [r.offset for r in mine] == list(range(len(mine)))
        assert mine[0].type == "lockstep.topology.v1"
    assert {r.type for r in log} <= {"lockstep.topology.v1", "lockstep.report.v1", "lockstep.alarm.v1"}
    assert log == list(records(EmulatedNetwork(1, num_sites=8, regions=4), 8, 3))
