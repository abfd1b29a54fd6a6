"""What the radio twin notices and asks bursts for: once for one change, not for ever, and never without need."""

from __future__ import annotations

import folding
import msgspec
import pytest
from folding import alarm
from radio_region import (
    CELLS,
    ms_of,
    result,
    sounding,
)
from radio_story import with_map

from stream.decode import to_ms
from twin.radio.planning import DRIFT, LOOK
from twin.radio.watch import Watch

COUNTER = "L1M.DL-SS-RSRP"


def test_a_weaker_cell_is_noticed_and_believed_and_right_again() -> None:
    truth = [0.0, 0.0]
    story = with_map(answers=lambda request, period: result(request, truth))
    truth[0], changed = -6.0, story.period
    story.go_on(40, *truth)
    drift = story.told("drift")[0]
    assert (drift["object"], drift["counter"], drift["direction"], drift["tier"]) == (
        CELLS[0], COUNTER, "down", "ray-traced",
    )  # fmt: skip
    assert drift["kind"] == "radio"
    assert drift["reasons"]
    assert drift["size"] == pytest.approx(-6.0, abs=1.0)
    assert to_ms(msgspec.convert(drift["since"], folding.datetime)) == pytest.approx(ms_of(changed), abs=900_000)
    request = story.asked[1]
    assert (request.reason, request.touched, request.base_version) == (DRIFT, CELLS[:1], 1)
    assert drift["id"] in request.drifts
    assert request.posterior == story.twin.believed.posterior or request.posterior.version == 1  # type: ignore[union-attr]
    assert story.error(*truth) < 1.0
    told = story.updates("calibrated")[1]["detail"]
    assert (told["version"], told["tier"], told["finding"]) == (2, "ray-traced", "power")
    assert told["before"]["median_db"] > told["after"]["median_db"]
    assert len(story.asked) == 2, "one change, one burst"


def test_a_quiet_day_asks_for_nothing() -> None:
    story = with_map()
    story.go_on(96)
    assert len(story.asked) == 1
    assert not story.told("drift")


def test_equipment_that_has_said_so_needs_no_rays_nor_does_its_repair() -> None:
    story = with_map()
    at = {"objectInstance": CELLS[0], "eventTime": sounding(story.period)["time"]}
    story.tell(alarm(**at))
    story.go_on(60, -9.0, 0.0)
    assert {body["kind"] for body in story.told("drift")} == {"equipment"}
    story.tell(alarm("CLEARED", **at))
    story.go_on(60)
    back = next(body for body in story.told("drift") if body["direction"] == "up")
    assert (back["object"], back["kind"]) == (CELLS[0], "radio")
    assert back["size"] == pytest.approx(0.0, abs=0.5), "the map is right about it again"
    assert len(story.asked) == 1


@pytest.mark.parametrize(("a_period", "periods"), [(-0.5, 16), (-0.04, 150)])
def test_what_gets_worse_bit_by_bit_is_right_again_in_the_end(a_period: float, periods: int) -> None:
    truth = [0.0, 0.0]
    story = with_map(answers=lambda request, period: result(request, truth))
    for _ in range(periods):
        truth[0] += a_period
        story.go_on(1, *truth)
    story.go_on(60, *truth)
    assert story.error(*truth) < 1.5
    assert len(story.asked) < 2 + periods / 15, "and not by asking all the time"


def test_what_the_watch_does_not_notice_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Watch, "close", lambda self, period: [])
    truth = [0.0, 0.0]
    story = with_map(answers=lambda request, period: result(request, truth))
    truth[1] = -3.0
    story.go_on(12, *truth)
    assert len(story.asked) == 1, "the watch comes first"
    story.go_on(30, *truth)
    assert [(request.reason, request.touched) for request in story.asked[1:]] == [(LOOK, CELLS[1:])]
    assert story.error(*truth) < 1.0
    story.go_on(60, *truth)
    assert len(story.asked) == 2, "what was heard before the new map says nothing of it"


def test_after_a_new_map_it_must_be_as_right_twice() -> None:
    truth = [0.0, 0.0]
    story = with_map(answers=lambda request, period: result(request, truth))
    truth[0] = -5.0
    while len(story.asked) < 2:
        story.go_on(1, *truth)
    passed = []
    for _ in range(20):
        story.go_on(1, *truth)
        passed.append(story.twin.looking.passed if story.twin.looking else -1)
    assert sorted(set(passed)) == [-1, 0, 1]
    assert passed[-1] == -1
    assert passed.count(1) == passed.count(0) + 1


def test_what_bursts_can_not_mend_is_not_asked_about_for_ever() -> None:
    story = with_map(answers=lambda request, period: result(request, after=result(request).before))
    story.go_on(400, 0.0, -4.0)
    late = [request for request in story.asked if to_ms(request.time) > ms_of(200)]
    assert len(story.asked) > 2
    assert not late
