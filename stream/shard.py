"""One partition's twin: a pure fold over the log. No I/O, no clock, no randomness.

    effects = shard.apply(records)

The state after a record depends on the records before it and on nothing else, least of all on how the transport cut
them into batches. Three moments keep it so:

* on arrival a report's values are written and its cells' congestion predicted, with parameters that are frozen;
  any number of reports can be done at once (`stream.arrival`);
* when the first report of a new period arrives, the period whose lateness has run out is closed: residuals, drift,
  fidelity, learning, all from complete columns (`stream.closing`);
* inventory, alarms and whatever else is rare is applied one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from models.scoring import Matured
from stream import shard_state
from stream.arrival import STORED_ONLY, Admitted, arrive
from stream.channel import Channel
from stream.closing import NAMED, enter_period
from stream.config import ShardConfig
from stream.decode import from_ms
from stream.outlets import outlet, rejected
from stream.prepare import OtherEvent, PreparedReport, prepare
from stream.topics import INBOX
from twin import dn, snapshot
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Alarm, TopologyChange, TwinUpdate
from twin.log import LogRecord, Outlet
from twin.rows import CounterSet, Effects
from twin.state import Layout, Table
from twin.sync import Arrival
from twin.topology import KIND_OF_CLASS, UNKNOWN, Topology

MOST_GRANULARITIES = 32
"""Of periods; what needs more is a clock that jitters."""


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
        self.counts: Counter[str] = Counter()
        self.matured: list[tuple[str, int, Matured]] = []
        """Labels that matured in the last `apply`: `(target, end [ms], labels)`."""
        self._run: list[Admitted] = []
        self._in_run: set[str] = set()
        self._out: list[tuple[int, Outlet]] = []
        self._position = 0

    def apply(self, records: Sequence[LogRecord]) -> Effects:
        """Fold records into the state; those already applied are passed over.

        Args:
            records: Of this partition, in order, without a hole.

        Returns:
            What they cause: outlets in the order of the log, rows for the history.
        """
        effects = Effects()
        self._out, self.matured = [], []
        fresh = [r for r in records if r.offset >= self.next_offset]
        for position, item in enumerate(prepare(fresh, self.catalogue, self.config.future_tolerance_ms)):
            self._position = position
            try:
                if isinstance(item, PreparedReport):
                    self._admit(item, effects)
                elif isinstance(item, OtherEvent):
                    self._flush(effects)
                    self._other(item)
                else:
                    raise item.error
            except BadInput as error:
                self.counts[f"rejected.{error.reason}"] += 1
                self.emit(rejected(INBOX.name, item.record, error))
        self._flush(effects)
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

    def emit(self, out: Outlet, position: int | None = None) -> None:
        """Queue an outlet; `position` is that of the record it answers, by default the current one."""
        self._out.append((self._position if position is None else position, out))

    def _admit(self, item: PreparedReport, effects: Effects) -> None:
        report = item.report
        instant = item.begin == item.end
        granularity = self.config.instant_period_ms if instant else item.end - item.begin
        table = self.tables.get(granularity)
        layout = table.layout(report.element, report.objects, report.counters) if table else None
        names = [] if layout else self._check_names(report.element, report.objects)
        # A period's end may be off its grid by a little; a sample belongs to the period it falls into.
        period = -(-item.end // granularity) if instant else (item.end + granularity // 2) // granularity
        if table is None:
            if len(self.tables) >= MOST_GRANULARITIES:
                raise BadInput(
                    "too-many", f"{len(self.tables)} lengths of periods are known already: is {granularity} ms one?"
                )
            table = self.tables[granularity] = Table(granularity)
        if layout is None:
            table.check_room(report.element, report.counters)
        if period > table.now:
            self._flush(effects)
            self._enter(table, period, item.end)
        elif not self._in_run.isdisjoint(names if layout is None else layout.names):
            # Reports of the same objects are applied one after the other, whoever sends them.
            self._flush(effects)
        if layout is None:
            layout = self._new_layout(table, item, names, effects)
        arrival, missing = layout.arrivals.note(period, item.end, item.checksum(), table.closed, instant)
        self.counts[arrival.value] += 1
        if arrival is Arrival.DUPLICATE:
            return
        self.revision += 1
        if missing:
            self.counts["missing_periods"] += missing
            self._update(
                "gap", item, [report.element], {"missing_periods": missing, "granularity_s": granularity // 1000}
            )
        if layout.stale and arrival not in STORED_ONLY:
            layout.stale = False
            self._update("fresh", item, [report.element], {"granularity_s": granularity // 1000})
        self._run.append(Admitted(item, layout, table, period, arrival, self.revision, self._position))
        self._in_run.update(layout.names)

    def _check_names(self, element: str, objects: list[str]) -> list[str]:
        dn.check(element)
        names = [dn.check(dn.join(element, name)) for name in objects]
        if self.config.unknown_objects == "reject":
            unknown = [name for name in names if name not in self.topology]
            if unknown:
                raise BadInput("unknown-object", f"{unknown[0]!r} and {len(unknown) - 1} more are not in the inventory")
        return names

    def _new_layout(self, table: Table, item: PreparedReport, names: list[str], effects: Effects) -> Layout:
        report = item.report
        layout = table.add_layout(report.element, report.objects, report.counters, names)
        effects.objects.extend(table.object_rows(layout))
        effects.counter_sets.append(CounterSet(layout.counter_set, tuple(layout.counters)))
        self.bind(table, layout)
        strangers = [name for name in names if name not in self.topology]
        layout.declared = all(self.topology.declared(name) for name in names)
        for name in strangers:
            self.topology.discover(name, KIND_OF_CLASS.get(dn.object_class(name), UNKNOWN), self.revision, item.end)
        if strangers:
            self._update("discovered", item, strangers[:NAMED], {"element": report.element, "objects": len(strangers)})
        return layout

    def bind(self, table: Table, layout: Layout) -> None:
        """Give a layout its rows in the series of the counters that the twin keeps an expectation of."""
        for column, counter in enumerate(layout.counters):
            if self.catalogue.tracked(counter):
                key = (table.granularity_ms, counter)
                channel = self.channels.get(key)
                if channel is None:
                    channel = self.channels[key] = Channel(counter, table.granularity_ms, self.config)
                rows = channel.series.rows_of(layout.rows)
                channel.grow()
                layout.series.append((channel.series, column, rows))

    def _enter(self, table: Table, period: int, end: int) -> None:
        """Enter a period: first close those whose lateness has run out by that."""
        self.revision += 1
        enter_period(self, table, period, end)

    def _other(self, item: OtherEvent) -> None:
        event, record = item.event, item.record
        if isinstance(event, TopologyChange):
            changed = self.topology.apply(event, self.revision + 1)
            if changed:
                self.revision += 1
                self.counts["topology"] += 1
                self._declare(set(changed))
                self._update("topology", item, changed[:NAMED], {"id": event.id, "objects": len(changed)})
        elif isinstance(event, Alarm):
            key = f"{event.object_instance}/{event.notification_id}"
            before = self.alarms.get(key)
            if before == event or (before is None and event.perceived_severity == "CLEARED"):
                self.counts["duplicate"] += 1
                return
            self.revision += 1
            self.counts["alarm"] += 1
            if event.perceived_severity == "CLEARED":
                del self.alarms[key]
            else:
                self.alarms[key] = event
            detail: dict[str, object] = {
                "notificationId": event.notification_id,
                "perceivedSeverity": event.perceived_severity,
                "probableCause": event.probable_cause,
            }
            self._update("alarm", item, [event.object_instance], detail)
        self.counts[f"event.{record.type}"] += 1

    def _declare(self, changed: set[str]) -> None:
        """Look again which reports speak of objects that the inventory knows."""
        for table in self.tables.values():
            for layouts in table.layouts.values():
                for layout in layouts:
                    if not changed.isdisjoint(layout.names):
                        layout.declared = all(self.topology.declared(name) for name in layout.names)

    def _update(
        self, change: str, item: PreparedReport | OtherEvent, objects: list[str], detail: dict[str, object]
    ) -> None:
        record = item.record
        body = TwinUpdate(
            id=f"{change}-{record.partition}-{record.offset}",
            time=from_ms(item.end if isinstance(item, PreparedReport) else record.time),
            change=change,  # type: ignore[arg-type]
            objects=objects,
            detail=detail,
            revision=self.revision,
        )
        self.emit(outlet("updates", record.key, record.time, body))

    def _flush(self, effects: Effects) -> None:
        if self._run:
            arrive(self, self._run, effects)
            self._run = []
            self._in_run.clear()
