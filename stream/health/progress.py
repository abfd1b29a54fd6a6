"""How far one partition has come: facts for the watchdog, counts for the metrics. Told once a batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

from infra import metrics as m
from infra.meters import Metrics
from stream.alarms.telling import change_of
from stream.engine.patience import Step, Waits
from twin.alarm_events import HELD
from twin.errors import REASONS
from twin.sync import Arrival

if TYPE_CHECKING:
    from stream.shard import Shard
    from twin.log import LogRecord
    from twin.rows import Effects

ARRIVALS = tuple(arrival.value for arrival in Arrival)
REJECTIONS = {f"rejected.{reason}": reason for reason in REASONS}
SUPPRESSED = {f"alarm.held.{reason}": reason for reason in HELD}


class Phase(StrEnum):
    """What a partition's fold is about."""

    CLAIMING = "claiming"
    RESTORING = "restoring"
    CATCHING_UP = "catching up"
    WORKING = "working"


class Progress(Waits):
    """What is known of one partition's fold.

    Attributes:
        folded: Offset after the last record that is in the state; None before it is restored.
        committed: Offset after the last record whose effects are in the database; None before it is claimed.
        log_end: Offset after the log's newest record, as last asked; None before that.
        advanced_at: When it last got work done, or when it had none [s].
        event_time: End of the newest period that half of the elements have reached [ms since 1970]; None before one.
        snapshot_at: When this worker last stored the state [s]; None before that.
        snapshot_offset, snapshot_bytes: Of what it stored.

    Args:
        clock: Monotonic [s].
    """

    def __init__(self, partition: int, metrics: Metrics | None = None, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(f"partition {partition}", clock, self._retried)
        self.partition = partition
        self.clock = clock
        self._metrics = metrics or Metrics()
        self.shard: Shard | None = None
        self.phase = Phase.CLAIMING
        self.folded: int | None = None
        self.committed: int | None = None
        self.log_end: int | None = None
        self.advanced_at = clock()
        self.event_time: int | None = None
        self.snapshot_at: float | None = None
        self.snapshot_offset: int | None = None
        self.snapshot_bytes = 0
        self._furthest = -1
        self._counts: Counter[str] = Counter()

    # Told by the fold ----------------------------------------------------------------------------------------------

    def enter(self, phase: Phase) -> None:
        """The fold does something else from now on. That alone is no progress: one may claim again and again."""
        self.phase = phase

    def restored(self, shard: Shard, committed: int) -> None:
        """The partition is claimed and the newest snapshot is in the shard."""
        self.shard, self.committed = shard, committed
        self._counts = shard.counts.copy()
        self._stands_at(shard)

    def caught_up(self, shard: Shard, records: int) -> None:
        """Records were folded whose effects are in the database already."""
        self._metrics.count(m.RECORDS_FOLDED, records, str(self.partition))
        self._counts = shard.counts.copy()
        self._stands_at(shard)

    def applied(self, shard: Shard, records: Sequence[LogRecord], effects: Effects) -> None:
        """Records were folded; their effects are on their way."""
        self._metrics.count(m.RECORDS_FOLDED, len(records), str(self.partition))
        self._metrics.count(m.CELL_PERIODS, sum(len(block.time) for block in effects.history))
        self._count(shard.counts)
        for kind, number in Counter(out.kind for out in effects.outlets).items():
            self._metrics.count(m.OUTLETS, number, kind)
        for change, number in Counter(change_of(out.id) for out in effects.outlets if out.kind == "alarms").items():
            self._metrics.count(m.ALARM_CHANGES, number, change)
        self._stands_at(shard)

    # Told by the landing -------------------------------------------------------------------------------------------

    def published(self, seconds: float) -> None:
        """The broker has the outlets of what is being landed."""
        self._metrics.observe(m.PUBLISH, seconds)

    def landed(self, before: int, after: int, snapshot_bytes: int | None, seconds: float) -> None:
        """The database has everything up to `after`."""
        self.committed = after
        self._advance(after)
        self._metrics.observe(m.TRANSACTION, seconds)
        self._metrics.observe(m.BATCH, after - before)
        if snapshot_bytes is not None:
            self.snapshot_at, self.snapshot_offset, self.snapshot_bytes = self.clock(), after, snapshot_bytes
            self._metrics.count(m.SNAPSHOTS)

    def fenced(self) -> None:
        """A write was refused: somebody else owns the partition."""
        self._metrics.count(m.FENCED)

    def ticked(self) -> None:
        """A tick was written."""
        self._metrics.count(m.TICKS)

    # Told by the watch ---------------------------------------------------------------------------------------------

    def log_ends_at(self, end: int) -> None:
        """The log has been asked how far it goes."""
        if self.phase is Phase.WORKING and not self.behind():
            # Until now there was nothing to do: only from now on can it be late with it.
            self.advanced_at = self.clock()
        self.log_end = end

    def behind(self) -> bool:
        """Whether something is known that is not committed."""
        known = max(self.log_end or 0, self.folded or 0)
        return self.committed is not None and known > self.committed

    # -----------------------------------------------------------------------------------------------------------------

    def _stands_at(self, shard: Shard) -> None:
        if self.phase is Phase.WORKING and not self.behind():
            self.advanced_at = self.clock()
        self.folded = shard.next_offset
        if self.phase is not Phase.WORKING:
            self._advance(shard.next_offset)
        reached = [table.pace.pace * granularity for granularity, table in shard.tables.items() if table.pace.pace >= 0]
        self.event_time = max(reached, default=None)

    def _advance(self, offset: int) -> None:
        if offset > self._furthest:
            self._furthest, self.advanced_at = offset, self.clock()

    def _count(self, counts: Counter[str]) -> None:
        before, self._counts = self._counts, counts.copy()
        for kind in ARRIVALS:
            if new := counts[kind] - before[kind]:
                self._metrics.count(m.ARRIVALS, new, kind)
                self._metrics.count(m.REPORTS, new)
        if new := counts["missing_periods"] - before["missing_periods"]:
            self._metrics.count(m.MISSING, new)
        for key, reason in REJECTIONS.items():
            if new := counts[key] - before[key]:
                self._metrics.count(m.REJECTED, new, "fold", reason)
        for key, reason in SUPPRESSED.items():
            if new := counts[key] - before[key]:
                self._metrics.count(m.ALARMS_SUPPRESSED, new, reason)

    def _retried(self, step: Step) -> None:
        self._metrics.count(m.RETRIES, 1, step.name)


class SourceProgress(Waits):
    """What is known of one source topic's ingest.

    Args:
        kind: Of the source, a key of `SOURCES`.
    """

    def __init__(self, kind: str, metrics: Metrics | None = None, clock: Callable[[], float] = monotonic) -> None:
        super().__init__(f"source {kind}", clock, self._retried)
        self.kind = kind
        self.messages = 0
        self._metrics = metrics or Metrics()

    def ingested(self, verdicts: Sequence[str]) -> None:
        """Messages were written to the log or rejected: one verdict each, empty or beginning with the reason."""
        self.messages += len(verdicts)
        self._metrics.count(m.INGESTED, verdicts.count(""), self.kind)
        for reason, number in Counter(v.partition(":")[0] for v in verdicts if v).items():
            self._metrics.count(m.REJECTED, number, "ingest", reason if reason in REASONS else "other")

    def _retried(self, step: Step) -> None:
        self._metrics.count(m.RETRIES, 1, step.name)
