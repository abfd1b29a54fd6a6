"""A report comes in: what is it, what does it belong to, and does it move the twin's clock?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream.arrival import STORED_ONLY, Admitted
from stream.changes import declare
from stream.channel import Channel
from stream.closing import enter_period, follow_pace
from stream.prepare import PreparedReport
from stream.registry.changes import equip
from stream.telling import tell
from twin import dn
from twin.errors import BadInput
from twin.rows import CounterSet, Effects
from twin.state import Layout, Table
from twin.sync import Arrival
from twin.topology import KIND_OF_CLASS, UNKNOWN

if TYPE_CHECKING:
    from stream.shard import Shard

MOST_GRANULARITIES = 32
"""Of periods; what needs more is a clock that jitters."""


def admit(shard: Shard, item: PreparedReport, effects: Effects) -> None:
    """Take in one report: it waits in `shard.run`, to be written with others of its kind.

    Raises:
        BadInput: It has no place here.
    """
    report = item.report
    instant = item.begin == item.end
    granularity = shard.config.instant_period_ms if instant else item.end - item.begin
    table = shard.tables.get(granularity)
    layout = table.layout(report.element, report.objects, report.counters) if table else None
    names = [] if layout else _check_names(shard, report.element, report.objects)
    # A period's end may be off its grid by a little; a sample belongs to the period it falls into.
    period = -(-item.end // granularity) if instant else (item.end + granularity // 2) // granularity
    if table is None:
        table = _new_table(shard, granularity)
    if layout is None:
        table.check_room(report.element, report.counters)
    ahead = _is_ahead(shard, table, period, item.record.time)
    if period > table.now and not ahead:
        shard.flush(effects)
        enter_period(shard, table, period)
    elif not shard.in_run.isdisjoint(names if layout is None else layout.names):
        # Reports of the same objects are applied one after the other, whoever sends them.
        shard.flush(effects)
    if layout is None:
        layout = _new_layout(shard, table, item, names, effects)
    arrival = _note(shard, table, layout, item, period, ahead)
    shard.counts[arrival.value] += 1
    if arrival is Arrival.DUPLICATE:
        return
    if report.cumulative:
        _add_up(shard, layout, item, arrival)
    shard.revision += 1
    if layout.strangers:
        _discover(shard, layout, item)
    _moved_on(shard, table, layout, item, arrival, effects)
    shard.run.append(Admitted(item, layout, table, period, arrival, shard.revision, shard.position))
    shard.in_run.update(layout.names)


def _is_ahead(shard: Shard, table: Table, period: int, recorded: int) -> bool:
    """Whether a report is farther ahead of the others than the time that has passed in the log since explains.

    So one clock that runs ahead, or one part of a backlog that is read before the others, doesn't end the period for
    everybody else, while after an outage the twin goes on with the first report.
    """
    pace = table.pace
    if not len(pace):
        return False
    passed = max(recorded - pace.since, 0) // table.granularity_ms
    return period > pace.pace + 1 + shard.config.skew_periods + passed


def _note(shard: Shard, table: Table, layout: Layout, item: PreparedReport, period: int, ahead: bool) -> Arrival:
    arrivals, before = layout.arrivals, layout.arrivals.newest
    layout.instant = item.begin == item.end
    arrival = arrivals.note(period, item.end, item.checksum(), table.closed, layout.instant)
    if ahead and arrival in (Arrival.IN_ORDER, Arrival.REORDERED):
        arrival = Arrival.AHEAD
    if arrival not in (Arrival.LATE, Arrival.DUPLICATE, Arrival.CORRECTED):
        arrivals.heard = max(arrivals.heard, item.record.time)
        if layout.stale:
            _wake(shard, table, layout, item, period)
    if arrivals.newest != before or not layout.counted:
        table.count(layout, before)
    return arrival


def _add_up(shard: Shard, layout: Layout, item: PreparedReport, arrival: Arrival) -> None:
    """Put what was added in the place of running totals; what only becomes history, or is doubted, adds nothing."""
    stack, report = item.stack, item.report
    columns = [stack.counters.index(counter) for counter in report.cumulative]
    values = stack.values[item.index]
    totals = np.where(stack.suspect[item.index][:, None], np.nan, values[:, columns])
    if arrival in STORED_ONLY:
        totals[:] = np.nan
    values[:, columns], resets = shard.totals.added(layout.names, report.cumulative, totals, item.end)
    shard.counts["counter_resets"] += resets


def _wake(shard: Shard, table: Table, layout: Layout, item: PreparedReport, period: int) -> None:
    """What was silent speaks again."""
    element = layout.element
    told = all(other.stale for other in table.layouts[element])
    layout.stale, layout.arrivals.since = False, period
    if told:
        tell(shard, "fresh", item, [element], {"granularity_s": table.granularity_ms // 1000})


def _moved_on(
    shard: Shard, table: Table, layout: Layout, item: PreparedReport, arrival: Arrival, effects: Effects
) -> None:
    """Let the table's clock follow its elements."""
    if arrival is Arrival.AHEAD and not layout.ahead:
        seconds = (layout.arrivals.newest - table.pace.pace) * table.granularity_ms // 1000
        tell(
            shard, "ahead", item, [layout.element], {"ahead_s": seconds, "granularity_s": table.granularity_ms // 1000}
        )
    if arrival not in (Arrival.LATE, Arrival.CORRECTED):
        layout.ahead = arrival is Arrival.AHEAD
    if layout.counted and layout.arrivals.newest > table.pace.watermark:
        follow_pace(shard, table, item.record.time, effects)


def _check_names(shard: Shard, element: str, objects: list[str]) -> list[str]:
    dn.check(element)
    names = [dn.check(dn.join(element, name)) for name in objects]
    if shard.config.unknown_objects == "reject":
        unknown = [name for name in names if name not in shard.topology]
        if unknown:
            raise BadInput("unknown-object", f"{unknown[0]!r} and {len(unknown) - 1} more are not in the inventory")
    return names


def _new_table(shard: Shard, granularity: int) -> Table:
    if len(shard.tables) >= MOST_GRANULARITIES:
        raise BadInput(
            "too-many", f"{len(shard.tables)} lengths of periods are known already: is {granularity} ms one?"
        )
    table = shard.tables[granularity] = Table(granularity)
    return table


def _new_layout(shard: Shard, table: Table, item: PreparedReport, names: list[str], effects: Effects) -> Layout:
    report = item.report
    layout = table.add_layout(report.element, report.objects, report.counters, names)
    effects.objects.extend(table.object_rows(layout))
    effects.counter_sets.append(CounterSet(layout.counter_set, tuple(layout.counters)))
    bind(shard, table, layout)
    declare(shard, layout)
    return layout


def _discover(shard: Shard, layout: Layout, item: PreparedReport) -> None:
    """Objects that report and that nobody has declared, or that have been removed, enter the topology."""
    strangers = [name for name in layout.names if name not in shard.topology]
    for name in strangers:
        shard.topology.discover(name, KIND_OF_CLASS.get(dn.object_class(name), UNKNOWN), shard.revision, item.end)
    layout.strangers = False
    if strangers:
        tell(shard, "discovered", item, strangers, {"element": layout.element, "objects": len(strangers)})


def bind(shard: Shard, table: Table, layout: Layout) -> None:
    """Give a layout its rows in the series of the counters that the twin keeps an expectation of."""
    for column, counter in enumerate(layout.counters):
        if shard.catalogue.tracked(counter):
            key = (table.granularity_ms, counter)
            channel = shard.channels.get(key)
            if channel is None:
                channel = shard.channels[key] = Channel(counter, table.granularity_ms, shard.config)
                equip(shard, channel)
            rows = channel.series.rows_of(layout.rows)
            channel.grow()
            layout.series.append((channel.series, column, rows))
