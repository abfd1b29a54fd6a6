"""Which answers of bursts the radio twin believes, on probation, and what it does with the others."""

from __future__ import annotations

import msgspec
import pytest
from radio_region import (
    CELLS,
    as_event,
    result,
)
from radio_story import Story, with_map

from twin.radio.events import BurstRequest, BurstResult
from twin.radio.planning import DRIFT, LOOK, Want


@pytest.mark.parametrize("wrong", [10.0, -10.0])
def test_a_map_that_is_worse_on_what_is_remembered_is_refused_whatever_it_says_of_itself(wrong: float) -> None:
    story = with_map()
    story.answers = lambda request, period: result(request, (wrong, wrong))
    believed = story.twin.believed
    story.go_on(24, 0.0, -4.0)
    refused = story.updates("burst")[0]["detail"]
    assert "worse on the soundings that the twin remembers" in refused["refused"]
    assert story.twin.believed == believed
    assert len(story.updates("calibrated")) == 1
    assert story.shard.counts["burst.refused"] >= 1


def test_after_a_refusal_it_looks_whether_it_is_right_again_and_asks_again() -> None:
    truth = (0.0, -3.0)
    story = with_map()
    wrong = iter([(10.0, 10.0)])
    story.answers = lambda request, period: result(request, next(wrong, truth))
    story.go_on(40, *truth)
    assert len(story.updates("burst")) == 1
    assert (story.asked[2].reason, story.asked[2].touched) == (LOOK, CELLS[1:])
    assert story.asked[2].since == story.asked[1].since, "what was heard before the refusal is as good"
    assert story.error(*truth) < 1.0


def test_a_map_of_somewhere_else_is_refused() -> None:
    def elsewhere(request: BurstRequest, period: int) -> BurstResult:
        found = result(request)
        assert found.map is not None
        return msgspec.structs.replace(found, map=msgspec.structs.replace(found.map, origin=(1e4, 1e4)))

    story = Story(elsewhere)
    story.go_on(6)
    assert "says nothing of most of what was heard" in story.updates("burst")[0]["detail"]["refused"]
    assert story.twin.tier == "empirical"


def test_a_map_that_turns_out_worse_is_rolled_back_and_that_is_said() -> None:
    truth = [0.0, 0.0]
    story = with_map(answers=lambda request, period: result(request, truth))
    first = story.twin.believed.map
    truth[0] = -8.0
    while len(story.updates("calibrated")) < 2:
        story.go_on(1, *truth)
    assert story.twin.previous is not None, "it is on probation"
    truth[0] = 0.0
    story.go_on(9, *truth)
    said = story.updates("burst")[-1]["detail"]
    assert said["refused"].startswith("rolled back")
    assert said["error_after_db"] > said["error_before_db"]
    assert story.twin.believed.map == first
    assert story.twin.believed.version == 3, "nothing that began from version 2 may be believed now"
    assert story.twin.previous is None
    assert story.error() < 1.0


def test_what_drifted_from_the_old_map_meanwhile_is_looked_at_and_not_asked_about() -> None:
    story = with_map()
    story.answers = lambda request, period: None
    while len(story.asked) < 2:
        story.go_on(1, 0.0, -6.0)
    story.go_on(1, 0.0, -6.0)
    other = Want(reason=DRIFT, at=0, since=0, drifts=["made up"], touched=CELLS[:1])
    story.twin.planner.note(other)
    story.tell(as_event(result(story.asked[1], (0.0, -6.0)), story.period))
    assert story.twin.planner.want is None
    assert story.twin.looking is not None
    assert story.twin.looking.cells == CELLS


def test_a_map_that_proves_itself_is_kept() -> None:
    truth = [0.0, 0.0]
    story = with_map(answers=lambda request, period: result(request, truth))
    truth[1] = -6.0
    story.go_on(30, *truth)
    assert story.shard.counts["burst.kept"] == 1
    assert story.twin.previous is None
    assert story.twin.believed.version == 2


def test_without_an_answer_it_is_lost_and_asked_again_as_another_attempt() -> None:
    story = Story(lambda request, period: None)
    story.go_on(3 + 17)
    (lost,) = story.updates("burst")
    assert lost["detail"]["refused"] == "no answer came in time"
    first, second = story.asked
    assert lost["detail"]["request"] == first.id
    assert (first.id[-2:], second.id[-2:]) == ("/0", "/1")
    story.tell(as_event(result(first), story.period))
    assert story.shard.counts["burst.unasked"] == 1
    assert story.twin.tier == "empirical", "what comes too late answers nothing"
    story.tell(as_event(result(second), story.period))
    assert story.twin.tier == "ray-traced"
    story.tell(as_event(result(second), story.period))
    assert story.shard.counts["burst.unasked"] == 2


@pytest.mark.parametrize(("outcome", "reason"), [("failed", "neither CUDA nor LLVM"), ("cancelled", "told to")])
def test_a_burst_that_came_to_nothing_leaves_the_lower_tier_and_is_told(outcome: str, reason: str) -> None:
    story = Story(lambda r, p: msgspec.structs.replace(result(r), outcome=outcome, reason=reason, map=None))
    story.go_on(3)
    assert story.updates("burst")[0]["detail"]["refused"] == f"{outcome}: {reason}"
    assert story.twin.tier == "empirical"
    story.go_on(3)
    assert len(story.asked) == 1, "it rests"
    story.go_on(94)
    assert 2 <= len(story.asked) < 30
