"""The twin as it was, for the API: rebuilt from snapshots and log, or from the database; the last few are kept."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from infra.api.ports import Listed, Plain, TopologyFilter
from infra.settings import Settings
from stream.api import alarms, columns, layout, states
from stream.api import radio as maps
from stream.api.index import Index, around, index_of, near, whole
from stream.api.said import Said
from stream.api.states import Unit
from stream.partition import partition_of
from stream.past import rebuild
from stream.services import Services
from stream.shard import Shard
from stream.state_at import state_of, topology_at
from twin.errors import BadInput, LogGone, SnapshotError

KEPT = 3
"""Times: each holds the state of all partitions."""
MOST_BELOW = 2000


class Then(NamedTuple):
    """The twin at a time.

    Attributes:
        shards: By partition; empty where the log no longer reaches: then only `known` is.
    """

    shards: Mapping[int, Shard]
    known: Index
    source: str


class PastTwin:
    """Fills the port `Past`; see `infra.api.ports`. One question at a time: each folds a part of the log."""

    def __init__(self, settings: Settings, services: Services, unit: Unit) -> None:
        self._settings, self._services, self._unit = settings, services, unit
        self._kept: OrderedDict[datetime, Then] = OrderedDict()
        self._one = threading.Lock()

    def objects(self, at: datetime, which: TopologyFilter, after: str, limit: int) -> Listed:
        return self._then(at).known.page(which, after, limit)

    def object(self, at: datetime, dn: str) -> Plain | None:
        topology = self._then(at).known.topology(dn)
        return None if topology is None else whole(topology, dn)

    def neighbours(self, at: datetime, dn: str) -> Plain | None:
        topology = self._then(at).known.topology(dn)
        return None if topology is None else near(topology, dn)

    def subgraph(
        self, at: datetime, dn: str, depth: int, kinds: Sequence[str], relations: Sequence[str], most: int
    ) -> Plain | None:
        topology = self._then(at).known.topology(dn)
        if topology is None:
            return None
        return around(topology, dn, depth, frozenset(kinds), frozenset(relations), most)

    def names(self, at: datetime, which: TopologyFilter) -> list[str]:
        return list(self._then(at).known.chosen(which))

    def layout(self, at: datetime, which: TopologyFilter) -> Plain:
        index = self._then(at).known
        return layout.of(index, index.chosen(which))

    def columns(self, at: datetime, which: TopologyFilter, counters: Sequence[str]) -> Plain | None:
        then = self._then(at)
        if not then.shards:
            return None
        found = columns.of(then.shards, self._services.partitions, then.known, which, counters, Said())
        return found | {"at": at}

    def alarms(
        self,
        at: datetime,
        severities: Sequence[str],
        below: str,
        held: bool | None,
        after: tuple[Any, ...] | None,
        limit: int,
    ) -> tuple[Listed, dict[str, int]] | None:
        shards = list(self._then(at).shards.values())
        if not shards:
            return None
        return alarms.page(shards, severities, below, held, after, limit), alarms.counts(shards)

    def radio(self, at: datetime) -> list[Plain] | None:
        shards = self._then(at).shards
        return maps.regions(shards.values()) if shards else None

    def radio_map(self, at: datetime, region: str, cell: str) -> Plain | None:
        found = maps.find(self._then(at).shards.values(), region)
        return None if found is None else maps.data(found, region, cell)

    def radio_picture(self, at: datetime, region: str, cell: str) -> bytes | None:
        found = maps.find(self._then(at).shards.values(), region)
        return None if found is None else maps.picture(found, cell)

    def state(self, at: datetime, dn: str, *, subtree: bool) -> Plain:
        then = self._then(at)
        shard = then.shards.get(partition_of(dn, self._services.partitions))
        if shard is None:
            return self._stored(at, dn, subtree=subtree)
        objects = states.of(shard, dn, self._unit, then.known, MOST_BELOW + 1 if subtree else 1)
        if not objects:
            raise BadInput("unknown-object", f"the twin knew nothing of {dn!r} then")
        revision = max(one["revision"] for one in objects)
        found = {"dn": dn, "at": at, "source": then.source, "revision": revision, "objects": objects[:MOST_BELOW]}
        return found | {"cut": len(objects) > MOST_BELOW}

    def _stored(self, at: datetime, dn: str, *, subtree: bool) -> Plain:
        """From the database alone."""
        with self._one:
            said = state_of(dn, at, subtree=subtree)
        objects = [_told(one) for one in said["objects"]]
        return {"dn": dn, "at": at, "source": said["source"], "revision": said.get("revision"), "objects": objects}

    def _then(self, at: datetime) -> Then:
        with self._one:
            if at not in self._kept:
                self._kept[at] = self._rebuilt(at)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(at)
            return self._kept[at]

    def _rebuilt(self, at: datetime) -> Then:
        partitions, shards, sources = self._services.partitions, {}, set()
        try:
            for partition in range(partitions):
                past = asyncio.run(rebuild(partition, at, self._settings, self._services))
                shards[partition] = past.shard
                sources.add(past.source)
        except (LogGone, SnapshotError):
            topology, source = topology_at(at)
            return Then({}, Index({0: topology}, 1), source)
        return Then(shards, index_of(shards, partitions), " and ".join(sorted(sources)))


def _told(one: dict[str, Any]) -> dict[str, Any]:
    """What `lockstep state` says, in the words of the API."""
    told = {key: value for key, value in one.items() if key != "attributes"}
    told["desired"] = one.get("attributes", {})
    told["deviations"] = {
        key: {"desired": wanted, "reported": seen} for key, (wanted, seen) in one.get("deviations", {}).items()
    }
    return told
