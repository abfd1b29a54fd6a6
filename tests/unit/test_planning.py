"""When bursts are asked for: put together, waited for, one at a time, never for ever at the same pace."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.radio.planning import DRIFT, NEW_CELLS, NO_MAP, Planner, PlanSettings, Want

HOUR = 3_600_000
SETTINGS = PlanSettings(
    min_soundings=90, gather_ms=HOUR // 2, patience_ms=6 * HOUR, cooldown_ms=HOUR, deadline_ms=4 * HOUR
)
ENOUGH = SETTINGS.min_soundings


def drift(at: int, *, since: int | None = None, cell: str = "a", **more: Any) -> Want:
    begun = at - HOUR if since is None else since
    return Want(reason=DRIFT, at=at, since=begun, drifts=[f"{cell}/{at}"], touched=[cell], **more)


def asked(planner: Planner, now: int) -> Want:
    assert planner.due(now, ENOUGH)
    return planner.ask(f"burst/{now}", now)


def test_alarms_of_one_change_join() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0, cell="b", area=(0.0, 0.0, 25.0, 25.0)))
    planner.note(drift(HOUR // 4, since=-3 * HOUR, cell="a", area=(50.0, -25.0, 75.0, 0.0)))
    want = asked(planner, HOUR // 2)
    assert want.touched == ["a", "b"]
    assert want.drifts == ["b/0", f"a/{HOUR // 4}"]
    assert want.since == -3 * HOUR
    assert want.area == (0.0, -25.0, 75.0, 25.0)
    want.join(drift(0, cell="c"))
    assert want.area is None, "a whole cell is heard everywhere"


def test_it_waits_for_others_for_soundings_and_at_last_does_with_fewer() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0))
    assert not planner.due(SETTINGS.gather_ms - 1, ENOUGH)
    assert not planner.due(SETTINGS.gather_ms, ENOUGH - 1)
    assert planner.due(SETTINGS.gather_ms, ENOUGH)
    assert not planner.due(SETTINGS.patience_ms - 1, ENOUGH // 3)
    assert planner.due(SETTINGS.patience_ms, ENOUGH // 3)
    assert not planner.due(SETTINGS.patience_ms, ENOUGH // 3 - 1)


def test_one_is_under_way_at_a_time_and_the_next_waits_after_the_answer() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0))
    asked(planner, HOUR)
    planner.note(drift(HOUR, cell="b"))
    assert not planner.due(3 * HOUR, ENOUGH)
    planner.answered(3 * HOUR)
    assert not planner.due(4 * HOUR - 1, ENOUGH)
    assert asked(planner, 4 * HOUR).touched == ["b"], "what came up meanwhile is a question of its own"


def test_without_an_answer_it_is_lost_and_wanted_again_with_what_came_up_meanwhile() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0))
    asked(planner, HOUR)
    planner.note(Want(reason=NO_MAP, at=2 * HOUR, since=-9 * HOUR, touched=["b"]))
    assert planner.overdue(HOUR + SETTINGS.deadline_ms) == ""
    assert planner.overdue(HOUR + SETTINGS.deadline_ms + 1) == f"burst/{HOUR}"
    assert planner.overdue(99 * HOUR) == "", "lost once"
    want = asked(planner, 6 * HOUR)
    assert (want.touched, want.lost, want.since) == (["a", "b"], 1, -9 * HOUR)


def test_what_comes_to_nothing_again_and_again_is_asked_once_a_day_until_something_new_happens() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0))
    now = HOUR
    for _ in range(SETTINGS.attempts):
        asked(planner, now)
        now += HOUR
        planner.answered(now, again=True)
        now += SETTINGS.cooldown_ms
    assert not planner.due(now, ENOUGH)
    assert not planner.due(now - SETTINGS.cooldown_ms + SETTINGS.retry_ms - 1, ENOUGH)
    assert planner.due(now - SETTINGS.cooldown_ms + SETTINGS.retry_ms, ENOUGH)
    planner.note(drift(now, cell="b"))
    assert planner.due(now, ENOUGH), "another drift is another reason"


def test_a_cell_with_another_reason_is_withdrawn_and_the_last_takes_the_burst_along() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0, cell="a"))
    planner.note(drift(0, cell="b"))
    planner.withdraw("c")
    planner.withdraw("a")
    assert planner.want is not None
    assert planner.want.touched == ["b"]
    planner.withdraw("b")
    assert planner.want is None
    planner.note(Want(reason=NO_MAP, at=0, since=0, touched=["a"]))
    planner.withdraw("a")
    assert planner.want is not None, "a first map is wanted whatever has failed"


def test_one_tile_alone_waits_for_another_or_a_whole_cell_and_is_let_go_at_last() -> None:
    for other in (drift(HOUR, cell="b", tiles=[(0, 1)]), drift(HOUR, cell="b")):
        planner = Planner(SETTINGS)
        planner.note(drift(0, cell="a", tiles=[(0, 0)]))
        planner.note(drift(0, cell="c", tiles=[(0, 0)]))
        planner.let_go(SETTINGS.patience_ms - 1)
        assert not planner.due(HOUR, ENOUGH), "several cells in one place may be one user"
        planner.note(other)
        assert planner.due(HOUR, ENOUGH)
        planner.let_go(SETTINGS.patience_ms)
        assert planner.want is not None
    planner = Planner(SETTINGS)
    planner.note(drift(0, tiles=[(0, 0)]))
    planner.let_go(SETTINGS.patience_ms)
    assert planner.want is None


def test_off_means_off() -> None:
    planner = Planner(msgspec.structs.replace(SETTINGS, wanted=False))
    planner.note(drift(0))
    assert not planner.due(99 * HOUR, 10**6)


def test_new_cells_are_what_it_is_about_whatever_it_joins() -> None:
    planner = Planner(SETTINGS)
    planner.note(drift(0))
    planner.note(Want(reason=NEW_CELLS, at=0, since=0, touched=["new"]))
    assert planner.want is not None
    assert (planner.want.reason, planner.want.touched) == (NEW_CELLS, ["a", "new"])


steps = st.lists(
    st.tuples(st.sampled_from(["note", "ask", "answer", "again", "late"]), st.integers(1, 10)), max_size=40
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_whatever_happens_it_keeps_its_rules_and_survives_a_restart(taken: list[tuple[str, int]]) -> None:
    planner, now, last_answer, ids = Planner(SETTINGS), 0, -10 * HOUR, []
    for what, hours in taken:
        now += hours * HOUR
        if what == "note":
            planner.note(drift(now))
        elif what == "ask" and planner.due(now, ENOUGH):
            assert now - last_answer >= SETTINGS.cooldown_ms, "it rests between an answer and the next question"
            planner.ask(f"burst/{now}", now)
            ids.append(f"burst/{now}")
        elif what in ("answer", "again") and planner.asked is not None:
            planner.answered(now, again=what == "again")
            last_answer = now
            assert (planner.want is not None) >= (what == "again")
        elif what == "late":
            lost = planner.overdue(now)
            assert not lost or planner.want is not None
        assert not (planner.asked and planner.due(now, 10**6)), "never two at once"
        other = Planner(SETTINGS)
        other.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(planner.state())))
        assert other.state() == planner.state()
    assert len(set(ids)) == len(ids)
