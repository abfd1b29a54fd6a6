"""Every verdict of the watchdog, on a clock made by hand."""

from __future__ import annotations

import pytest
from watching import LIMITS, Watched, shard_at

from stream.engine.patience import CLAIM, INGEST, LOOK, PUBLISH, WRITE, patiently
from stream.health.progress import Phase, Progress
from stream.health.watchdog import State, Verdict, judge
from twin.errors import Unavailable


@pytest.fixture
def watched() -> Watched:
    return Watched()


def verdict(watched: Watched, number: int = 0) -> Verdict:
    (found,) = [v for v in watched.board.verdicts() if v.who == f"partition {number}"]
    return found


# Partitions ----------------------------------------------------------------------------------------------------------


def test_without_anything_to_do_a_partition_is_idle_for_ever(watched: Watched) -> None:
    watched.working(at=10, log_end=10)
    watched.pass_s(100_000)
    assert verdict(watched).state is State.IDLE
    assert verdict(watched).age_s == 0
    assert watched.board.not_ready(0) == []


def test_a_backlog_that_shrinks_is_not_stuck(watched: Watched) -> None:
    progress = watched.working(log_end=1_000_000)
    for offset in range(1, 21):
        watched.pass_s(59)
        assert verdict(watched).state is State.WORKING
        progress.landed(offset - 1, offset, None, 0.1)
    assert watched.board.not_ready(0) == []


def test_work_without_progress_is_stuck_after_the_limit_and_named(watched: Watched) -> None:
    watched.working(3, at=5, log_end=9)
    watched.pass_s(60)
    assert verdict(watched, 3).state is State.WORKING
    watched.pass_s(1)
    found = verdict(watched, 3)
    assert found.state is State.STUCK
    assert found.text == "no progress for 61 s: working at offset 5 of 9"
    assert found.advice == "it waits for nobody: restart the worker, and keep its log"
    (reason,) = watched.board.not_ready(0)
    assert reason == f"partition 3: {found.text}; {found.advice}"


def test_work_that_comes_after_a_long_silence_has_the_whole_limit(watched: Watched) -> None:
    progress = watched.working(at=10, log_end=10)
    watched.pass_s(10_000)
    progress.log_ends_at(11)
    watched.pass_s(60)
    assert verdict(watched).state is State.WORKING
    progress.log_ends_at(12)
    watched.pass_s(1)
    assert verdict(watched).state is State.STUCK


def test_folding_without_committing_is_no_progress(watched: Watched) -> None:
    progress = watched.working(log_end=1000)
    for offset in range(1, 62):
        watched.pass_s(1)
        progress.applied(shard_at(offset), [], _no_effects())
    assert verdict(watched).state is State.STUCK


def test_what_is_folded_and_not_committed_is_work_even_if_the_log_was_not_asked_yet(watched: Watched) -> None:
    progress = watched.working()
    progress.applied(shard_at(4), [], _no_effects())
    watched.pass_s(61)
    assert verdict(watched).state is State.STUCK


def test_catching_up_is_progress_though_nothing_is_committed(watched: Watched) -> None:
    progress = watched.board.partition(0)
    progress.restored(shard_at(0), 500)
    progress.enter(Phase.CATCHING_UP)
    for offset in range(1, 11):
        watched.pass_s(50)
        progress.caught_up(shard_at(offset), 1)
        assert verdict(watched).state is State.STARTING
    assert watched.board.not_ready(0) == ["partition 0: catching up at offset 500"]
    watched.pass_s(61)
    assert verdict(watched).state is State.STUCK


def test_claiming_again_and_again_is_no_progress(watched: Watched) -> None:
    progress = watched.working(at=7, log_end=9)
    for _ in range(10):
        watched.pass_s(7)
        progress.fenced()
        progress.enter(Phase.CLAIMING)
        progress.restored(shard_at(7), 7)
        progress.enter(Phase.WORKING)
    assert verdict(watched).state is State.STUCK


def test_time_in_which_the_process_was_stopped_does_not_count(watched: Watched) -> None:
    watched.working(log_end=1)
    watched.freeze(10_000)
    watched.pass_s(50)
    assert verdict(watched).state is State.WORKING


# What it waits for ---------------------------------------------------------------------------------------------------


def test_the_verdict_says_who_is_waited_for_since_when_and_how_often(watched: Watched) -> None:
    progress = watched.working(1, log_end=4)
    watched.pass_s(30)
    with progress.doing(LOOK), progress.doing(WRITE) as wait:
        progress.failed(wait, Unavailable("the database does not answer (timeout)"))
        watched.pass_s(35)
        found = verdict(watched, 1)
    assert found.text.endswith("offset 0 of 4, writing: waiting for the database since 35 s, 1 attempts failed")
    assert "pg_locks" in found.advice
    assert "waiting" not in verdict(watched, 1).text


@pytest.mark.parametrize(("step", "word"), [(PUBLISH, "topic's leader"), (CLAIM, "pg_stat_activity")])
def test_the_advice_is_about_who_is_waited_for(watched: Watched, step: object, word: str) -> None:
    progress = watched.working(log_end=4)
    with progress.doing(step):  # type: ignore[arg-type]
        watched.pass_s(61)
        assert word in verdict(watched).advice


def test_a_service_that_is_away_is_the_reason(watched: Watched) -> None:
    watched.working(log_end=4)
    watched.answering.discard(watched.board.database)
    watched.pass_s(15)
    assert watched.board.not_ready(0) == []
    watched.pass_s(46)
    assert verdict(watched).advice == "the database does not answer: bring it back, the partition goes on by itself"
    assert watched.board.not_ready(0)[0] == "the database has not answered for 61 s"


async def test_retries_are_seen_while_they_last() -> None:
    progress = Progress(0)
    seen = []

    async def work() -> None:
        seen.append([(wait.failed, wait.error) for wait, _ in progress.under_way()])
        if len(seen) < 3:
            raise Unavailable("gone")

    await patiently(WRITE, work, progress)
    assert seen == [[(0, "")], [(1, "gone")], [(2, "gone")]]
    assert progress.under_way() == []


# Sources -------------------------------------------------------------------------------------------------------------


def test_an_ingest_that_cannot_write_is_stuck(watched: Watched) -> None:
    source = watched.board.source("senml")
    with source.doing(INGEST):
        watched.pass_s(61)
        (found,) = watched.board.verdicts()
        assert (found.who, found.state) == ("source senml", State.STUCK)
        assert "broker" in found.advice
    assert watched.board.verdicts()[0].state is State.IDLE


# The worker ----------------------------------------------------------------------------------------------------------


def test_a_worker_without_partitions_is_ready() -> None:
    assert Watched().board.not_ready(0) == []


def test_before_the_group_has_formed_a_worker_is_not_ready() -> None:
    watched = Watched()
    watched.board.group = "joining"
    assert watched.board.not_ready(0) == ["the group has not shared out the partitions since 0 s"]
    watched.board.shared_out("rebalancing")
    assert watched.board.group == "joining"


def test_in_a_rebalance_a_worker_is_not_ready_and_after_it_when_restored(watched: Watched) -> None:
    watched.working()
    watched.board.shared_out("rebalancing")
    watched.board.gone(0)
    watched.pass_s(2)
    assert watched.board.not_ready(0) == ["rebalancing since 2 s"]
    watched.board.partition(1)
    watched.board.shared_out("settled")
    assert watched.board.not_ready(0) == ["partition 1: claiming"]
    watched.working(1)
    assert watched.board.not_ready(0) == []


def test_a_loop_that_does_not_run_is_not_ready(watched: Watched) -> None:
    assert watched.board.not_ready(30) == []
    assert watched.board.not_ready(40) == ["the event loop has not run for 40 s"]


def test_a_service_that_never_answered_is_not_there() -> None:
    watched = Watched()
    watched.board.database.ever = False
    assert watched.board.not_ready(0) == ["the database has not answered yet"]


# Restarting ----------------------------------------------------------------------------------------------------------


def test_stuck_for_too_long_with_everything_answering_asks_for_a_restart(watched: Watched) -> None:
    watched.working(2, log_end=5)
    watched.pass_s(300)
    assert watched.board.must_restart() == ""
    watched.pass_s(1)
    assert watched.board.must_restart().startswith("partition 2 is stuck though broker and database answer")


@pytest.mark.parametrize("name", ["broker", "database"])
def test_no_restart_while_a_service_is_away_nor_right_after(watched: Watched, name: str) -> None:
    watched.working(log_end=5)
    service = getattr(watched.board, name)
    watched.answering.discard(service)
    watched.pass_s(1000)
    assert watched.board.must_restart() == ""
    watched.answering.add(service)
    watched.pass_s(300)
    assert watched.board.must_restart() == ""
    watched.pass_s(2)
    assert watched.board.must_restart()


def test_zero_means_never() -> None:
    watched = Watched(LIMITS._replace(restart_s=0))
    watched.working(log_end=5)
    watched.pass_s(10_000)
    assert judge(watched.board.partitions[0], watched.board.limits).state is State.STUCK
    assert watched.board.must_restart() == ""


def _no_effects() -> object:
    from twin.rows import Effects

    return Effects()
