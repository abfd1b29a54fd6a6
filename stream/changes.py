"""Inventory, alarms and whatever else is rare: applied one by one, told as updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.alarm_notes import apply_note, apply_outage
from stream.alarm_settling import pass_time
from stream.alarms import apply_alarm
from stream.model_changes import apply_candidate, apply_transition
from stream.prepare import OtherEvent
from stream.reconciling import apply_inventory
from stream.silence import time_passes
from stream.soundings import apply_burst, apply_order, apply_sounding, follow_topology
from stream.telling import event_time, tell
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.errors import BadInput
from twin.events import Alarm, Inventory, Tick, TopologyChange
from twin.model_events import ModelCandidate, ModelTransition
from twin.radio.events import BurstOrder, BurstResult, Sounding
from twin.state import Layout

if TYPE_CHECKING:
    from stream.shard import Shard


def apply_event(shard: Shard, item: OtherEvent) -> None:
    """Apply one event that is not a report.

    Raises:
        BadInput: It contradicts what is known, or comes from the future.
    """
    event, record = item.event, item.record
    if isinstance(event, Tick):
        pass_time(shard, record.time)
        time_passes(shard, record.time, str(record.offset))
    else:
        time = event_time(item)
        if time > record.time + shard.config.future_tolerance_ms:
            raise BadInput(
                "future", f"it happens {(time - record.time) / 1000:.0f} s after the message was sent: check its clock"
            )
        if isinstance(event, Alarm | Sounding | Inventory):
            pass_time(shard, min(time, record.time))
        if isinstance(event, TopologyChange):
            _topology(shard, item, event)
        elif isinstance(event, Inventory):
            _declare(shard, set(apply_inventory(shard, item, event)))
        elif isinstance(event, Alarm):
            apply_alarm(shard, item, event)
        elif isinstance(event, AlarmNote):
            apply_note(shard, item, event)
        elif isinstance(event, PlannedOutage):
            apply_outage(shard, item, event)
        elif isinstance(event, Sounding):
            apply_sounding(shard, item, event)
        elif isinstance(event, BurstResult):
            apply_burst(shard, item, event)
        elif isinstance(event, BurstOrder):
            apply_order(shard, event)
        elif isinstance(event, ModelCandidate):
            apply_candidate(shard, item, event)
        elif isinstance(event, ModelTransition):
            apply_transition(shard, item, event)
        # What people decide tells nothing of the network's time.
        if not isinstance(event, ModelCandidate | ModelTransition | AlarmNote | PlannedOutage | BurstOrder):
            shard.newest_event = max(shard.newest_event, time)
    shard.counts[f"event.{record.type}"] += 1


def waits_for_no_report(shard: Shard, item: OtherEvent) -> bool:
    """Whether the reports that wait to be written come to the same before and after this event.

    Stations that tell their configuration every second would otherwise cut the run at each of their messages.
    """
    return isinstance(item.event, TopologyChange) and shard.topology.only_reports(item.event)


def _topology(shard: Shard, item: OtherEvent, event: TopologyChange) -> None:
    before = shard.topology.structure
    changed = shard.topology.apply(event, shard.revision + 1)
    if changed:
        shard.revision += 1
        shard.counts["topology"] += 1
        if shard.topology.structure != before:
            _declare(shard, set(changed))
        detail: dict[str, object] = {"id": event.id, "objects": len(changed)}
        reported = {entity.dn for entity in event.entities if entity.reported and entity.dn in shard.topology}
        if reported:
            detail["deviating"] = sum(bool(shard.topology.deviations(name)) for name in reported)
        tell(shard, "topology", item, changed, detail)


def declare(shard: Shard, layout: Layout) -> None:
    """Look what the topology knows of the objects of a layout."""
    layout.declared = all(shard.topology.declared(name) for name in layout.names)
    layout.strangers = not layout.declared and any(name not in shard.topology for name in layout.names)


def _declare(shard: Shard, changed: set[str]) -> None:
    """Look again which reports speak of objects that the inventory knows."""
    if not changed:
        return
    follow_topology(shard)
    for table in shard.tables.values():
        for layouts in table.layouts.values():
            for layout in layouts:
                if not changed.isdisjoint(layout.names):
                    declare(shard, layout)
