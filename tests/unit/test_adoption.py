"""Which answers of bursts are believed: better on what they weren't fitted to, sound, and no worse on what is heard."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from folding import START
from hypothesis import given, settings
from hypothesis import strategies as st
from radio_region import CELLS, REGION, SCENE, evidence, radio_cells, radio_map, result

from twin.radio import adoption
from twin.radio.events import BurstRequest, BurstResult, SoundingTable
from twin.radio.posterior import Posterior, make

ASKED = BurstRequest(
    id="burst/1",
    time=START,
    partition=0,
    region=REGION,
    scene=SCENE,
    frequency=3.5e9,
    reason="drift",
    area=(0.0, 0.0, 1.0, 1.0),
    cells=radio_cells(),
    touched=CELLS[:1],
    soundings=SoundingTable(time=[], positions=[], cells=CELLS, rsrp=[]),
    since=START,
    base_version=3,
)


def objection(answer: BurstResult, *, asked: str = ASKED.id, version: int = 3, first: bool = False) -> str:
    return adoption.objection(answer, asked, version, CELLS, first=first)


def posterior(**changed: Any) -> Posterior:
    return msgspec.structs.replace(make(["power/a", "power/b"], np.zeros(2), np.eye(2), 1.0, 4), **changed)


def test_a_good_one_is_believed() -> None:
    assert objection(result(ASKED)) == ""


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"request": "burst/0"}, "under way"),
        ({"outcome": "failed", "reason": "out of memory"}, "failed: out of memory"),
        ({"outcome": "cancelled", "reason": "told to"}, "cancelled: told to"),
        ({"base_version": 2}, "version 2"),
        ({"map": None}, "no map"),
        ({"posterior": None}, "no parameters"),
        ({"after": None}, "no evidence"),
        ({"map": radio_map(version=7)}, "numbered 4"),
        ({"posterior": posterior(version=10**30)}, "numbered 4"),
        ({"map": msgspec.structs.replace(radio_map(version=4), gain=b"x")}, "can't be used"),
        ({"map": msgspec.structs.replace(radio_map(version=4), shape=(10**9, 10**9))}, "can't be used"),
        ({"map": msgspec.structs.replace(radio_map(version=4), step=0.0)}, "can't be used"),
        ({"map": msgspec.structs.replace(radio_map(version=4), cells=["A=8", "A=9"])}, "none of the region"),
        ({"posterior": posterior(mean=[0.0])}, "size"),
        ({"posterior": posterior(names=["a", "a"])}, "size"),
        ({"posterior": posterior(covariance=[[1.0, 0.0], [0.0]])}, "square"),
        ({"posterior": posterior(mean=[0.0, 1e9])}, "absurd"),
        ({"posterior": posterior(covariance=[[1.0, 0.0], [0.0, -1.0]])}, "no sense"),
        ({"posterior": posterior(noise_db=0.0)}, "no sense"),
        ({"before": evidence(1.0), "after": evidence(1.0)}, "no better"),
        ({"before": evidence(1.0), "after": evidence(1.2)}, "no better"),
    ],
)  # fmt: skip
def test_others_are_not_and_it_is_said_why(changed: dict[str, Any], why: str) -> None:
    assert why in objection(msgspec.structs.replace(result(ASKED), **changed))


def test_without_a_map_there_is_nothing_to_be_better_than() -> None:
    answer = msgspec.structs.replace(result(ASKED), before=evidence(1.0), after=evidence(1.0))
    assert objection(answer, first=True) == ""
    assert objection(answer) != ""


def test_surer_is_better_too_unless_it_is_wider_off() -> None:
    before = evidence(1.0)
    sharper = msgspec.structs.replace(before, log_score=before.log_score + 0.1)
    assert objection(msgspec.structs.replace(result(ASKED), before=before, after=sharper)) == ""
    off = msgspec.structs.replace(sharper, median_db=1.2)
    assert objection(msgspec.structs.replace(result(ASKED), before=before, after=off)) != ""


@given(st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_better_can_not_be_both_ways(one: float, other: float) -> None:
    there = msgspec.structs.replace(result(ASKED), before=evidence(one), after=evidence(other))
    back = msgspec.structs.replace(result(ASKED), before=evidence(other), after=evidence(one))
    assert objection(there) or objection(back)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 10.0))
def test_worse_is_what_is_worse_by_more_than_the_slack(seed: int, bias: float) -> None:
    rng = np.random.default_rng(seed)
    old = rng.standard_normal((200, 2))
    same = adoption.compare(old, old.copy())
    assert not adoption.worse(same)
    compared = adoption.compare(old, old + bias)
    assert compared.values == 400
    assert adoption.worse(compared) == (compared.new > adoption.WORSE * compared.old + adoption.SLACK_DB)
    assert not adoption.worse(adoption.compare(old + bias, old))
    few = adoption.compare(old[:10], old[:10] + 50.0)
    assert not adoption.worse(few), "of few values nothing is said"


def test_only_what_both_speak_of_is_compared() -> None:
    old = np.array([[1.0, np.nan], [2.0, 3.0]])
    new = np.array([[np.nan, 9.0], [4.0, np.nan]])
    assert adoption.compare(old, new) == (2.0, 4.0, 1)
    assert adoption.compare(old, np.full((2, 2), np.nan)).values == 0


def test_a_map_of_somewhere_else_is_silent() -> None:
    heard = np.array([[-80.0, -90.0], [-85.0, np.nan]])
    said = np.array([[-80.0, np.nan], [-85.0, -70.0]])
    assert not adoption.silent(heard, said)
    assert adoption.silent(heard, np.full((2, 2), np.nan))
    assert not adoption.silent(np.full((2, 2), np.nan), said), "nothing was heard"
