"""A full inventory arrives at a shard: its parts are collected, the twin is compared and repaired, the rest is told."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec

from stream.inventories import Last
from stream.telling import some, tell
from twin import dn
from twin.difference import RAISED, Difference, Telemetry
from twin.events import Inventory
from twin.inventory import Listing, key_of, whole
from twin.reconcile import compare
from twin.repair import repair
from twin.topology import Topology

if TYPE_CHECKING:
    from stream.prepare import OtherEvent
    from stream.shard import Shard

RAISED_NAMED = 100
"""Names of each kind that one update lists at most."""

VALUES_NAMED, LONGEST_VALUE = 10, 100

Deviations = dict[str, dict[str, tuple[Any, Any]]]


def apply_inventory(shard: Shard, item: OtherEvent, event: Inventory) -> list[str]:
    """Take one part; when it is the last, reconcile.

    Returns:
        Names of the objects that changed.

    Raises:
        BadInput: It contradicts itself or an earlier part, is outdated, or there is no room for it.
    """
    inventories = shard.inventories
    inventories.check(event)
    for number, (key, given_up) in enumerate(inventories.give_up(event, len(item.record.value))):
        last = inventories.last.get(key)
        if last is None or last.id != given_up.id:  # a part that was sent twice waits for nothing
            detail = {"id": given_up.id, "scope": key, "outcome": "incomplete", "parts": given_up.parts}
            shard.counts["inventory.incomplete"] += 1
            tell(shard, "reconciled", item, [], detail | {"came": len(given_up.bodies)}, f"incomplete-{number}")
    parts = inventories.take(event, item.record.value)
    if parts is None:
        return []
    listing = whole(parts)
    heard = telemetry(shard)
    found = compare(shard.topology, listing, heard, shard.config.inventory_removes_at_most)
    changed: list[str] = []
    if not found.implausible:
        changed = repair(shard.topology, listing, found, heard, shard.revision + 1)
    deviating = deviations_of(shard.topology, listing)
    raised = _digest(found, deviating)
    last = inventories.last.get(key_of(event))
    if changed:
        shard.revision += 1
        shard.counts["reconciled"] += 1
    if changed or raised != (last.raised if last else _digest(Difference(), {})):
        detail = _detail(listing, found, deviating, len(changed), event.parts)
        tell(shard, "reconciled", item, found.missing if found.implausible else changed, detail)
    inventories.last[key_of(event)] = Last(listing.id, listing.time, raised)
    return changed


def telemetry(shard: Shard) -> Telemetry:
    """Which objects have told of themselves."""
    heard = Telemetry()
    for table in shard.tables.values():
        for element, layouts in table.layouts.items():
            names = {element, *(name for layout in layouts for name in layout.names)}
            heard.known |= names
            # A report about a part is one of the whole, too.
            above = element
            while above := dn.parent(above):
                heard.known.add(above)
            for layout in layouts:
                if not layout.stale:
                    heard.live.update(layout.names)
            heard.regions.update(dn.region(name) for name in names)
    return heard


def deviations_of(topology: Topology, listing: Listing) -> Deviations:
    """Desired and reported values that differ, of the listed objects."""
    nodes = topology.graph.nodes
    reporting = sorted(name for name in listing.entities if name in nodes and nodes[name]["reported"])
    return {name: found for name in reporting if (found := topology.deviations(name))}


def _digest(found: Difference, deviating: Deviations) -> str:
    raised = [found.implausible, [getattr(found, name) for name in RAISED], deviating]
    return blake2b(msgspec.msgpack.encode(raised), digest_size=8).hexdigest()


def _detail(listing: Listing, found: Difference, deviating: Deviations, changed: int, parts: int) -> dict[str, object]:
    outcome = "implausible" if found.implausible else "repaired" if changed else "agrees"
    detail: dict[str, object] = {
        "id": listing.id,
        "scope": listing.scope,
        "source": listing.source,
        "outcome": outcome,
        "parts": parts,
        "listed": len(listing.entities),
        "known": found.known,
        "objects": changed,
        **found.counts(),
        "deviating": len(deviating),
        "raised": {name: some(names, RAISED_NAMED) for name in RAISED if (names := getattr(found, name))},
        "deviations": {
            name: {key: [_short(value) for value in pair] for key, pair in list(deviating[name].items())[:VALUES_NAMED]}
            for name in some(list(deviating), RAISED_NAMED)
        },
    }
    if found.implausible:
        detail["why"] = f"{found.implausible}; nothing was changed: send it again with `confirmed` if it is right"
    return detail


def _short(value: Any) -> Any:
    return value[:LONGEST_VALUE] if isinstance(value, str) else value
