"""The radio twin is the same however the log was cut, and after every snapshot."""

from __future__ import annotations

from functools import cache
from typing import Any

import folding
import pytest
from folding import A, differing, state
from radio_region import (
    REGION,
    declared,
    result,
)
from radio_story import CONFIG, Story

from infra.settings import Settings
from stream import shard_state
from stream.config import ShardConfig, shard_config
from stream.shard import Shard
from twin import snapshot
from twin.errors import SnapshotError
from twin.log import Outlet
from twin.radio.events import BurstRequest, BurstResult


@cache
def long_story() -> Story:
    """Everything in one log: first map, drift, a wrong answer, a lost one, a right one, a rollback."""
    truth = [0.0, 0.0]
    turn = {"n": 0}

    def answer(request: BurstRequest, period: int) -> BurstResult | None:
        turn["n"] += 1
        return {2: result(request, (9.0, 9.0)), 3: None}.get(turn["n"], result(request, truth))

    story = Story(answer)
    story.go_on(40)
    truth[0] = -5.0
    story.go_on(60, *truth)
    truth[0] = 3.0
    story.go_on(12, *truth)
    assert story.shard.counts["burst.refused"] >= 1
    assert story.shard.counts["burst.adopted"] >= 2
    assert story.shard.counts["burst.lost"] >= 1
    assert story.told("drift")
    return story


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_it_does_not_depend_on_how_the_log_is_cut(batch: int) -> None:
    story = long_story()
    again = folding.new_shard(CONFIG)
    effects = folding.fold(again, story.records, batch)
    assert effects.outlets == story.said
    assert differing(state(again), state(story.shard)) == []
    assert again.digest() == story.shard.digest()


def test_a_restored_twin_goes_on_as_if_nothing_had_been() -> None:
    story = long_story()
    shard = folding.new_shard(CONFIG)
    said: list[Outlet] = []
    for number, record in enumerate(story.records):
        said += shard.apply([record]).outlets
        if number % 7 == 0 or "rolled" in str(said[-1:]):
            other = folding.new_shard(CONFIG)
            other.restore(shard.snapshot())
            assert other.digest() == shard.digest()
            shard = other
    assert said == story.said
    assert shard.digest() == story.shard.digest()


def test_what_is_not_sounded_leaves_no_trace() -> None:
    plain = folding.new_shard(CONFIG)
    plain.apply(folding.log([declared(), folding.report(A, 0, 40.0)]))
    assert not plain.radio
    assert not [key for key in state(plain) if "radio" in key and "config" not in key and "topology" not in key]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("period", "soon"),
        ("period", None),
        ("cells", ["one"]),
        ("keys", []),
        ("keys", [["a", 1]]),
        ("scored", []),
        ("plan", [None]),
        ("believed", [b"x", None]),
        ("believed", [None, b"x"]),
        ("last", [["a"]]),
        ("whole", [["a", "b", True]]),
        ("heard", ["a"]),
    ],
)
def test_a_snapshot_of_something_else_is_refused(key: str, value: Any) -> None:
    data, arrays = shard_state.dump(long_story().shard)
    data = data | {"radio": {REGION: data["radio"][REGION] | {key: value}}}
    with pytest.raises(SnapshotError):
        Shard(0, CONFIG, folding.CATALOGUE).restore(snapshot.pack(data, arrays))


def test_a_snapshot_from_before_soundings_is_still_one() -> None:
    plain = folding.new_shard(CONFIG)
    plain.apply(folding.log([declared(), folding.report(A, 0, 40.0)]))
    data, arrays = shard_state.dump(plain)
    old = {k: v for k, v in data["config"].items() if not k.startswith(("burst", "radio"))}
    other = folding.new_shard(ShardConfig())
    other.restore(snapshot.pack({k: v for k, v in data.items() if k != "radio"} | {"config": old}, arrays))
    assert differing(state(other, "config"), state(plain, "config")) == []
    with pytest.raises(SnapshotError, match="targets"):
        folding.new_shard(CONFIG).restore(snapshot.pack(data | {"config": old}, arrays))


@pytest.mark.parametrize("value", ["3600", "3600.0"])
def test_the_same_setting_is_the_same_state_however_it_is_written(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default = folding.new_shard(shard_config(Settings(_env_file=None)))
    monkeypatch.setenv("LOCKSTEP_BURST_COOLDOWN_S", value)
    assert folding.new_shard(shard_config(Settings(_env_file=None))).digest() == default.digest()
