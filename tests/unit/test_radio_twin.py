"""The radio twin in the fold: expects, notices, asks, believes or doesn't, and is the same however the log was cut."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import folding
import msgspec
import numpy as np
import pytest
from folding import A, B, alarm, differing, state
from radio_region import (
    CELLS,
    HALF_M,
    REGION,
    SCENE,
    as_event,
    declared,
    ms_of,
    radio_cells,
    requests,
    result,
    sounding,
)

from infra.settings import Settings
from stream import shard_state
from stream.config import ShardConfig, shard_config
from stream.decode import from_ms, to_ms
from stream.shard import Shard
from stream.show_state import show_state
from stream.state_view import objects
from twin import snapshot
from twin.errors import SnapshotError
from twin.log import LogRecord, Outlet
from twin.radio.agreement import Agreement
from twin.radio.events import BurstRequest, BurstResult
from twin.radio.expecting import Expectation
from twin.radio.planning import DRIFT, LOOK, NEW_CELLS, NO_MAP, Want
from twin.radio.twin import RadioTwin
from twin.radio.watch import Watch

CONFIG = ShardConfig(burst_min_soundings=90, burst_deadline_s=4 * 3600)
COUNTER = "L1M.DL-SS-RSRP"
Answers = Callable[[BurstRequest, int], BurstResult | None]


class Story:
    """A shard, all that it was told, and all that it said.

    Args:
        answers: What burst workers say to a request, and in which period; None: nothing.
    """

    def __init__(
        self, answers: Answers = lambda request, period: result(request), config: ShardConfig = CONFIG
    ) -> None:
        self.shard = folding.new_shard(config)
        self.answers = answers
        self.records: list[LogRecord] = []
        self.said: list[Outlet] = []
        self.asked: list[BurstRequest] = []
        self.period = 0
        self.tell(declared())

    @property
    def twin(self) -> RadioTwin:
        return self.shard.radio[REGION]

    def tell(self, event: dict[str, Any]) -> list[Outlet]:
        records = folding.log([event], self.shard.next_offset)
        self.records += records
        said = self.shard.apply(records).outlets
        self.said += said
        for request in requests(said):
            self.asked.append(request)
            answer = self.answers(request, self.period)
            if answer is not None:
                self.tell(as_event(answer, self.period))
        return said

    def go_on(self, periods: int, *shift: float, n: int = 30) -> None:
        """Soundings of some periods, each cell `shift` off what is true."""
        for _ in range(periods):
            self.tell(sounding(self.period, n, shift=shift or (0.0, 0.0), element=(A, B)[self.period % 2]))
            self.period += 1

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(out.value) for out in self.said if out.kind == kind]

    def updates(self, change: str) -> list[dict[str, Any]]:
        return [body for body in self.told("updates") if body["change"] == change]

    def error(self, *shift: float) -> float:
        """Median absolute error of what is expected, against what is true."""
        other = sounding(10_000, 400, shift=shift or (0.0, 0.0))
        off = np.array(other["rsrp"]) - self.twin.expect(np.array(other["positions"])).mean
        return float(np.median(np.abs(off)))


def with_map(**more: Any) -> Story:
    """A twin that has its first map and has used it for ten hours."""
    story = Story(**more)
    story.go_on(44)
    assert [request.reason for request in story.asked] == [NO_MAP]
    assert story.twin.tier == "ray-traced"
    return story


# Expecting ------------------------------------------------------------------------------------------------------------


def test_without_a_map_it_expects_by_path_loss_and_asks_for_one() -> None:
    story = Story(lambda request, period: None)
    story.go_on(2)
    assert not story.asked, "sixty positions are too few"
    story.go_on(1)
    (request,) = story.asked
    assert (request.region, request.scene, request.frequency, request.reason) == (REGION, SCENE, 3.5e9, NO_MAP)
    assert (request.base_version, request.posterior, request.tier) == (0, None, "ray-traced")
    assert request.cells == radio_cells()
    assert request.touched == CELLS
    assert len(request.soundings.positions) == 90
    west, south, east, north = request.area
    assert all(west < x < east and south < y < north for x, y, _ in request.soundings.positions)
    assert (story.twin.tier, story.twin.tier_of(CELLS[0])) == ("empirical", "empirical")
    assert story.shard.counts["sounding.empirical"] == 3 * 30 * 2
    assert request.error_db == pytest.approx(story.twin.error_db(), abs=3.0)


def test_a_map_takes_over_where_it_reaches() -> None:
    story = with_map()
    assert story.error() < 1.0
    before = dict(story.shard.counts)
    away = 40 * HALF_M
    story.tell(sounding(story.period, 2, positions=[[0.0, 0.0, 1.5], [away, 0.0, 1.5]], rsrp=[[-90.0, -90.0]] * 2))
    after = story.shard.counts
    assert after["sounding.ray-traced"] - before["sounding.ray-traced"] == 2
    assert after["sounding.empirical"] - before["sounding.empirical"] == 2
    expected = story.twin.expect(np.array([[0.0, 0.0, 1.5], [away, 0.0, 1.5]]))
    assert expected.traced.tolist() == [[True, True], [False, False]]
    assert (expected.sigma[1] > expected.sigma[0]).all(), "the lower tier states the larger error"


def test_a_cell_that_the_map_does_not_know_has_the_lower_tier_and_wants_a_map() -> None:
    story = with_map()
    new = f"{A},NRCellDU=2"
    attributes = declared()["entities"][1]["attributes"] | {"x_m": 0.0}
    story.tell(declared() | {"id": "more", "entities": [{"dn": new, "kind": "cell", "attributes": attributes}]})
    assert (story.twin.tier_of(new), story.twin.tier_of(CELLS[0])) == ("empirical", "ray-traced")
    assert not story.twin.expect(np.zeros((1, 3))).traced[0, [c.dn for c in story.twin.region.cells].index(new)]
    story.go_on(4)
    assert (story.asked[-1].reason, story.asked[-1].touched) == (NEW_CELLS, [new])
    assert len(story.updates("calibrated")) == 2, "an answer for it needs not be better for the others"


@pytest.mark.parametrize("cells", [CELLS[:1], CELLS[1:], [*CELLS, f"{A},NRCellDU=7"], []])
def test_an_answer_may_come_while_the_inventory_changes(cells: list[str]) -> None:
    story = Story(lambda request, period: None)
    story.go_on(3)
    gone = {"id": "fewer", "time": declared()["time"], "entities": [], "removed": [c for c in CELLS if c not in cells]}
    attributes = declared()["entities"][1]["attributes"]
    new = [{"dn": cell, "kind": "cell", "attributes": attributes} for cell in cells if cell not in CELLS]
    story.tell(gone | {"entities": new})
    assert story.twin.memory.cells == [cell.dn for cell in story.twin.region.cells]
    assert len(story.twin.memory) == 90
    story.twin.error_db()
    story.tell(as_event(result(story.asked[0]), 3))
    assert story.twin.tier == ("ray-traced" if cells else "empirical")
    story.go_on(8)
    other = folding.new_shard(CONFIG)
    other.restore(story.shard.snapshot())
    assert other.digest() == story.shard.digest()


def test_regions_without_a_scene_and_cells_without_a_place_are_none_of_its_business() -> None:
    story = Story()
    story.tell(sounding(0, element="SubNetwork=2,ManagedElement=q"))
    assert story.shard.counts["sounding.no-scene"] == 1
    story.tell(declared(x_m=None))
    story.tell(sounding(1))
    assert story.shard.counts["sounding.no-cell"] == 1
    assert not story.asked
    story.tell({"id": "gone", "time": declared()["time"], "entities": [], "removed": [REGION]})
    assert not story.shard.radio


def test_where_bursts_are_off_none_is_asked_for() -> None:
    story = Story(config=msgspec.structs.replace(CONFIG, radio_bursts=False))
    story.go_on(10)
    assert not story.asked
    assert story.shard.counts["sounding"] == 10


def test_more_soundings_than_are_remembered_are_not_waited_for() -> None:
    story = Story(config=msgspec.structs.replace(CONFIG, burst_min_soundings=10**6))
    story.go_on(20, n=60)
    assert len(story.asked) == 1
    assert len(story.asked[0].soundings.positions) == 1000


def test_a_sounding_that_comes_twice_counts_once_and_a_late_one_changes_nothing_but_the_memory() -> None:
    story = Story(lambda request, period: None)
    story.go_on(12)
    before = state(story.shard, "next_offset", "counts", "newest_event", "offset")
    story.tell(sounding(5, element=B))
    assert differing(before, state(story.shard, "next_offset", "counts", "newest_event", "offset")) == []
    assert story.shard.counts["duplicate"] == 1
    remembered = len(story.twin.memory)
    story.tell(sounding(6, 2, id="late"))
    story.tell(sounding(0, 2, id="much too late"))
    assert story.shard.counts["sounding.late"] == 2
    assert len(story.twin.memory) == remembered + 2


def test_fidelity_is_told_once_an_hour_with_and_without_line_of_sight() -> None:
    story = with_map()
    bodies = [body for body in story.told("fidelity") if body["context"]]
    assert {body["context"] for body in bodies} == {"los", "nlos"}
    assert {body["counter"] for body in bodies} == {COUNTER}
    last = [body for body in bodies if body["tier"] == "ray-traced"][-2:]
    assert all(0.5 < body["score"] <= 1.0 and set(body["worst"]) <= set(CELLS) for body in last)
    times = [body["time"] for body in bodies if body["context"] == "los"]
    assert len(set(times)) == len(times)
    hours = {to_ms(msgspec.convert(time, folding.datetime)) % 3_600_000 for time in times}
    assert hours == {0}


def test_agreement_is_kept_apart_by_line_of_sight() -> None:
    agreement, rng = Agreement(), np.random.default_rng(1)
    sight = np.array([[True], [True], [False], [False]])
    for _ in range(20):
        mean = rng.normal(-80, 5, (4, 1))
        off = np.where(sight, 1.0, 5.0)
        agreement.take(["a"], mean + off, Expectation(mean, np.ones_like(mean), sight, sight))
        agreement.close()
    parts = agreement.fidelity.parts()
    np.testing.assert_allclose(parts.error, [1.0, 5.0])
    np.testing.assert_allclose(parts.coverage, [1.0, 0.0])
    assert agreement.last["a"] == pytest.approx(3.0)


# Noticing and asking --------------------------------------------------------------------------------------------------


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


# Believing ------------------------------------------------------------------------------------------------------------


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


def test_who_asks_for_its_state_is_told_how_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    story = with_map()
    (found,) = objects(story.shard, REGION, subtree=False)
    told = found["radio"]
    assert (told["tier"], told["version"], told["cells"], told["scene"]) == ("ray-traced", 1, len(CELLS), SCENE)
    assert told["error_db"] < 1.5
    assert "radio" not in objects(story.shard, CELLS[0], subtree=False)[0]
    for more in ({}, {"burst": "burst/1"}, {"wants": DRIFT, "on_probation": True, "error_db": None}):
        show_state({"at": None, "source": "the log", "objects": [found | {"radio": told | more}]})
    shown = capsys.readouterr().out
    assert "ray-traced" in shown
    assert "waits for burst/1" in shown
    assert "wants a burst: drift" in shown


# The same however it was cut ------------------------------------------------------------------------------------------


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


def test_event_times_are_the_soundings() -> None:
    story = with_map()
    assert story.asked[0].time == from_ms(ms_of(2) + 450_000)
    assert story.asked[0].since == from_ms(ms_of(0) + 450_000)
