"""What people are told of models, and what they write by hand: times of the network, and only what still matters."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import START
from model_network import T

from infra.settings import Settings
from infra.store import models as store
from infra.store.models import StoredModel, StoredStep
from models.comparing import compare
from models.gate import GateRule
from models.tally import KEPT_MS
from stream.decode import to_ms
from stream.registry import commands
from stream.registry.desk import _written
from stream.registry.view import Overview, overview, rows
from twin.model_events import ONLINE, ModelComparison

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def stored(name: str, days: int = 0) -> StoredModel:
    return StoredModel(f"{name}@1", name, "1", f"c/{name}", START + days * DAY, [T], "", {}, "", START)


def stepped(name: str, state: str, hour: int = 0) -> StoredStep:
    time = START + hour * HOUR
    return StoredStep(f"{name}/{state}/{hour}", time, f"{name}@1", state, [T], "keeper", "why", {}, time)


def compared(candidate: str, hour: int) -> bytes:
    label = np.arange(100) < 10
    sums = compare(label, np.full(100, 0.1), np.full(100, 0.11))
    body = ModelComparison(
        id=f"{candidate}/{hour}",
        time=START + hour * HOUR,
        partition=0,
        target=T,
        champion=ONLINE,
        candidate=candidate,
        n=sums.n,
        positives=sums.positives,
        loss_champion=sums.loss_champion,
        loss_candidate=sums.loss_candidate,
        difference=sums.difference,
        squares=sums.squares,
        champion_bins=_written(sums.champion),
        candidate_bins=_written(sums.candidate),
    )
    return msgspec.json.encode(body)


def shadow(name: str, hours: range = range(0)) -> Overview:
    steps = [stepped(name, "candidate"), stepped(name, "shadow", 5)]
    return overview([stored(name)], steps, [compared(f"{name}@1", hour) for hour in hours])


def promoted(seen: Overview) -> Any:
    return commands.step(seen, "a", "champion", [], "", "a test")


def test_by_hand_it_is_the_networks_time_whether_or_not_anything_was_compared() -> None:
    assert promoted(shadow("a")).time == START + 5 * HOUR + timedelta(milliseconds=1)
    assert promoted(shadow("a", range(6, 9))).time == START + 8 * HOUR


def test_to_become_champion_again_is_another_event() -> None:
    seen = shadow("a", range(6, 9))
    first = promoted(seen)
    seen.registry.move(first, to_ms(first.time))
    seen.registry.move(commands.step(seen, "a", "shadow", [], "", "a test"), to_ms(first.time) + 1)
    assert promoted(seen).id != first.id


def test_a_shadow_says_what_it_waits_for_and_how_long_and_a_candidate_where_it_stands() -> None:
    names = [*"abcd", "e", "f"]
    steps = [stepped(name, "candidate") for name in names] + [stepped(name, "shadow", 5) for name in "abcd"]
    seen = overview([stored(n, "abcdef".index(n)) for n in names], steps, [compared("a@1", h) for h in range(1, 49)])
    told = {row.model: row.verdict for row in rows(seen, {T: 3600}, GateRule())}
    assert told["a@1"].startswith("wait: ")
    assert told["a@1"].endswith("; 26 days left against online")
    assert told["b@1"].endswith("; 28 days left against online")
    assert told["e@1"] == "wait: number 2 in line, 4 of 4 places in shadow are taken"
    assert told["f@1"] == "wait: number 1 in line, 4 of 4 places in shadow are taken"


def test_a_champion_without_one_before_it_stands_against_the_online_model() -> None:
    steps = [stepped(n, s, h) for n, s, h in (("a", "shadow", 1), ("a", "champion", 2), ("b", "shadow", 3))]
    steps = [stepped("a", "candidate"), stepped("b", "candidate"), *steps]
    seen = overview([stored("a"), stored("b")], [*steps, stepped("b", "champion", 4), stepped("b", "retired", 5)], [])
    assert [(row.state, row.against) for row in rows(seen, {T: 3600}, GateRule())] == [
        ("champion", ONLINE),
        ("retired", ""),
    ]


def test_every_version_has_the_scores_of_its_training_report_whatever_its_state() -> None:
    def told(target: str, score: float) -> dict[str, Any]:
        return {"inferenceOutputName": target, "performanceMetric": "averagePrecision", "performanceScore": score}

    lives = {"a": ["shadow", "champion", "retired"], "b": ["shadow", "champion"], "c": ["shadow"], "d": []}
    steps = [stepped(name, "candidate") for name in lives]
    steps += [stepped(name, state, hour) for name, states in lives.items() for hour, state in enumerate(states, 1)]
    models = [
        stored(name)._replace(evidence={"modelPerformanceValidation": [told(T, at / 10), told("other", 0.9)]})
        for at, name in enumerate(lives)
    ]
    models[2] = models[2]._replace(evidence={"modelPerformanceValidation": "none"})
    found = {row.model: (row.state, row.scores) for row in rows(overview(models, steps, []), {T: 3600}, GateRule())}
    assert found == {
        "a@1": ("retired", {"averagePrecision": 0.0}),
        "b@1": ("champion", {"averagePrecision": 0.1}),
        "c@1": ("shadow", {}),
        "d@1": ("candidate", {"averagePrecision": 0.3}),
    }


def test_only_what_is_young_and_of_versions_that_are_alive_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def read(_dsn: str, *given: Any) -> list[bytes]:
        asked.append(given)
        return []

    steps = [stepped("a", "candidate"), stepped("b", "candidate"), stepped("b", "retired", 1)]
    newest = START + 400 * DAY
    monkeypatch.setattr(commands, "running", lambda _settings: SimpleNamespace(dsn="dsn"))
    monkeypatch.setattr(store, "models", lambda _dsn: [stored("a"), stored("b")])
    monkeypatch.setattr(store, "lives", lambda _dsn: steps)
    monkeypatch.setattr(store, "newest_comparison", lambda _dsn, _at: newest)
    monkeypatch.setattr(store, "comparisons", read)
    seen = commands.overview_of(Settings(_env_file=None))  # type: ignore[call-arg]
    assert asked == [(newest - timedelta(milliseconds=KEPT_MS), [ONLINE, "a@1"])]
    assert set(seen.registry.versions) == {"a@1", "b@1"}
