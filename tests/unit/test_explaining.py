"""Predictions are taken apart as they were told: the same numbers, whose parts add up, and nothing has changed."""

from __future__ import annotations

import json
from functools import cache
from math import exp, log
from typing import Any

import pytest
import test_failing_batch as fans
from folding import LOAD, A, fold, new_shard, outlets, state
from folding import log as as_log
from model_network import MODEL_CONFIG, T, artifact, candidate, record, reports, world

from stream.cli import app
from stream.explaining.congestion import congestion
from stream.explaining.failure import failures
from stream.shard import Shard
from stream.showing.explanation import show_explanation
from tests.unit.test_failing import FAILING, WORN
from twin.model_events import new_transition

GOOD, CELL = candidate(artifact()), f"{A},NRCellDU=2"
PERIODS, MET, WON = 300, 60, 200


def log_odds(p: float) -> float:
    return log(p / (1 - p))


def adds_up(each: dict[str, Any]) -> None:
    """Base and parts are the log-odds of what is published."""
    total = each["base"] + sum(part["adds"] for part in each["contributions"])
    assert 1 / (1 + exp(-total)) == pytest.approx(each["probability"], abs=0.01)
    size = [abs(part["adds"]) for part in each["contributions"]]
    assert size == sorted(size, reverse=True)


@cache
def folded(hours: float) -> tuple[Shard, list[dict[str, Any]]]:
    """A network with a worn fan, up to the first record after some hours that tells of elements; what it told."""
    shard, told = new_shard(FAILING), []
    begin = (fans.START.timestamp() + hours * 3600) * 1000
    early = [one for one in fans.log() if one.time < begin]
    fold(shard, early)
    for one in fans.log()[len(early) :]:
        told = [body for body in outlets(shard.apply([one]), "failure") if body["kind"] == "element"]
        if told:
            break
    return shard, told


@pytest.mark.parametrize("hours", [70, 20])
def test_a_failure_is_taken_apart_as_it_was_told(hours: float) -> None:
    shard, told = folded(hours)
    before = state(shard)
    assert told
    for last in told:
        each = next(e for e in failures(shard, last["object"]) if e["target"] == last["target"])
        adds_up(each)
        assert each["time"] == last["time"].replace("Z", "+00:00")
        for key in ("health", "base_rate", "note", "wears", "remaining_life_s", "model_version", "fault_name"):
            assert each[key] == last[key]
        assert each["probability"] == pytest.approx(last["probability"], abs=2e-6)
        named = {part["feature"]: part["adds"] for part in each["contributions"]}
        for driver, adds in zip(last["drivers"], last["contributions"], strict=True):
            assert named[driver] == pytest.approx(adds, abs=2e-4)
    assert state(shard) == before


def test_champion_and_shadow_of_failures_are_named_with_their_word_and_weights() -> None:
    shard, _ = folded(70)
    worn = worn_element(shard)
    each = next(e for e in failures(shard, worn) if "EQUIPMENT" in e["target"])
    batch = each["batch"]
    assert (batch["model"], batch["state"]) == (fans.GOOD.model, "champion")
    assert each["probability"] == batch["blended_probability"]
    assert batch["probability"] > 0.5
    # All of its weight lies on one feature: what that adds is what it says beyond its average.
    (own,) = batch["contributions"]
    assert own["feature"] == "fan_speed.residual"
    assert own["adds"] == pytest.approx(log_odds(batch["probability"]) + 7.0, abs=0.05)  # six digits of a probability
    values = {part["feature"]: part["value"] for part in each["contributions"]}
    assert values["fan_speed.residual"] == own["value"] > 1
    signal = next(s for s in each["signals"] if s["signal"] == "fan_speed")
    assert signal["residual"] > 3
    assert signal["off"] < 0 < signal["expected"]
    each = next(e for e in failures(folded(20)[0], worn) if "EQUIPMENT" in e["target"])
    assert each["batch"] is None
    assert [one["state"] for one in each["shadows"]] == ["shadow"]
    assert each["probability"] == each["online_probability"]


def worn_element(shard: Shard) -> str:
    return next(name for name in shard.failing.watched["element"].names if name.endswith(f"=gnb-{WORN + 1}"))


@cache
def loaded(until: int) -> tuple[Shard, list[dict[str, Any]]]:
    """A network whose batch model enters, becomes champion, and speaks."""
    load = world(PERIODS, cells=6)
    events: list[Any] = [*reports(load)[:until]]
    shard, said = new_shard(MODEL_CONFIG), []
    offset = 0
    for period, event in enumerate(events):
        steps: list[Any] = []
        if period == MET:
            time = shard_time(period)
            steps = [GOOD, new_transition(GOOD.model, "shadow", time)]
        if period == WON:
            steps = [new_transition(GOOD.model, "champion", shard_time(period))]
        for step in steps:
            shard.apply([record(step, offset)])
            offset += 1
        said += outlets(fold(shard, as_log([event], offset)), "congestion")
        offset += 1
    return shard, said


def shard_time(period: int) -> Any:
    from model_network import end_of

    return end_of(period)


@pytest.mark.parametrize("until", [50, 150, PERIODS])
def test_congestion_is_taken_apart_as_it_was_told(until: int) -> None:
    shard, said = loaded(until)
    before, last = state(shard), said[-1]
    for at, cell in enumerate(last["cells"]):
        (each,) = congestion(shard, f"{A},{cell}")
        adds_up(each)
        assert each["target"] == T
        assert each["time"] == last["time"].replace("Z", "+00:00")
        assert each["probability"] == pytest.approx(last["probability"][at], abs=2e-6)
        assert (each["model"], each["model_version"]) == (last["model"], last["model_version"])
        assert each["value"] == pytest.approx(last["value"][at], abs=1e-3)
        assert each["expected_then"] == pytest.approx(last["expected"][at], abs=1e-3)
        named = {part["feature"]: part["adds"] for part in each["contributions"]}
        for driver, adds in zip(last["drivers"][at], last["contributions"][at], strict=True):
            assert named.get(driver, 0.0) == pytest.approx(adds, abs=6e-4)
        now = [part["value"] for part in each["contributions"] if part["feature"] == "now"]
        assert not now or now[0] == pytest.approx(last["value"][at], rel=1e-4)
    assert state(shard) == before


def test_what_each_model_says_of_congestion_is_told_apart() -> None:
    (each,) = congestion(loaded(PERIODS)[0], CELL)
    batch = each["batch"]
    assert (batch["model"], batch["state"], each["shadows"]) == (GOOD.model, "champion", [])
    assert each["probability"] == batch["blended_probability"]
    inside = 30 < each["value"] < 40
    assert (batch["probability"] > 0.9) == inside
    assert {part["feature"] for part in batch["contributions"]} <= {"now"}
    w, o, b = batch["blend"], each["online_probability"], batch["probability"]
    assert set(batch["counts"]) == {"online", "batch"}
    blended = batch["counts"]["online"] * log_odds(o) + batch["counts"]["batch"] * log_odds(b) + w["one"]
    assert blended == pytest.approx(log_odds(each["probability"]), abs=0.02)
    (each,) = congestion(loaded(150)[0], CELL)
    assert each["batch"] is None
    assert [one["model"] for one in each["shadows"]] == [GOOD.model]


def test_of_what_is_not_known_there_is_nothing() -> None:
    shard, _ = loaded(50)
    assert congestion(shard, f"{A},NRCellDU=77") == []
    assert failures(shard, A) == []
    assert failures(new_shard(FAILING), "ManagedElement=none") == []


def test_people_see_the_same(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shard, _ = folded(70)
    worn = worn_element(shard)
    found = [*failures(shard, worn), *congestion(loaded(PERIODS)[0], CELL)]
    for each in found:
        each["told"] = None
    told = {"target": LOAD, "kind": "congestion", "object": CELL, "probability": 0.25, "told": {"probability": 0.25}}
    head = {"dn": worn, "at": None, "reached": None, "source": "the log", "why": "", "partition": 0}
    answer = json.loads(json.dumps(head | {"predictions": [*found, told]}))
    show_explanation(answer)
    shown = capsys.readouterr().out
    for text in (fans.GOOD.model, "fan_speed.residual", "health", "what moves it", "25.00 %", "expected now"):
        assert text in shown


def test_the_command_is_there() -> None:
    assert "explain" in {command.name or command.callback.__name__ for command in app.registered_commands}
