"""Models in the fold: refused for a reason, swapped without a gap, and the same again when the log is folded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from folding import differing, fold, history, log, new_shard, outlets, reasons, state
from model_network import MODEL_CONFIG, T, artifact, candidate, end_of, record, reports, world

from stream.shard import Shard
from twin.log import LogRecord
from twin.model_events import ONLINE, ModelCandidate, ModelTransition, new_transition
from twin.rows import Effects

DAY = 48
"""Periods of a chapter: long enough that the online model has learnt what it can."""
GOOD = candidate(artifact())
BAD = candidate(artifact("upside-down", sign=-1.0))


def to(event: ModelCandidate, state: Any, period: int, **more: Any) -> ModelTransition:
    return new_transition(event.model, state, end_of(period), **more)


def mixed(load: Any, events: dict[int, Sequence[ModelCandidate | ModelTransition]]) -> list[LogRecord]:
    """Reports of the periods, and before some of them models' events."""
    out: list[LogRecord] = []
    for period, one in enumerate(reports(load)):
        for event in events.get(period, ()):
            out.append(record(event, len(out), max(0, log([one])[0].time)))
        out += log([one], len(out))
    return out


LOAD_OF = world(3 * DAY, cells=16)
LIFE: dict[int, Sequence[ModelCandidate | ModelTransition]] = {
    20: [GOOD],
    22: [to(GOOD, "shadow", 22)],
    DAY: [to(GOOD, "champion", DAY)],
    DAY + 20: [BAD, to(BAD, "shadow", DAY + 20)],
    2 * DAY: [to(BAD, "champion", 2 * DAY)],
    2 * DAY + 20: [to(BAD, "retired", 2 * DAY + 20, reason="worse")],
}
"""One becomes champion, is replaced by a worse one, and comes back."""


def folded(records: Sequence[LogRecord], batch: int = 500) -> tuple[Shard, Effects]:
    shard = new_shard(MODEL_CONFIG)
    return shard, fold(shard, records, batch)


@pytest.fixture(scope="module")
def whole() -> tuple[list[LogRecord], Shard, Effects]:
    records = mixed(LOAD_OF, LIFE)
    return records, *folded(records)


def test_each_step_is_told_and_takes_effect_with_the_next_report(whole: Any) -> None:
    _, shard, effects = whole
    told = [u["detail"] for u in outlets(effects, "updates") if u["change"] == "model"]
    assert [(u["model"], u["state"]) for u in told] == [
        (GOOD.model, "candidate"), (GOOD.model, "shadow"), (GOOD.model, "champion"),
        (BAD.model, "candidate"), (BAD.model, "shadow"), (BAD.model, "champion"), (BAD.model, "retired"),
    ]  # fmt: skip
    assert told[-1]["champions"] == {T: GOOD.model}
    assert told[-1]["reason"] == "worse"
    speaks = [p["batch_model"] for p in outlets(effects, "congestion")]
    wanted = [""] * DAY + [GOOD.model] * DAY + [BAD.model] * 20 + [GOOD.model] * (DAY - 20)
    assert speaks == wanted
    assert shard.models.registry.champion(T) == GOOD.model
    assert list(shard.models.artifacts) == [GOOD.model], "a retired model's bytes are given back"
    assert not reasons(effects)


def test_no_event_is_lost_or_doubled_in_a_swap(whole: Any) -> None:
    _, _, effects = whole
    plain = fold(new_shard(MODEL_CONFIG), log(reports(LOAD_OF)))
    told, without = (outlets(e, "congestion") for e in (effects, plain))
    assert [(p["time"], p["cells"]) for p in told] == [(p["time"], p["cells"]) for p in without]
    assert len({p["id"] for p in told}) == len(told) == len(LOAD_OF)
    values = [[row[3:7] for row in history(e)] for e in (effects, plain)]
    assert len(values[0]) == LOAD_OF.size
    assert sorted(values[0]) == sorted(values[1])
    assert all(None not in p["probability"] for p in told[8:])
    # Until somebody is champion, a shadow changes nothing that is published.
    assert [p["probability"] for p in told[:DAY]] == [p["probability"] for p in without[:DAY]]


@pytest.mark.parametrize("batch", [1, 7])
def test_replay_over_promotions_is_the_same_however_it_is_cut(whole: Any, batch: int) -> None:
    records, shard, effects = whole
    again, told = folded(records, batch)
    assert differing(state(again), state(shard)) == []
    assert again.digest() == shard.digest()
    assert told.outlets == effects.outlets


@pytest.mark.parametrize("at", [21, DAY + 7, 2 * DAY + 7])
def test_from_a_snapshot_it_goes_on_as_if_nothing_had_happened(whole: Any, at: int) -> None:
    records, shard, effects = whole
    first = new_shard(MODEL_CONFIG)
    begun = fold(first, records[:at])
    second = new_shard(MODEL_CONFIG)
    second.restore(first.snapshot())
    assert second.digest() == first.digest()
    rest = fold(second, records[at:])
    assert second.digest() == shard.digest()
    assert begun.outlets + rest.outlets == effects.outlets


def test_a_repeated_event_changes_nothing_but_a_count(whole: Any) -> None:
    records, shard, _ = whole
    twice = new_shard(MODEL_CONFIG)
    fold(twice, records)
    for event in (GOOD, *(e for events in LIFE.values() for e in events)):
        twice.apply([record(event, twice.next_offset, records[-1].time)])
    changed = differing(state(twice), state(shard))
    assert set(changed) == {"/next_offset", "/counts/duplicate", "/counts/event.lockstep.model-candidate.v1",
                            "/counts/event.lockstep.model-transition.v1"}  # fmt: skip


def test_comparisons_add_up_and_tell_who_is_right(whole: Any) -> None:
    _, _, effects = whole
    told = outlets(effects, "comparisons")
    assert len({c["id"] for c in told}) == len(told)
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in told:
        assert one["difference"] == pytest.approx(one["loss_champion"] - one["loss_candidate"], abs=1e-6)
        assert sum(one["champion_bins"]["count"]) == sum(one["candidate_bins"]["count"]) == one["n"]
        assert sum(one["champion_bins"]["positives"]) == one["positives"]
        by_pair.setdefault((one["champion"], one["candidate"]), []).append(one)
    gain = {pair: sum(c["difference"] for c in group) / sum(c["n"] for c in group) for pair, group in by_pair.items()}
    assert gain[ONLINE, GOOD.model] > 0.1, "what no line sees, the network does"
    assert gain[GOOD.model, ONLINE] < -0.1, "the online model alone is compared, too"
    assert (GOOD.model, BAD.model) in gain
    assert (BAD.model, GOOD.model) in gain
    hours = [c["time"] for c in by_pair[ONLINE, GOOD.model]]
    assert hours == sorted(set(hours))
    assert all(time.endswith(":00:00Z") for time in hours)


def test_the_champion_is_better_than_the_online_model_alone(whole: Any) -> None:
    """Not only compared: published."""
    _, _, effects = whole
    label = LOAD_OF > 70

    def hits(period: int) -> tuple[float, float]:
        p = outlets(effects, "congestion")[period]["probability"]
        yes = [x for x, y in zip(p, label[period + 4], strict=True) if y]
        no = [x for x, y in zip(p, label[period + 4], strict=True) if not y]
        return (sum(yes) / max(len(yes), 1), sum(no) / max(len(no), 1))

    yes, no = zip(*(hits(period) for period in range(DAY + 16, 2 * DAY - 8)), strict=True)
    assert sum(yes) / len(yes) > sum(no) / len(no) + 0.5


def damaged(event: ModelCandidate) -> ModelCandidate:
    body = bytearray(event.artifact)
    body[len(body) // 2] ^= 1
    return msgspec.structs.replace(event, artifact=bytes(body))


REFUSED = {
    "damaged": (damaged(GOOD), "damaged-model"),
    "cut off": (msgspec.structs.replace(GOOD, artifact=GOOD.artifact[:-9]), "damaged-model"),
    "a snapshot": (msgspec.structs.replace(GOOD, artifact=new_shard().snapshot()), "damaged-model"),
    "of another name": (msgspec.structs.replace(GOOD, ml_model_id="other"), "unfit-model"),
    "for other targets than it says": (msgspec.structs.replace(GOOD, targets=["x"]), "unfit-model"),
    "promoted before it was in shadow": (to(GOOD, "champion", 0), "illegal-transition"),
}


@pytest.mark.parametrize(("event", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cant_be_used_is_rejected_and_the_fold_goes_on(event: Any, reason: str) -> None:
    load = world(12)
    records = mixed(load, {5: [event]})
    shard, effects = folded(records)
    assert reasons(effects) == [reason]
    assert not shard.models.artifacts
    assert len(outlets(effects, "congestion")) == len(load)
    plain, _ = folded(mixed(load, {}))
    assert set(differing(state(shard), state(plain))) == {"/next_offset", f"/counts/rejected.{reason}"}


def test_a_model_for_a_twin_with_other_targets_is_unfit() -> None:
    shard = new_shard(msgspec.structs.replace(MODEL_CONFIG, targets=()))
    effects = shard.apply([record(GOOD, 0)])
    assert reasons(effects) == ["unfit-model"]


def test_a_model_may_come_before_the_first_report() -> None:
    load = world(60)
    events = [GOOD, to(GOOD, "shadow", 0), to(GOOD, "champion", 0)]
    _, effects = folded(mixed(load, {0: events}))
    told = outlets(effects, "congestion")
    assert {p["batch_model"] for p in told[4:]} == {GOOD.model}


def test_the_networks_time_is_not_that_of_a_decision() -> None:
    shard = new_shard(MODEL_CONFIG)
    shard.apply(log(reports(world(4))))
    before = shard.newest_event
    shard.apply([record(GOOD, 4, log(reports(world(4)))[-1].time + 10**9)])
    assert shard.newest_event == before
