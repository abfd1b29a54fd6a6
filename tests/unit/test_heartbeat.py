"""A loop that doesn't run is told from a process that was stopped."""

from __future__ import annotations

from watching import Clock

from stream.health.heartbeat import Heartbeat, Stall


def test_a_loop_that_stands_still_is_seen_second_by_second() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    stall = Stall(heartbeat, clock)
    for _ in range(40):
        clock.seconds += 1
        stall.look()
    assert stall.seconds == 40
    heartbeat.beat()
    clock.seconds += 1
    assert stall.look() == 0


def test_a_process_that_was_stopped_is_not_a_loop_that_stands_still() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    stall = Stall(heartbeat, clock)
    clock.seconds += 3600
    assert stall.look() <= 2
    assert heartbeat.now() <= 2


def test_the_clock_runs_with_the_beats_and_never_back() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock)
    seen = [heartbeat.now()]
    for pause in (0.5, 0.5, 1.0, 1.5, 100.0, 0.25, 1.0):
        clock.seconds += pause
        seen.append(heartbeat.now())
        heartbeat.beat()
        seen.append(heartbeat.now())
    assert seen == sorted(seen)
    assert seen[-1] == 0.5 + 0.5 + 1.0 + 1.5 + 2.0 + 0.25 + 1.0
