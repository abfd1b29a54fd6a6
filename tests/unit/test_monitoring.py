"""Predictions are watched where their labels mature, and told of once a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import folding
import numpy as np
import pytest
from folding import LOAD, START, fold, inventory, log, new_shard, outlets, report

from infra import metrics as m
from models.failure.heads import parse_failure_target
from models.monitor import Monitor
from stream.channel import Channel
from stream.config import ShardConfig
from stream.health.board import Board
from stream.health.pages import gauge_predictions
from stream.health.progress import Phase
from stream.health.watchdog import Limits
from stream.monitoring import declared, newest_figures
from stream.monitoring_speakers import Speakers
from stream.shard import Shard
from twin.topology import Topology

ELEMENTS = tuple(f"SubNetwork=1,ManagedElement={name}" for name in "abcdef")
CONFIG = ShardConfig(targets=folding.CONFIG.targets, monitor_by=("area", "region"))
DAYS = 3


def network() -> dict[str, Any]:
    entities = [{"dn": "SubNetwork=1", "kind": "region"}]
    for k, element in enumerate(ELEMENTS):
        entities.append({"dn": element, "kind": "element", "attributes": {"area": "city" if k < 3 else "country"}})
        entities.append({"dn": f"{element},NRCellDU=1", "kind": "cell"})
    return {"id": "inventory", "time": START.isoformat(), "entities": entities}


def load(element: int, period: int) -> float:
    rng = np.random.default_rng((element, period))
    return float(np.clip(55 + 35 * np.sin((period - 4 * element) / 96 * 2 * np.pi) + rng.normal(0, 4), 0, 100))


def history() -> list[dict[str, Any]]:
    reports = [report(e, t, load(k, t)) for t in range(96 * DAYS + 20) for k, e in enumerate(ELEMENTS)]
    return [network(), *reports]


@pytest.fixture(scope="module")
def folded() -> tuple[Shard, list[dict[str, Any]]]:
    shard = new_shard(CONFIG)
    return shard, outlets(fold(shard, log(history())), "monitoring")


def test_every_day_is_told_by_target_and_group(folded: tuple[Shard, list[dict[str, Any]]]) -> None:
    _, told = folded
    days = sorted({row["time"] for row in told})
    assert days == [(START + timedelta(days=d)).isoformat().replace("+00:00", "Z") for d in (1, 2, 3)]
    groups = {"all", "area=city", "area=country", "region=SubNetwork=1"}
    targets = {t.name for t in CONFIG.targets}
    last = [row for row in told if row["time"] == days[-1]]
    assert {(row["target"], row["group"]) for row in last} == {(t, g) for t in targets for g in groups}
    assert len({row["id"] for row in told}) == len(told)
    assert {row["model_version"] for row in told} == {"online"}


def test_the_figures_are_those_of_the_labels_that_matured(folded: tuple[Shard, list[dict[str, Any]]]) -> None:
    _, told = folded
    shard, monitor, target = new_shard(CONFIG), Monitor(900_000), CONFIG.targets[0].name
    end = int((START + timedelta(days=DAYS)).timestamp() * 1000)
    for record in log(history()):
        shard.apply([record])
        for name, at, labels in shard.matured:
            if name == target and at <= end:
                none = np.full(len(labels.label), -1)
                monitor.add(
                    *(target, "online", none, labels.probability, labels.label, labels.period),
                    rows=labels.rows,
                    horizon=4,
                )
    (expected,) = monitor.rows()
    row = next(r for r in told if r["id"].endswith(f"/{end}") and (r["target"], r["group"]) == (target, "all"))
    assert row["figures"] == {k: None if x is None else pytest.approx(x, abs=1e-6) for k, x in expected.figures.items()}
    assert row["figures"]["n"] > 1000
    assert row["figures"]["episodes"] > 5
    assert sum(row["bin_count"]) == row["figures"]["n"]


def test_groups_of_cells_add_up(folded: tuple[Shard, list[dict[str, Any]]]) -> None:
    _, told = folded
    last = [row for row in told if row["time"] == told[-1]["time"] and row["target"] == told[-1]["target"]]
    n = {row["group"]: row["figures"]["n"] for row in last}
    assert n["all"] == n["area=city"] + n["area=country"] == n["region=SubNetwork=1"]


@pytest.mark.parametrize("at", [700, 1203])
def test_a_restored_shard_tells_the_same(folded: tuple[Shard, list[dict[str, Any]]], at: int) -> None:
    whole, told = folded
    records = log(history())
    first, second = new_shard(CONFIG), new_shard(CONFIG)
    before = outlets(fold(first, records[:at]), "monitoring")
    second.restore(first.snapshot())
    after = outlets(fold(second, records[at:], batch=37), "monitoring")
    assert before + after == told
    assert second.digest() == whole.digest()


def test_a_group_is_what_is_declared_nearest() -> None:
    shard = new_shard(CONFIG)
    cell, element = f"{ELEMENTS[0]},NRCellDU=1", ELEMENTS[0]
    fold(shard, log([network(), inventory("SubNetwork=1,ManagedElement=z,NRCellDU=1")]))
    asked = (*CONFIG.monitor_by, "colour")
    assert declared(shard.topology, [cell, "nobody"], asked) == [["city", "SubNetwork=1", None], [None, None, None]]
    own = {"dn": cell, "kind": "cell", "attributes": {"area": "square", "region": "north"}}
    fold(shard, log([{"id": "2", "time": START.isoformat(), "entities": [own]}], shard.next_offset))
    assert declared(shard.topology, [element, cell], asked)[1] == ["square", "north", None]
    assert declared(Topology(), [cell], ("area",)) == [[None]]


def test_nothing_is_watched_of_a_counter_without_targets() -> None:
    watched = {
        counter: any(name.startswith("watch") for name in Channel(counter, 900_000, CONFIG).state())
        for counter in (LOAD, "RRC.ConnMean")
    }
    assert watched == {LOAD: True, "RRC.ConnMean": False}


def test_the_newest_figures_are_gauges(folded: tuple[Shard, list[dict[str, Any]]]) -> None:
    shard, _ = folded
    board = Board(Limits())
    progress = board.partition(4)
    progress.restored(shard, 0)
    progress.enter(Phase.WORKING)
    gauge_predictions(board)
    for target, figures in newest_figures(shard).items():
        assert board.metrics.value(m.LABELS, "4", target) == figures["n"]
        assert board.metrics.value(m.RECALL, "4", target) == pytest.approx(figures["recall"])
        assert board.metrics.value(m.LEAD_TIME, "4", target) == pytest.approx(3600, rel=0.5)
    assert set(newest_figures(shard)) == {target.name for target in CONFIG.targets}
    board.gone(4)
    gauge_predictions(board)
    assert b"prediction_recall{" not in board.metrics.text()


def test_a_prediction_belongs_to_who_had_made_it() -> None:
    speakers, target = Speakers(), "X"
    assert speakers.at(target, "online", 10, 6) == "online"
    # Promoted while period 11 is open: its predictions, and those of period 10 that came late, are nobody's alone.
    said = [speakers.at(target, "batch@1", now, now - 4) for now in range(11, 19)]
    assert said == ["online"] * 3 + [None] * 2 + ["batch@1"] * 3
    other = Speakers()
    other.restore(speakers.state())
    for each in (speakers, other):
        assert [each.at(target, "online", now, now - 4) for now in range(19, 24)] == ["batch@1"] * 3 + [None] * 2
    for now in range(24, 60):
        speakers.at(target, f"batch@{now}", now, now)
    assert len(speakers.state()["speakers"]) < 400


def test_a_promotion_starts_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    shard = new_shard(CONFIG)
    records, told = log(history()), []
    monkeypatch.setattr(shard.models.registry, "champion", lambda _: champion)
    for k, record in enumerate(records):
        champion = "online" if k < len(records) // 2 else "batch@1"
        told += outlets(shard.apply([record]), "monitoring")
    last = [r for r in told if (r["time"], r["target"], r["group"]) == (told[-1]["time"], told[-1]["target"], "all")]
    n = {row["model_version"]: row["figures"]["n"] for row in last}
    assert set(n) == {"online", "batch@1"}
    assert min(n.values()) > 500


def test_failures_are_watched_and_told() -> None:
    config = ShardConfig(failure_targets=(parse_failure_target("alarm:EQUIPMENT_ALARM@2h"),), monitor_by=("area",))
    shard, events = new_shard(config), [network()]
    for t in range(96 * 2 + 2):
        events += [report(e, t, load(k, t)) for k, e in enumerate(ELEMENTS)]
    told = outlets(fold(shard, log(events)), "monitoring")
    name = f"{config.failure_targets[0].name} cell"
    assert {row["target"] for row in told} == {name}
    assert {row["group"] for row in told} == {"all", "area=city", "area=country"}
    everyone = [row["figures"] for row in told if row["group"] == "all"]
    assert all(0 < figures["mean_probability"] < 0.01 for figures in everyone)
    assert all(figures["alarms"] == figures["episodes"] == 0 for figures in everyone)
    assert set(newest_figures(shard)) == {name}
    other = new_shard(config)
    other.restore(shard.snapshot())
    assert other.digest() == shard.digest()


def test_a_day_is_told_once_where_labels_mature_hours_apart() -> None:
    config = ShardConfig(failure_targets=(parse_failure_target("alarm:EQUIPMENT_ALARM@1d"),))
    shard, events = new_shard(config), [network()]
    for t in range(96 * 3 + 20):
        events += [report(e, t, load(k, t)) for k, e in enumerate(ELEMENTS)]
    assert shard.failing.watched["cell"].heads[0].stride > 1
    records = log(events)
    told = outlets(fold(shard, records), "monitoring")
    assert len(told) >= 2
    assert len({row["id"] for row in told}) == len(told)
    # An hour and a half into the third day the second has been told, and no label of the third has matured.
    cut = 1 + len(ELEMENTS) * (96 * 2 + 6)
    first, second = new_shard(config), new_shard(config)
    before = outlets(fold(first, records[:cut]), "monitoring")
    second.restore(first.snapshot())
    assert before + outlets(fold(second, records[cut:]), "monitoring") == told
    assert before


def test_cells_and_elements_are_told_apart() -> None:
    config = ShardConfig(failure_targets=(parse_failure_target("alarm:EQUIPMENT_ALARM@2h"),))
    shard, events = new_shard(config), [network()]
    sensor = {"objects": ["Sensor=1"], "counters": ["PEE.AvgTemperature"]}
    for t in range(96 + 16):
        events += [report(e, t, load(k, t)) for k, e in enumerate(ELEMENTS)]
        events += [report(e, t, [[30.0 + t % 7]], **sensor) for e in ELEMENTS[:3]]
    told = outlets(fold(shard, log(events)), "monitoring")
    each = {kind: f"{config.failure_targets[0].name} {kind}" for kind in ("cell", "element")}
    assert {row["target"] for row in told} == set(each.values())
    n = {target: figures["n"] for target, figures in newest_figures(shard).items()}
    heard = {kind: watched.watch.monitor.newest(each[kind]) for kind, watched in shard.failing.watched.items()}
    assert n == {each[kind]: row.figures["n"] for kind, row in heard.items() if row is not None}
    assert len(n) == 2
