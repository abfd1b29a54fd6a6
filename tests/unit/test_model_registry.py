"""The life of models: no illegal step, one champion a target, and a repeated event changes nothing."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest
from folding import START
from hypothesis import given, settings
from hypothesis import strategies as st

from models.registry import LEGAL, MOST_RUNNING, MOST_WAITING, Registry
from twin.errors import BadInput
from twin.model_events import ONLINE, ModelCandidate, ModelTransition, State, new_candidate, new_transition

T, U = "RRU.PrbTotDl>70@1h", "RRU.PrbTotDl>85@1h"
STATES: tuple[State, ...] = ("shadow", "champion", "retired")


def new(name: str, *targets: str) -> ModelCandidate:
    return new_candidate(name, "1", targets or (T,), name.encode(), START)


def to(name: str, state: State, at: int = 0, *targets: str) -> ModelTransition:
    return new_transition(f"{name}@1", state, START + timedelta(seconds=at), targets=targets)


def lived(*steps: tuple[str, State], targets: tuple[str, ...] = (T,)) -> Registry:
    registry = Registry()
    for name in dict.fromkeys(name for name, _ in steps):
        assert registry.add(new(name, *targets), 0)
    for at, (name, state) in enumerate(steps):
        assert registry.move(to(name, state, at), at)
    return registry


def lives(registry: Registry, target: str = T) -> dict[str, str]:
    return {version.model: version.life[target] for version in registry.versions.values()}


def test_a_life() -> None:
    registry = lived(("a", "shadow"))
    assert registry.champion(T) == ONLINE
    assert registry.running(T) == ["a@1"]
    changes = registry.move(to("a", "champion", 9), 9)
    assert [(c.before, c.after) for c in changes] == [("shadow", "champion")]
    assert registry.champion(T) == "a@1"
    assert registry.previous == {T: ONLINE}
    assert registry.versions["a@1"].since == {T: 9}


def test_whoever_was_champion_runs_on_in_shadow_and_comes_back() -> None:
    registry = lived(("a", "shadow"), ("a", "champion"), ("b", "shadow"), ("b", "champion"))
    assert lives(registry) == {"a@1": "shadow", "b@1": "champion"}
    assert registry.previous == {T: "a@1"}
    changes = registry.move(to("b", "retired", 99), 99)
    assert [(c.model, c.after) for c in changes] == [("b@1", "retired"), ("a@1", "champion")]
    assert registry.champion(T) == "a@1"
    assert registry.previous == {}
    registry.move(to("a", "retired", 100), 100)
    assert registry.champion(T) == ONLINE


def test_the_one_before_the_last_has_nobody_to_watch() -> None:
    registry = lived(*(step for n in "abc" for step in ((n, "shadow"), (n, "champion"))))  # type: ignore[arg-type]
    assert lives(registry) == {"a@1": "retired", "b@1": "shadow", "c@1": "champion"}


def test_the_one_before_can_become_champion_again() -> None:
    registry = lived(("a", "shadow"), ("a", "champion"), ("b", "shadow"), ("b", "champion"), ("a", "champion"))
    assert lives(registry) == {"a@1": "champion", "b@1": "shadow"}
    assert registry.previous == {T: "b@1"}


@pytest.mark.parametrize(
    ("steps", "then"),
    [
        ([], ("a", "champion")),
        ([("a", "shadow")], ("a", "shadow")),
        ([("a", "shadow"), ("a", "champion")], ("a", "champion")),
        ([("a", "retired")], ("a", "shadow")),
        ([("a", "shadow"), ("a", "retired")], ("a", "champion")),
        ([("a", "shadow"), ("a", "retired")], ("a", "retired")),
        ([], ("nobody", "shadow")),
    ],
)
def test_illegal_steps_are_refused_and_change_nothing(steps: list[tuple[str, State]], then: tuple[str, State]) -> None:
    registry = lived(*steps) if steps else Registry()
    if not steps:
        registry.add(new("a"), 0)
    before = registry.state()
    with pytest.raises(BadInput) as caught:
        registry.move(to(*then, 99), 99)
    assert caught.value.reason == "illegal-transition"
    assert registry.state() == before


def test_all_targets_or_none() -> None:
    registry = lived(("a", "shadow"), targets=(T, U))
    registry.move(to("a", "champion", 5, T), 5)
    assert (registry.champion(T), registry.champion(U)) == ("a@1", ONLINE)
    before = registry.state()
    with pytest.raises(BadInput, match="is champion"):
        registry.move(to("a", "champion", 6, T, U), 6)
    assert registry.state() == before
    registry.move(to("a", "champion", 7), 7)
    assert registry.champions == {T: "a@1", U: "a@1"}
    with pytest.raises(BadInput, match="doesn't predict"):
        registry.move(to("a", "retired", 8, "another"), 8)


def test_repeated_events_change_nothing() -> None:
    registry = lived(("a", "shadow"), ("a", "champion"))
    before = registry.state()
    assert not registry.add(new("a"), 0)
    assert registry.move(to("a", "shadow", 0), 0) == []
    assert registry.state() == before


def test_other_bytes_under_the_same_name_are_refused() -> None:
    registry = lived(("a", "shadow"))
    with pytest.raises(BadInput, match="contradiction"):
        registry.add(new_candidate("a", "1", (T,), b"other", START), 0)


def test_neither_candidates_nor_shadows_nor_memory_grow_without_end() -> None:
    registry = Registry()
    for i in range(MOST_WAITING):
        registry.add(new(f"m{i}"), 0)
    with pytest.raises(BadInput, match="too-many"):
        registry.add(new("one more"), 0)
    for i in range(MOST_RUNNING):
        registry.move(to(f"m{i}", "shadow", i), i)
    with pytest.raises(BadInput, match="too-many"):
        registry.move(to(f"m{MOST_RUNNING}", "shadow", 99), 99)
    for i in range(2000):
        registry.add(new(f"n{i}"), 0)
        registry.move(to(f"n{i}", "retired", i), i)
    assert len(msgspec.json.encode(registry.state())) < 400_000
    assert registry.running(T) == [f"m{i}@1" for i in range(MOST_RUNNING)], "who is not retired is never forgotten"


STEPS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from(STATES), st.sampled_from([(), (T,), (U,)])))


@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_whatever_comes_each_target_has_one_voice_and_a_copy_is_the_same(
    steps: list[tuple[str, State, tuple[str, ...]]],
) -> None:
    registry = Registry()
    for name in "abcde":
        registry.add(new(name, T, U), 0)
    for at, (name, state, targets) in enumerate(steps):
        before = {(v.model, t): life for v in registry.versions.values() for t, life in v.life.items()}
        try:
            changes = registry.move(to(name, state, at, *targets), at)
        except BadInput:
            changes = []
        for change in changes:
            assert change.after in LEGAL[change.before] or (change.before, change.after) == ("shadow", "champion")
            assert before[change.model, change.target] == change.before
        for target in (T, U):
            champions = [m for m, life in lives(registry, target).items() if life == "champion"]
            assert champions == ([] if registry.champion(target) == ONLINE else [registry.champion(target)])
            previous = registry.previous.get(target, ONLINE)
            assert previous == ONLINE or lives(registry, target)[previous] == "shadow"
    copy = Registry()
    copy.restore(msgspec.json.decode(msgspec.json.encode(registry.state())))
    assert copy.state() == registry.state()
