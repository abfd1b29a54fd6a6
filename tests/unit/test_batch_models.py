"""Batch models beside the online ones in the fold: who is published, what is compared, and what stays untouched."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from folding import fold, new_shard, outlets
from model_network import LOAD, MODEL_CONFIG, T, artifact, candidate, world
from test_model_changes import mixed, to

from models.artifact import unpack
from models.logit import sigmoid
from models.network import Network
from stream.channel import Channel
from stream.shard import Shard
from twin.model_events import ONLINE, ModelCandidate

PERIODS = 96
LOAD_OF = world(PERIODS, cells=16)
GOOD = candidate(artifact())
TWIN = candidate(artifact("of-the-same-weights"))


def life(event: ModelCandidate, begin: int = 20, *, speaks: bool = True) -> dict[int, list[Any]]:
    states = ("shadow", "champion") if speaks else ("shadow",)
    return {begin: [event, *(to(event, state, begin) for state in states)]}


def run(events: dict[int, list[Any]], **settings: Any) -> tuple[Shard, list[dict[str, Any]]]:
    shard = new_shard(msgspec.structs.replace(MODEL_CONFIG, **settings))
    return shard, outlets(fold(shard, mixed(LOAD_OF, events), 3), "congestion")


def channel_of(shard: Shard) -> Channel:
    return next(channel for (_, counter), channel in shard.channels.items() if counter == LOAD)


@pytest.fixture(scope="module")
def plain() -> tuple[Shard, list[dict[str, Any]]]:
    return run({})


@pytest.fixture(scope="module")
def blended() -> tuple[Shard, list[dict[str, Any]]]:
    return run(life(GOOD))


def test_the_online_model_alone_is_published_as_if_there_were_no_other(plain: Any) -> None:
    _, told = run(life(GOOD), blend="online")
    for one, other in zip(told, plain[1], strict=True):
        assert one["probability"] == other["probability"]


def test_the_batch_model_alone_is_published_as_its_network_says() -> None:
    shard, told = run(life(GOOD), blend="batch")
    network = Network(unpack(GOOD.artifact))
    names = artifact().features
    X = np.zeros((len(names), LOAD_OF.shape[1]), dtype=np.float32)
    X[names.index("now")] = LOAD_OF[-1].astype(np.float32) * np.float32(1 / 70)
    assert told[-1]["probability"] == pytest.approx(sigmoid(network.log_odds(X)[0]).tolist(), abs=1e-4)
    assert channel_of(shard).batch.versions


def test_the_outlet_says_what_was_used(blended: Any, plain: Any) -> None:
    shard, told = blended
    assert {p["model"] for p in told[:20]} == {"online-congestion"}
    assert {p["model"] for p in told[21:]} == {"blended-congestion"}
    last = told[-1]
    assert last["batch_model"] == GOOD.model
    assert GOOD.model in last["model_version"]
    assert last["model_version"].startswith(plain[1][-1]["model_version"] + "+")
    assert set(last["blend"]) == {"online", "batch", "quiet", "one"}
    assert last["blend"] != told[21]["blend"], "weights are learnt, and their change is told"
    assert told[21]["blend"] == {"online": 0.75, "batch": 0.25, "quiet": 0.0, "one": 0.0}
    gained = {row: last["blend"][row] - told[21]["blend"][row] for row in ("online", "batch")}
    assert gained["batch"] > 0.3, "in this world the batch model is right"
    assert gained["batch"] > 2 * gained["online"]
    assert shard.models.registry.champion(T) == GOOD.model


def test_what_the_batch_model_adds_is_a_driver_largest_first(blended: Any) -> None:
    _, told = blended
    for one in told[40:]:
        for names, parts in zip(one["drivers"], one["contributions"], strict=True):
            sizes = np.abs(parts)
            assert (sizes[:-1] >= sizes[1:] - 1e-4).all()
            assert len(set(names)) == len(names)
    drivers = [names for one in told[40:] for names in one["drivers"]]
    assert sum("batch" in names for names in drivers) > len(drivers) / 2


def test_a_batch_model_never_changes_what_the_online_model_learns(blended: Any, plain: Any) -> None:
    own, other = (channel_of(shard).models[0].state() for shard, _ in (blended, plain))
    changed = {name for name in own if own[name].tobytes() != other[name].tobytes()}
    assert changed <= {"columns/published"}


def test_two_models_of_the_same_weights_have_said_the_same_of_the_same_events() -> None:
    """The champion answers on arrival and the shadow at the boundary: what is compared has seen the same."""
    begin = life(GOOD)
    begin[20] = [*begin[20], TWIN, to(TWIN, "shadow", 20)]
    records = mixed(LOAD_OF, begin)
    shard, compared = new_shard(MODEL_CONFIG), 0
    for one in records:
        shard.apply([one])
        if not shard.channels:
            continue
        for judged in channel_of(shard).matured_losses():
            said = judged.said
            assert all(len(p) == len(judged.label) for p in said.values())
            if GOOD.model in said and TWIN.model in said:
                np.testing.assert_array_equal(said[GOOD.model], said[TWIN.model])
                compared += int(np.isfinite(said[GOOD.model]).sum())
            assert ONLINE in said
    assert compared > 500


def test_a_shadow_alone_changes_nothing_that_is_published(plain: Any) -> None:
    _, told = run(life(GOOD, speaks=False))
    assert [p["probability"] for p in told] == [p["probability"] for p in plain[1]]
    assert {p["batch_model"] for p in told} == {""}


def test_with_the_last_model_its_memory_is_given_back(plain: Any) -> None:
    events = life(GOOD)
    events[60] = [to(GOOD, "retired", 60)]
    shard, told = run(events)
    assert channel_of(shard).batch.state() == {}
    assert [p["probability"] for p in told[60:]] == [p["probability"] for p in plain[1][60:]]


def test_nothing_of_a_retired_model_is_left_for_the_next() -> None:
    """A shard that was restored after it had retired goes on like one that never stopped."""
    events = life(GOOD)
    events[60] = [to(GOOD, "retired", 60)]
    events[63] = [TWIN, to(TWIN, "shadow", 63), to(TWIN, "champion", 63)]
    records = mixed(LOAD_OF, events)
    at = next(i for i, one in enumerate(records) if one.key == TWIN.model)
    records = records[: at + 6]
    whole, first, second = (new_shard(MODEL_CONFIG) for _ in range(3))
    fold(whole, records, 5)
    fold(first, records[:at], 5)
    second.restore(first.snapshot())
    fold(second, records[at:], 5)
    assert second.digest() == whole.digest()


def test_a_model_for_other_periods_is_installed_and_never_asked(plain: Any) -> None:
    hourly = candidate(artifact(granularity_s=3600))
    shard, told = run(life(hourly))
    assert [p["probability"] for p in told] == [p["probability"] for p in plain[1]]
    channel = channel_of(shard)
    assert channel.batch.installed() == {hourly.model: [T]}
    assert not channel.batch.versions


def test_the_next_version_of_a_model_inherits_its_blend() -> None:
    events = life(GOOD)
    newer = candidate(artifact(band=(30.0, 41.0)))
    assert newer.ml_model_id == GOOD.ml_model_id
    events[80] = [newer, to(newer, "shadow", 80), to(newer, "champion", 80)]
    _, told = run(events)
    assert told[80]["batch_model"] in {GOOD.model, newer.model}
    first = next(p for p in told if p["batch_model"] == newer.model)
    assert first["blend"] == told[79]["blend"] != told[21]["blend"]


def test_a_snapshot_with_other_models_than_its_registry_is_refused() -> None:
    shard, _ = run(life(GOOD))
    batch = channel_of(shard).batch
    state = batch.state() | {"names": np.frombuffer(b"other@1", dtype=np.uint8)}
    with pytest.raises(ValueError, match="registry"):
        batch.restore(state)
