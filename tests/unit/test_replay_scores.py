"""A replay scores failures as the shards do, and every batch model beside the online one on the same labels."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import new_shard
from test_failing_batch import GOOD, NAME, log

from stream.registry.desk import Said
from stream.replay import Replayed, replay
from stream.replay_scores import MaturedLabels, Span
from stream.showing.results import show_replay
from tests.unit.test_failing import FAILING, worn_fan
from twin.counters import CATALOGUE
from twin.model_events import ONLINE

OTHER = "alarm:ENVIRONMENTAL_ALARM@1d"


@cache
def replayed() -> Replayed:
    return replay(log(), FAILING, CATALOGUE)


def test_failures_are_scored_as_in_the_shard() -> None:
    done = replayed()
    found = done.result()["scores"]["failures"]
    windows = {
        f"{target.name} {kind}": window.scores()
        for kind, watched in done.shards[0].failing.watched.items()
        for target, window in zip(watched.targets, watched.windows, strict=True)
    }
    assert found == windows
    assert found[NAME]["failures"] == 1
    assert found[NAME]["positives"] > 0
    assert found[f"{OTHER} cell"]["n"] > 0


def test_only_the_labels_of_the_time_asked_for_count() -> None:
    done = replayed()
    end = max(end for _, _, end, _ in _matured())
    half = end - 24 * 3_600_000
    spans = ((None, half), (half, None))
    first, last = (done.result(*span)["scores"]["failures"][NAME] for span in spans)
    whole = done.result()["scores"]["failures"][NAME]
    assert first["n"] + last["n"] == whole["n"]
    assert first["n"] > 0
    assert last["n"] > 0


@cache
def _matured() -> list[Any]:
    shard, found = new_shard(FAILING), []
    for record in log():
        shard.apply([record])
        found += shard.matured_failures
    return found


def test_a_batch_model_that_took_part_is_scored_beside_the_online_one() -> None:
    shard, models = replayed().shards[0], replayed().result()["scores"]["models"]
    assert set(models) == {NAME}
    (one,) = models[NAME].values()
    assert set(models[NAME]) == {GOOD.model}
    assert one["state"] == "retired"
    assert one["positives"] > 0
    assert 0 < one["n"] <= sum(1 for kind, k, _, m in _matured() if (kind, k) == ("element", 0) for _ in m.label)
    assert one["log_loss"] < one["log_loss_online"], "it knows what a slow fan means from the start"
    assert shard.models.registry.champion(NAME) == "online"


def test_what_is_blended_to_nothing_but_the_online_model_has_its_scores() -> None:
    alone = msgspec.structs.replace(FAILING, blend="online")
    (one,) = replay(log(), alone, CATALOGUE).result()["scores"]["models"][NAME].values()
    for name in ("ap", "brier", "log_loss"):
        assert one[name] == pytest.approx(one[f"{name}_online"], rel=1e-3)


def test_objects_of_two_partitions_are_not_taken_for_one() -> None:
    once = worn_fan()
    twice = replay([record._replace(partition=p) for p in (0, 1) for record in once], FAILING, CATALOGUE)
    one, two = (done.result()["scores"]["failures"][NAME] for done in (replay(once, FAILING, CATALOGUE), twice))
    for name in ("n", "positives", "failures"):
        assert two[name] == 2 * one[name]
    assert two["brier"] == pytest.approx(one["brier"])


def test_labels_of_models_are_taken_in_order_and_within_the_time_asked_for() -> None:
    rng = np.random.default_rng(5)

    def matured(end: int, partition: int) -> tuple[int, int, Said]:
        said = {name: rng.uniform(size=40).astype(np.float32) for name in (ONLINE, "m@1")}
        return end, partition, Said("t", end, rng.uniform(size=40) < 0.3, said)

    rows = [matured(end, partition) for end in (1, 2, 3) for partition in (0, 1)]
    whole, turned = (MaturedLabels(said={"t": list(order)}) for order in (rows, reversed(rows)))
    assert whole.of_models({}, Span()) == turned.of_models({}, Span())
    some = whole.of_models({}, Span(after=1, until=2))
    assert some == MaturedLabels(said={"t": rows[2:4]}).of_models({}, Span())
    assert some["t"]["m@1"]["n"] == 80
    assert whole.of_models({}, Span(after=3)) == {}


def test_it_is_printed_for_people_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "250")
    show_replay(replayed().result())
    shown = capsys.readouterr().out
    assert "failures, predicted before they were learnt" in shown
    assert NAME in shown
    assert GOOD.model in shown
