"""The desk: what may be committed is answered, what is obsolete is not computed, and nothing is forgotten."""

from __future__ import annotations

import random

import pytest

from stream.burst.desk import Desk, Open
from tests.unit.burst_jobs import request
from twin.radio.events import BurstControl


def control(number: int) -> BurstControl:
    return BurstControl(id="cancel", request=request(number).id)


def running(desk: Desk) -> Open | None:
    one = desk.next()
    if one is not None:
        one.running = True
    return one


def level(desk: Desk) -> Desk:
    for partition in range(4):
        desk.read_up_to(partition, 0)
    return desk


def other(number: int, region: str = "") -> object:
    return request(number, region=region or f"SubNetwork=R{number}")


def test_an_offset_is_committed_when_it_and_all_before_it_are_answered() -> None:
    desk = Desk()
    desk.assigned({0})
    ones = [desk.request(0, n, request(n, region=f"SubNetwork=R{n}")) for n in range(3)]
    assert desk.commits() == {0: 0}
    for position, expected in ((1, {0: 0}), (0, {0: 2}), (2, {0: 3})):
        one = ones[position]
        assert one is not None
        desk.answered(one)
        assert desk.commits() == expected
    desk.committed({0: 3})
    assert desk.commits() == {}
    desk.nothing(0, 3)
    assert desk.commits() == {0: 4}


def test_nothing_is_begun_before_all_is_read() -> None:
    desk = Desk()
    desk.request(0, 0, request(0))
    desk.read_up_to(0, 2)
    assert desk.next() is None
    desk.request(0, 1, request(1))
    desk.read_up_to(0, 2)
    (old,) = desk.stopped()
    assert (old.request.id, old.stop) == (request(0).id, f"superseded by {request(1).id}")
    new = running(desk)
    assert new is not None
    assert new.request.id == request(1).id
    assert desk.next() is None


def test_a_full_desk_begins_with_what_it_has() -> None:
    desk = Desk(most=3)
    for n in range(3):
        desk.request(0, n, request(n, region=f"SubNetwork=R{n}"))
    desk.read_up_to(0, 100)
    assert desk.full()
    one = running(desk)
    assert one is not None
    desk.answered(one)
    assert not desk.full()
    assert desk.next() is None


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_which_of_two_is_obsolete_is_a_matter_of_their_time(order: tuple[int, int]) -> None:
    desk = Desk()
    for offset, number in enumerate(order):
        desk.request(0, offset, request(number))
    assert [one.request.id for one in desk.stopped()] == [request(0).id]


def test_other_regions_are_no_reason_to_stop() -> None:
    desk = Desk()
    desk.request(0, 0, request(0, region="SubNetwork=A"))
    desk.request(0, 1, request(1, region="SubNetwork=B"))
    assert not desk.stopped()


def test_what_runs_is_stopped_too_and_answered_by_whoever_runs_it() -> None:
    desk = Desk()
    desk.request(0, 0, request(0))
    desk.read_up_to(0, 1)
    one = running(desk)
    assert one is not None
    assert not one.unwanted()
    assert desk.control(0, 1, control(0)) is one
    assert one.unwanted()
    assert not desk.stopped()
    assert desk.control(0, 2, control(0)) is None, "once is enough"
    assert desk.control(0, 3, control(7)) is None
    assert desk.commits() == {0: 0}
    desk.answered(one)
    assert desk.commits() == {0: 4}


def test_the_same_request_again_is_the_same_work() -> None:
    desk = Desk()
    one = desk.request(0, 0, request(0))
    assert one is not None
    assert desk.request(0, 1, request(0)) is None
    assert len(desk) == 1
    desk.answered(one)
    assert desk.commits() == {0: 2}
    assert desk.request(0, 2, request(0)) is None
    assert len(desk) == 0
    assert desk.commits() == {0: 3}


def test_after_a_rebalance_what_stays_goes_on_and_what_goes_is_given_up() -> None:
    desk = Desk()
    desk.assigned({0, 1})
    for partition in (0, 1):
        desk.request(partition, 5, request(partition, region=f"SubNetwork=R{partition}"))
        desk.read_up_to(partition, 6)
    stays, goes = running(desk), running(desk)
    assert stays is not None
    assert goes is not None
    desk.assigned({0})
    assert (stays.unwanted(), goes.unwanted(), len(desk)) == (False, True, 1)
    assert desk.commits() == {}
    # It is read again from where the broker has it; a later record must not let the broker forget it.
    desk.nothing(0, 7)
    assert desk.commits() == {0: 5}
    assert desk.request(0, 5, stays.request) is None
    desk.answered(stays)
    assert desk.commits() == {0: 6}
    desk.dropped(goes)
    # And back: it is another's no more, and computed anew.
    desk.assigned({0, 1})
    assert desk.request(1, 5, goes.request) is not None


def test_a_request_that_comes_back_while_its_old_work_ends() -> None:
    desk = Desk()
    desk.assigned({0})
    desk.request(0, 0, request(0))
    desk.read_up_to(0, 1)
    old = running(desk)
    assert old is not None
    desk.assigned(set())
    desk.assigned({0})
    new = desk.request(0, 0, request(0))
    assert new is not None
    assert new is not old
    desk.dropped(old)
    assert len(desk) == 1
    desk.read_up_to(0, 1)
    assert running(desk) is new


def test_a_log_that_begins_anew_is_read_from_its_beginning() -> None:
    desk = Desk()
    desk.assigned({0})
    before = desk.request(0, 500, request(0, region="SubNetwork=R0"))
    assert before is not None
    desk.assigned({0})
    after = desk.request(0, 0, request(1, region="SubNetwork=R1"))
    assert after is not None
    assert desk.commits() == {0: 0}
    desk.answered(after)
    assert desk.commits() == {0: 1}
    desk.answered(before)
    assert desk.commits() == {0: 1}


def test_whatever_happens_only_what_is_answered_is_committed_and_all_is_answered_in_the_end() -> None:
    for seed in range(60):
        rng = random.Random(seed)
        log = [request(rng.randrange(12), region=f"SubNetwork=R{rng.randrange(3)}") for _ in range(30)]
        log = [request(n, region=one.region, id=f"{one.region}/{n}") for n, one in enumerate(log)]
        log += [rng.choice(log) for _ in range(6)]
        desk, answered, committed, position = Desk(), set[str](), 0, 0
        busy: list[Open] = []
        desk.assigned({0})
        for _ in range(2000):
            what = rng.choice("readread begin answer commit rebalance")
            if what in "read" and position < len(log):
                desk.request(0, position, log[position])
                position += 1
                desk.read_up_to(0, len(log))
            elif what == "b" and len(busy) < 2:
                busy += [one for one in [running(desk)] if one is not None]
            elif what == "a":
                stopped = [one for one in desk.stopped() if one not in busy]
                for one in busy[:1] + stopped:
                    desk.answered(one)
                    answered.add(one.request.id)
                busy = busy[1:]
            elif what == "c":
                offsets = desk.commits()
                desk.committed(offsets)
                committed = offsets.get(0, committed)
                assert all(one.id in answered for one in log[:committed])
            elif what == "n" and rng.random() < 0.1:
                desk.assigned({0})
                position = committed
        assert answered == {one.id for one in log}, seed
        assert desk.commits().get(0, committed) == len(log), seed
