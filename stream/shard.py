"""One partition's twin: a pure fold over the log. No I/O, no clock, no randomness.

    effects = shard.apply(records)

The state after a record depends on the records before it and on nothing else, least of all on how the transport cut
them into batches. Three moments keep it so:

* on arrival a report's values are written and its cells' congestion predicted, with parameters that are frozen;
  any number of reports can be done at once (`stream.arrival`);
* when all but a few elements have reached a period, that whose lateness has run out by then is closed: residuals,
  drift, fidelity, learning, all from complete columns (`twin.pace`, `stream.closing`);
* inventory, alarms and whatever else is rare is applied one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from models.scoring import Matured
from stream import shard_state
from stream.admission import admit
from stream.alarms.desk import AlarmDesk
from stream.alarms.standing import REMEMBERED
from stream.arrival import Admitted, arrive
from stream.changes import apply_event, apply_together, waits_for_no_report
from stream.channel import Channel
from stream.config import ShardConfig
from stream.failing.failures import Failing
from stream.failing.failures import Matured as MaturedFailures
from stream.failing.links import Fades
from stream.handovers.folding import Handovers
from stream.handovers.neighbours_heard import NeighboursHeard
from stream.inventories import Inventories
from stream.outlets import rejected
from stream.prepare import OtherEvent, PreparedReport, Together, prepare
from stream.registry.desk import ModelDesk
from stream.topics import INBOX
from twin import snapshot
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Alarm
from twin.log import LogRecord, Outlet
from twin.radio.twin import RadioTwin
from twin.repeats import Repeats
from twin.rows import Effects
from twin.state import Table
from twin.topology import Topology
from twin.totals import Totals


class Shard:
    """The twin of one partition.

    Args:
        partition: Which one.
        config: See `ShardConfig`.
        catalogue: The counters it knows.
    """

    def __init__(self, partition: int, config: ShardConfig, catalogue: Catalogue) -> None:
        self.partition = partition
        self.config = config
        self.catalogue = catalogue
        self.next_offset = 0
        self.revision = 0
        self.topology = Topology()
        self.tables: dict[int, Table] = {}
        self.channels: dict[tuple[int, str], Channel] = {}
        self.alarms: dict[str, Alarm] = {}
        self.repeats = Repeats(REMEMBERED)
        self.alarm_desk = AlarmDesk(config.alarms)
        """How those alarms stand."""
        self.totals = Totals()
        self.inventories = Inventories()
        self.radio: dict[str, RadioTwin] = {}
        """By region that declares a scene and has sent soundings."""
        self.models = ModelDesk()
        self.newest_event = -1
        """Event time of the newest event that is no report [ms]."""
        self.counts: Counter[str] = Counter()
        self.matured: list[tuple[str, int, Matured]] = []
        """Labels that matured in the last `apply`: `(target, end [ms], labels)`."""
        self.failing = Failing(config)
        self.fades = Fades(config)
        self.handovers = Handovers(config)
        self.neighbours_heard = NeighboursHeard()
        self.others: list[Outlet] = []
        """Events for all other partitions, from the last `apply`."""
        self.matured_failures: list[MaturedFailures] = []
        """The same of failures."""
        self.run: list[Admitted] = []
        """Reports that wait to be written together, and the objects they speak of."""
        self.in_run: set[str] = set()
        self._out: list[tuple[int, Outlet]] = []
        self.position = 0

    def apply(self, records: Sequence[LogRecord]) -> Effects:
        """Fold records into the state; those already applied are passed over.

        Args:
            records: Of this partition, in order, without a hole.

        Returns:
            What they cause: outlets in the order of the log, rows for the history.
        """
        effects = Effects()
        self.others = effects.others
        self._out, self.matured, self.matured_failures, self.models.matured = [], [], [], []
        fresh = [r for r in records if r.offset >= self.next_offset]
        for position, item in enumerate(prepare(fresh, self.catalogue, self.config.future_tolerance_ms)):
            self.position = position
            try:
                if isinstance(item, PreparedReport):
                    admit(self, item, effects)
                elif isinstance(item, OtherEvent):
                    if not waits_for_no_report(self, item):
                        self.flush(effects)
                    apply_event(self, item)
                elif isinstance(item, Together):
                    if not waits_for_no_report(self, item):
                        self.flush(effects)
                    apply_together(self, item)
                else:
                    raise item.error
            except BadInput as error:
                self.counts[f"rejected.{error.reason}"] += 1
                self.emit(rejected(INBOX.name, item.record, error))
        self.flush(effects)
        if fresh:
            self.next_offset = fresh[-1].offset + 1
        # Predictions are made run by run, other outlets at once: put both back into the order of the log.
        self._out.sort(key=lambda pair: pair[0])
        effects.outlets.extend(o for _, o in self._out)
        return effects

    def snapshot(self) -> bytes:
        """The whole state, see `twin.snapshot`."""
        return snapshot.pack(*shard_state.dump(self))

    def restore(self, body: bytes) -> None:
        """Put a snapshot into this shard, which must be empty.

        Raises:
            SnapshotError: It is damaged, of another version, or was made under other settings.
        """
        shard_state.load(self, *snapshot.unpack(body))

    def digest(self) -> str:
        """A fingerprint of the whole state: equal after equal logs."""
        return shard_state.digest(self)

    def reports(self, name: str) -> bool:
        """Whether an object has reported here."""
        return any(table.row(name) is not None for table in self.tables.values())

    def emit(self, out: Outlet, position: int | None = None) -> None:
        """Queue an outlet; `position` is that of the record it answers, by default the current one."""
        self._out.append((self.position if position is None else position, out))

    def flush(self, effects: Effects) -> None:
        """Write and predict what has been admitted and waits."""
        if self.run:
            arrive(self, self.run, effects)
            self.run = []
            self.in_run.clear()
