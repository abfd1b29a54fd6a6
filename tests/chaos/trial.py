"""One trial: workers under load, a fault done to them again and again, then the comparison."""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from infra.embedded import Postgres
from stream.topics import INBOX
from tests.chaos.audit import first_progress, longest_pause, moves
from tests.chaos.check import Verdict, compare, unread
from tests.chaos.feeder import Fed, Feeder
from tests.chaos.stand import Stand, rss_mib, wait_until
from tests.integration.pipeline import PARTITIONS, Pipeline, header
from tests.integration.worker_process import Worker
from twin.errors import LockstepError, Unavailable

if TYPE_CHECKING:
    from tests.chaos.faults import Fault

log = logging.getLogger("tests.chaos")

PROGRESS_S, CATCH_UP_S, STOP_S = 90.0, 180.0, 10.0
NEAR_S = 2.0
"""The database counts as level with the log when it has what the log had so long ago [s]."""
UNDELIVERED = re.compile(r"partition \d+: \d+ records were not delivered")


@dataclass
class Outcome:
    """What a trial of a fault showed.

    Attributes:
        tried: How often the fault was done.
        first_s: From the end of the fault to the first newly committed batch, each time [s].
        level_s: And to where the database had all of the log.
        undelivered: How often the fold had to read what Faust did not deliver.
        notes: What else was measured.
        error: Why the trial could not be ended; empty if it could.
        skipped: Why it can't be tried on this machine; empty if it can.
        pause_s: The longest time in which some partition got no newly committed batch [s].
    """

    fault: str
    what: str
    tried: int = 0
    verdict: Verdict | None = None
    first_s: list[float] = field(default_factory=list)
    level_s: list[float] = field(default_factory=list)
    undelivered: int = 0
    notes: list[str] = field(default_factory=list)
    error: str = ""
    skipped: str = ""
    pause_s: float = 0.0
    seconds: float = 0.0

    def good(self) -> bool:
        return not self.error and self.verdict is not None and self.verdict.good()


class Trial:
    """A pipeline under load that faults are done to.

    Attributes:
        rng: Seeded: which worker, which moment.
    """

    def __init__(
        self, stand: Stand, database: Postgres, pipe: Pipeline, feeder: Feeder, rng: random.Random, outcome: Outcome
    ) -> None:
        self.stand, self.database, self.pipe = stand, database, pipe
        self.feeder, self.rng, self.outcome = feeder, rng, outcome

    @property
    def workers(self) -> list[Worker]:
        """Those that run."""
        return [worker for worker in self.pipe.workers if worker.alive()]

    def any_worker(self) -> Worker:
        return self.rng.choice(self.workers)

    def note(self, text: str) -> None:
        self.outcome.notes.append(text)

    def wait(self, so: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until something is so while at least one worker runs."""

        def checked() -> bool:
            if so():
                return True
            assert self.workers, f"no worker runs any more, while waiting for {what}:\n{self.pipe.workers[-1].tail(15)}"
            return False

        try:
            wait_until(checked, timeout_s, what)
        except AssertionError as error:
            tails = "\n".join(worker.tail(12) for worker in self.workers)
            raise AssertionError(f"{error}\n{tails}") from None

    def moved(self, after: float) -> dict[int, float]:
        """When each partition got its first newly committed batch after a moment [s since 1970]."""
        return first_progress(self.pipe.dsn, after)

    def progress(self, after: float | None = None) -> float:
        """Wait for a newly committed batch in every partition; when the last of these came [s since 1970]."""
        since = time.time() if after is None else after
        self.wait(lambda: len(self.moved(since)) == PARTITIONS, PROGRESS_S, "a newly committed batch everywhere")
        return max(self.moved(since).values())

    def random_moment(self) -> None:
        """Wait until work is under way, then a little longer, by chance."""
        self.progress()
        time.sleep(self.rng.uniform(0.0, 0.5))

    def level(self) -> float:
        """Wait until the database has what the log had a moment ago; when that was [s since 1970]."""
        begin = time.time()
        while time.time() - begin < CATCH_UP_S:
            asked = time.time()
            try:
                ends = self.pipe.ends()
            except Unavailable:  # the broker has just come back
                continue
            self.wait(lambda ends=ends: self._has(ends), CATCH_UP_S, "the end of the log")
            if time.time() - asked < NEAR_S:
                return time.time()
        raise AssertionError(f"not level within {CATCH_UP_S:.0f} s")

    def _has(self, ends: dict[int, int]) -> bool:
        committed = self.pipe.committed()
        return all(committed.get(partition, 0) >= end for partition, end in ends.items())

    def recover(self, since: float) -> None:
        """Note how long recovery takes, from a moment on [s since 1970]."""
        self.outcome.first_s.append(self.progress(since) - since)
        self.outcome.level_s.append(self.level() - since)
        first, level = self.outcome.first_s[-1], self.outcome.level_s[-1]
        log.info("%s %d: first batch %.1f s, level %.1f s", self.outcome.fault, self.outcome.tried, first, level)

    def replace(self, worker: Worker) -> None:
        """Kill -9 a worker and start another, as a container's supervisor does."""
        worker.kill()
        self.pipe.start()

    def stop_cleanly(self, worker: Worker) -> float:
        """SIGTERM; how long it took [s]. Raises AssertionError if that is too long or the exit status is not 0."""
        begin = time.monotonic()
        worker.terminate()
        status = worker.wait(STOP_S)
        assert status == 0, f"exit status {status}:\n{worker.tail(15)}"
        return time.monotonic() - begin

    def memory_mib(self) -> float:
        return sum(rss_mib(worker.pid) for worker in self.workers)


class CannotTry(Exception):
    """This machine doesn't let the fault be done."""


def run(fault: Fault, stand: Stand, times: int, seed: int) -> Outcome:
    """Do a fault so many times to workers under load, then compare."""
    outcome = Outcome(fault.name, fault.what)
    rng = random.Random(f"{seed}-{fault.name}")
    begin = time.monotonic()
    try:
        with fault.around(stand) as special, stand.pipeline(**{**fault.settings, **special}) as pipe:
            fed: set[str] = set()
            source = noted(fault.feed(rng.randrange(1000)), fed)
            feeder = Feeder(pipe.bootstrap, pipe.settings.topic_prefix, source, fault.per_s, lambda: behind(pipe))
            database = special.get("database") or stand.database
            trial = Trial(stand, database, pipe, feeder, rng, outcome)
            for _ in range(fault.workers):
                pipe.start()
            fault.beside(trial)
            feeder.start()
            try:
                trial.progress()
                trial.level()
                for _ in range(times):
                    trial.random_moment()
                    outcome.tried += 1
                    feeder.waits = False
                    since = fault.do(trial)
                    feeder.waits = True
                    trial.recover(since)
            finally:
                stand.revive()
                feeder.stop()
            trial.level()
            if fault.sources:
                log_now = lambda: {header(m, "ce_id") for _, m in pipe.messages(INBOX.name)}  # noqa: E731
                trial.wait(lambda: unread(pipe, log_now()) == 0, CATCH_UP_S, "all that sources sent in the log")
                trial.level()
            fault.after(trial)
            for worker in trial.workers:
                trial.stop_cleanly(worker)
            outcome.undelivered = sum(len(UNDELIVERED.findall(w.log.read_text(errors="replace"))) for w in pipe.workers)
            outcome.pause_s = longest_pause(moves(pipe.dsn))
            outcome.verdict = compare(pipe, None if fault.sources else fed)
    except CannotTry as why:
        outcome.skipped = str(why)
    except (AssertionError, TimeoutError, RuntimeError, LockstepError) as error:
        outcome.error = str(error) or repr(error)
    outcome.seconds = time.monotonic() - begin
    return outcome


def behind(pipe: Pipeline) -> int:
    """Records of the log that the database doesn't have; -1 where that can't be told."""
    try:
        done = sum(pipe.committed().values())
        return sum(pipe.ends().values()) - done
    except (Unavailable, psycopg.OperationalError):
        return -1


def noted(source: Iterable[Fed], ids: set[str]) -> Iterator[Fed]:
    """The same; ids of what goes into the log are noted."""
    for one in source:
        if one.topic == INBOX.name:
            ids.add(dict(one.message.headers)["ce_id"].decode())
        yield one
