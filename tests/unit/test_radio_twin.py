"""What the radio twin in the fold expects and remembers, by which tier, and what it tells of that."""

from __future__ import annotations

import folding
import msgspec
import numpy as np
import pytest
from folding import A, B, differing, state
from radio_region import (
    CELLS,
    HALF_M,
    REGION,
    SCENE,
    as_event,
    declared,
    ms_of,
    radio_cells,
    result,
    sounding,
)
from radio_story import CONFIG, Story, with_map

from stream.decode import from_ms, to_ms
from stream.showing.state import show_state
from stream.state_view import objects
from twin.radio.agreement import Agreement
from twin.radio.expecting import Expectation
from twin.radio.planning import DRIFT, NEW_CELLS, NO_MAP

COUNTER = "L1M.DL-SS-RSRP"


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


def test_event_times_are_the_soundings() -> None:
    story = with_map()
    assert story.asked[0].time == from_ms(ms_of(2) + 450_000)
    assert story.asked[0].since == from_ms(ms_of(0) + 450_000)
