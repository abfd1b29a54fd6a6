"""Inventory, alarms and whatever else is rare: applied one by one, told as updates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.alarms.notes import apply_note, apply_outage
from stream.alarms.settling import pass_time
from stream.alarms.standing import apply_alarm
from stream.handovers.neighbours_heard import apply_seen
from stream.outlets import rejected
from stream.prepare import OtherEvent, Together, Unusable
from stream.radio.soundings import apply_burst, apply_order, apply_sounding, follow_topology
from stream.reconciling import apply_inventory
from stream.registry.changes import apply_candidate, apply_transition
from stream.silence import time_passes
from stream.telling import event_time, tell
from stream.topics import INBOX
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.errors import BadInput
from twin.events import Alarm, Inventory, NeighboursSeen, Tick, TopologyChange
from twin.model_events import ModelCandidate, ModelTransition
from twin.radio.events import BurstOrder, BurstResult, Sounding
from twin.state import Layout
from twin.topology_edit import deviates

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
        time = _happened(shard, item)
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
        elif isinstance(event, NeighboursSeen):
            apply_seen(shard, event)
        # What people decide, or other partitions have seen, tells nothing of this one's time.
        if not isinstance(
            event, ModelCandidate | ModelTransition | AlarmNote | PlannedOutage | BurstOrder | NeighboursSeen
        ):
            shard.newest_event = max(shard.newest_event, time)
    shard.counts[f"event.{record.type}"] += 1


def apply_together(shard: Shard, item: Together) -> None:
    """Apply changes that came as one record: each as if it were one, and told of together."""
    changed: set[str] = set()
    effective: list[OtherEvent] = []
    for number, member in enumerate(item.members):
        try:
            if isinstance(member, Unusable):
                raise member.error
            assert isinstance(member.event, TopologyChange)
            time = _happened(shard, member)
            if names := _merge(shard, member.event):
                changed.update(names)
                effective.append(member)
            shard.newest_event = max(shard.newest_event, time)
            shard.counts[f"event.{member.record.type}"] += 1
        except BadInput as error:
            shard.counts[f"rejected.{error.reason}"] += 1
            shard.emit(rejected(INBOX.name, member.record, error, number=number))
    if effective:
        detail: dict[str, object] = {"changes": len(effective), "objects": len(changed)}
        reported = {entity.dn for one in effective for entity in one.event.entities if entity.reported}  # type: ignore[union-attr]
        detail["deviating"] = _deviating(shard, reported)
        newest = max(effective, key=event_time)
        tell(shard, "topology", OtherEvent(item.record, newest.event), sorted(changed), detail)


def waits_for_no_report(shard: Shard, item: OtherEvent | Together | Unusable) -> bool:
    """Whether the reports that wait to be written come to the same before and after this event.

    Stations that tell their configuration every second would otherwise cut the run at each of their messages.
    """
    if isinstance(item, Together):
        return all(waits_for_no_report(shard, member) for member in item.members)
    if isinstance(item, Unusable):
        return True
    return isinstance(item.event, TopologyChange) and shard.topology.only_reports(item.event)


def _happened(shard: Shard, item: OtherEvent) -> int:
    """When it did [ms since 1970]. Raises BadInput: future."""
    time, recorded = event_time(item), item.record.time
    if time > recorded + shard.config.future_tolerance_ms:
        raise BadInput(
            "future", f"it happens {(time - recorded) / 1000:.0f} s after the message was sent: check its clock"
        )
    return time


def _merge(shard: Shard, event: TopologyChange) -> list[str]:
    """Merge a change; names of what it changed. Raises BadInput: it contradicts what is known."""
    before = shard.topology.structure
    changed = shard.topology.apply(event, shard.revision + 1)
    if changed:
        shard.revision += 1
        shard.counts["topology"] += 1
        if shard.topology.structure != before:
            _declare(shard, set(changed))
    return changed


def _topology(shard: Shard, item: OtherEvent, event: TopologyChange) -> None:
    changed = _merge(shard, event)
    if changed:
        detail: dict[str, object] = {"id": event.id, "objects": len(changed)}
        reported = {entity.dn for entity in event.entities if entity.reported and entity.dn in shard.topology}
        if reported:
            detail["deviating"] = _deviating(shard, reported)
        tell(shard, "topology", item, changed, detail)


def _deviating(shard: Shard, reported: set[str]) -> int:
    nodes = shard.topology.graph._node
    known = [nodes[name] for name in reported if name in nodes]
    return sum(deviates(node["attributes"], node["reported"]) for node in known)


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
