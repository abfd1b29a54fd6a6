"""Stations that tell their configuration every second: cheap, and the same as if each message had cut the run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from folding import CONFIG, differing, fold, new_shard, state

from models.failure.heads import parse_failure_target
from models.targets import parse_target
from stream import arrival, shard
from stream.shard import Shard
from tests.bench.stations_load import Stations
from twin.events import Entity, Relation, TopologyChange
from twin.log import LogRecord
from twin.rows import Effects
from twin.topology import Topology

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SECOND_CONFIG = msgspec.structs.replace(
    CONFIG,
    targets=(parse_target("RRU.PrbTotDl>60@5s"),),
    failure_targets=(parse_failure_target("alarm:EQUIPMENT_ALARM@24h"),),
)


@pytest.fixture(scope="module")
def log() -> list[LogRecord]:
    stations = Stations(6, 1, START, changing=0.5)
    sent = [stations.inventory(), *(m for n in range(20) for station in stations.second(n) for m in station)]
    return [LogRecord(0, k, m.key, m.time + 200, m.type, m.value) for k, m in enumerate(sent)]


def folded(log: list[LogRecord], batch: int = 500) -> tuple[Shard, Effects]:
    one = new_shard(SECOND_CONFIG)
    return one, fold(one, log, batch)


def test_reports_around_them_are_still_written_together(log: list[LogRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def noted(one: Shard, run: list[Any], effects: Effects) -> None:
        sizes.append(len(run))
        arrival.arrive(one, run, effects)

    monkeypatch.setattr(shard, "arrive", noted)
    folded(log, len(log))
    # Two reports a station and second; a new second or what speaks of the same objects again begins another run.
    assert sum(sizes) == 6 * 2 * 20
    assert max(sizes) >= 6
    assert len(sizes) <= 2 * 20 + 2


def test_nothing_comes_out_otherwise(log: list[LogRecord], monkeypatch: pytest.MonkeyPatch) -> None:
    one, effects = folded(log)
    monkeypatch.setattr(shard, "waits_for_no_report", lambda *_: False)
    other, cut = folded(log)
    assert [(o.id, o.value) for o in effects.outlets] == [(o.id, o.value) for o in cut.outlets]
    assert one.digest() == other.digest()


@pytest.mark.parametrize("batch", [1, 7])
def test_it_does_not_depend_on_how_the_log_is_cut(log: list[LogRecord], batch: int) -> None:
    (one, effects), (other, cut) = folded(log), folded(log, batch)
    assert not differing(state(one), state(other))
    assert [(o.id, o.value) for o in effects.outlets] == [(o.id, o.value) for o in cut.outlets]


def test_what_is_reported_is_known_at_once(log: list[LogRecord]) -> None:
    one, effects = folded(log)
    stations = Stations(6, 1, START, changing=0.5)
    for n in range(20):
        list(stations.second(n))
    for cell, reported in stations.reported.items():
        assert one.topology.graph.nodes[cell]["reported"] == reported
        assert one.topology.deviations(cell) == {}
    assert sum(o.kind == "updates" for o in effects.outlets) > 20


def change(*entities: Entity, **more: Any) -> TopologyChange:
    return TopologyChange(id="1", time=START, entities=list(entities), source="s", **more)


def test_only_what_known_objects_report_of_themselves_leaves_the_structure() -> None:
    known = Topology()
    known.apply(change(Entity(dn="NRCellDU=1", kind="cell", attributes={"tilt": 4.0})), 1)
    before = known.structure
    says = change(Entity(dn="NRCellDU=1", kind="cell", reported={"tilt": 5.0}))
    assert known.only_reports(says)
    assert known.apply(says, 2) == ["NRCellDU=1"]
    assert (known.structure, known.revision) == (before, 2)
    others = [
        change(Entity(dn="NRCellDU=1", kind="cell", attributes={"tilt": 4.0}, reported={"tilt": 5.0})),
        change(Entity(dn="NRCellDU=1", kind="cell")),
        change(Entity(dn="NRCellDU=1", kind="sensor", reported={"tilt": 5.0})),
        change(Entity(dn="NRCellDU=2", kind="cell", reported={"tilt": 5.0})),
        change(removed=["NRCellDU=1"]),
        change(relations=[Relation(source="NRCellDU=1", target="NRCellDU=2", kind="neighbour")]),
    ]
    assert not any(known.only_reports(one) for one in others)
    known.apply(others[3], 3)
    assert known.structure == before + 1
