"""The twin as it is now, for the API: reads a replica. Every method locks the fold out for a moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from time import monotonic, time
from typing import Any

import numpy as np

from infra.api.ports import Listed, Plain, TopologyFilter
from stream.api import alarms, columns, forecasts, layout, predictions, states
from stream.api import radio as maps
from stream.api.conditions import CONDITIONS, condition, silences
from stream.api.index import Index, around, deviations_of, index_of, near, node_of, whole
from stream.api.replica import Replica
from stream.api.resting import resting_now
from stream.api.said import rejected_item
from stream.decode import from_ms
from stream.partition import partition_of
from stream.shard import Shard
from stream.shard_state import event_time
from twin.counters import Catalogue
from twin.errors import BadInput, Unavailable

LIKELY = 0.5
LAYOUTS = 16
"""Kept until the topology changes: who stands where is much work, and every page asks for it."""
FRESH_S = 0.5
"""How old a summary may be."""


class LiveTwin:
    """Fills the port `Live`; see `infra.api.ports`."""

    def __init__(self, replica: Replica, partitions: int, catalogue: Catalogue) -> None:
        self._replica, self._partitions, self._catalogue = replica, partitions, catalogue
        self._index: tuple[tuple[tuple[int, int], ...], Index] | None = None
        self._layouts: dict[TopologyFilter, tuple[Index, Plain]] = {}
        self._summary: tuple[float, Plain] | None = None

    def ready(self) -> list[str]:
        return list(self._replica.reasons)

    # Topology --------------------------------------------------------------------------------------------------------

    def objects(self, which: TopologyFilter, after: str, limit: int) -> Listed:
        with self._replica.gate.reading():
            return self._known().page(which, after, limit)

    def object(self, dn: str) -> Plain | None:
        with self._replica.gate.reading():
            topology = self._known().topology(dn)
            return None if topology is None else whole(topology, dn)

    def neighbours(self, dn: str) -> Plain | None:
        with self._replica.gate.reading():
            topology = self._known().topology(dn)
            return None if topology is None else near(topology, dn)

    def subgraph(self, dn: str, depth: int, kinds: Sequence[str], relations: Sequence[str], most: int) -> Plain | None:
        with self._replica.gate.reading():
            topology = self._known().topology(dn)
            if topology is None:
                return None
            return around(topology, dn, depth, frozenset(kinds), frozenset(relations), most)

    # State -----------------------------------------------------------------------------------------------------------

    def state(self, dn: str, *, subtree: bool, most: int) -> list[Plain]:
        with self._replica.gate.reading():
            shard = self._own(dn)
            return states.of(shard, dn, self.unit, self._known(), most if subtree else 1)

    def desired(self, dn: str) -> Plain | None:
        with self._replica.gate.reading():
            topology = self._known().topology(dn)
            if topology is None:
                return None
            node = node_of(topology, dn)
            kept = {key: node[key] for key in ("dn", "kind", "revision", "desired", "reported")}
            return kept | {"deviations": deviations_of(topology, dn)}

    def columns(self, which: TopologyFilter, counters: Sequence[str]) -> Plain:
        with self._replica.gate.reading():
            replica = self._replica
            return columns.of(replica.shards, self._partitions, self._known(), which, counters, replica.said)

    def layout(self, which: TopologyFilter) -> Plain:
        with self._replica.gate.reading():
            index = self._known()
            kept = self._layouts.get(which)
            if kept is None or kept[0] is not index:
                if len(self._layouts) >= LAYOUTS:
                    self._layouts.clear()
                kept = self._layouts[which] = (index, layout.of(index, index.chosen(which)))
            return kept[1]

    def counters(self) -> list[Plain]:
        with self._replica.gate.reading():
            found: dict[str, tuple[set[int], int]] = {}
            for shard in self._replica.shards.values():
                for table in shard.tables.values():
                    known = (~np.isnan(table.columns["values"])).sum(axis=1)
                    for counter, objects in zip(table.counters, known.tolist(), strict=True):
                        lengths, total = found.get(counter, (set(), 0))
                        found[counter] = (lengths | {table.granularity_ms // 1000}, total + objects)
        return [
            {"counter": name, "unit": self.unit(name), "granularities_s": sorted(lengths), "objects": total}
            for name, (lengths, total) in sorted(found.items())
        ]

    def unit(self, counter: str) -> str:
        try:
            return self._catalogue.get(counter).unit
        except BadInput:
            return ""

    # What is said ----------------------------------------------------------------------------------------------------

    def congestion(self, target: str, below: str, least: float, after: tuple[Any, ...] | None, limit: int) -> Listed:
        with self._replica.gate.reading():
            kept = list(self._replica.said.congestion.values())
        found = predictions.congestion(kept, target, below, least, after, limit)
        with self._replica.gate.reading():
            for one in found.items:
                shard = self._replica.shards.get(partition_of(one["cell"], self._partitions))
                known = None if shard is None else forecasts.spread(shard, one["counter"], one["target"], one["cell"])
                one["sigma"] = None if known is None else round(known, 4)
        return found

    def failures(self, target: str, below: str, least: float, after: tuple[Any, ...] | None, limit: int) -> Listed:
        with self._replica.gate.reading():
            kept = list(self._replica.said.failures.values())
        return predictions.failures(kept, target, below, least, after, limit)

    def fidelity(self) -> list[Plain]:
        with self._replica.gate.reading():
            kept = list(self._replica.said.fidelity.values())
        kept.sort(key=lambda one: (one.counter, one.granularity_s, one.partition, one.context))
        return predictions.plain(kept)

    def scores(self) -> list[Plain]:
        with self._replica.gate.reading():
            told = list(self._replica.said.scores.values())
        told.sort(key=lambda one: (one.target, one.id))
        return predictions.plain(told)

    def alarms(
        self, severities: Sequence[str], below: str, held: bool | None, after: tuple[Any, ...] | None, limit: int
    ) -> tuple[Listed, dict[str, int]]:
        with self._replica.gate.reading():
            shards = list(self._replica.shards.values())
            return alarms.page(shards, severities, below, held, after, limit), alarms.counts(shards)

    def alarm(self, number: str) -> Plain | None:
        with self._replica.gate.reading():
            known = alarms.find(self._replica.shards.values(), number)
            return None if known is None else alarms.item(*known)

    def tmf_alarm(self, number: str) -> Plain | None:
        with self._replica.gate.reading():
            known = alarms.find(self._replica.shards.values(), number)
            return None if known is None else alarms.tmf642(*known)

    def bursts(self, *, open_only: bool) -> list[Plain]:
        with self._replica.gate.reading():
            return predictions.plain(reversed(self._replica.said.bursts.rows(open_only=open_only)))

    def rejected(self, after: tuple[Any, ...] | None, limit: int) -> Listed:
        with self._replica.gate.reading():
            said = self._replica.said
            kept, total = list(said.rejected.values()), said.rejected_count
        # Numbered from the first that was seen, so that a page stays where it is when more come.
        first = total - len(kept)
        stop = min(max((total if after is None else after[0]) - first, 0), len(kept))
        start = max(stop - limit, 0)
        items = [rejected_item(one) for one in reversed(kept[start:stop])]
        return Listed(items, (first + start,) if start else None)

    def rejected_one(self, id_: str) -> Plain | None:
        with self._replica.gate.reading():
            told = self._replica.said.rejected.get(id_)
        return None if told is None else rejected_item(told)

    def rejected_bytes(self, id_: str) -> bytes | None:
        with self._replica.gate.reading():
            told = self._replica.said.rejected.get(id_)
        return None if told is None else told.original

    def radio(self) -> list[Plain]:
        with self._replica.gate.reading():
            return maps.regions(self._replica.shards.values())

    def radio_map(self, region: str, cell: str) -> Plain | None:
        found = self._map(region)
        return None if found is None else maps.data(found, region, cell)

    def radio_picture(self, region: str, cell: str) -> bytes | None:
        found = self._map(region)
        return None if found is None else maps.picture(found, cell)

    def _map(self, region: str) -> maps.Found | None:
        with self._replica.gate.reading():
            return maps.find(self._replica.shards.values(), region)

    def change(self, id_: str) -> Plain | None:
        with self._replica.gate.reading():
            known = self._replica.said.asked.get(id_)
            return None if known is None else dict(known)

    def now_ms(self) -> int | None:
        """How far the network's time has come [ms since 1970]; None if it has seen nothing."""
        with self._replica.gate.reading():
            times = [ms for shard in self._replica.shards.values() if (ms := event_time(shard)) is not None]
        return max(times, default=None)

    def ask(self, id_: str, dn: str) -> None:
        """Note that a change is being sent."""
        with self._replica.gate.reading():
            topology = self._known().topology(dn)
            revision = topology.graph.nodes[dn]["revision"] if topology is not None else 0
            self._replica.said.ask(id_, dn, revision)

    # The head of a page ----------------------------------------------------------------------------------------------

    def summary(self) -> Plain:
        # Many pages ask for it, and it looks at every cell.
        if self._summary is None or monotonic() - self._summary[0] > FRESH_S:
            self._summary = (monotonic(), self._summarised())
        return dict(self._summary[1]) | {"lag": dict(self._summary[1]["lag"])}

    def _summarised(self) -> Plain:
        replica, now = self._replica, time()
        with replica.gate.reading():
            shards = dict(sorted(replica.shards.items()))
            index = self._known()
            worst = alarms.worst_of(shards.values())
            kinds = index.counts()
            cells: Counter[str] = Counter(dict.fromkeys(CONDITIONS, 0))
            silent_now = {p: silences(shard.tables) for p, shard in shards.items()}
            rests = resting_now(index, shards.values())
            for name in index.of_kinds(("cell",)):
                still = silent_now.get(partition_of(name, self._partitions), {}).get(name)
                cells[condition(rests.get(name, ""), worst.get(name), silent=still)] += 1
            times = [ms for shard in shards.values() if (ms := event_time(shard)) is not None]
            behind = {p: max(replica.ends.get(p, 0) - shard.next_offset, 0) for p, shard in shards.items()}
            ages = columns.ages(shards.values())
            said = replica.said
            newest = max(times, default=None)
            scores = [(one.score, one.num_objects) for one in said.fidelity.values() if not one.context]
            statuses = Counter(one.status for one in said.bursts.seen.values())
            severities = alarms.counts(list(shards.values()))
            congested = predictions.likely(said.congestion.values(), LIKELY)
            rejected, ends = said.rejected_count, dict(replica.ends)
        weight = sum(number for _, number in scores)
        return {
            "event_time": None if newest is None else from_ms(newest),
            "revisions": {str(p): shard.revision for p, shard in shards.items()},
            "ready": not replica.reasons,
            "reasons": list(replica.reasons),
            "objects": kinds,
            "cells": dict(cells) | {"total": cells.total()},
            "alarms": severities,
            "staleness_s": columns.quantiles(ages),
            "lag": {
                "records": None,
                "replica_records": sum(behind.values()),
                "event_time_s": None if newest is None else round(now - newest / 1000, 1),
            },
            "fidelity": sum(score * number for score, number in scores) / weight if weight else None,
            "congested_soon": congested,
            "bursts": dict(sorted(statuses.items())),
            "rejected": rejected,
            "log_ends": ends,
        }

    def _known(self) -> Index:
        """The index as of now; inside the gate."""
        shards = self._replica.shards
        key = tuple((p, shard.topology.revision) for p, shard in sorted(shards.items()))
        if self._index is None or self._index[0] != key:
            self._index = (key, index_of(shards, self._partitions))
        return self._index[1]

    def _own(self, dn: str) -> Shard:
        shard = self._replica.shards.get(partition_of(dn, self._partitions))
        if shard is None:
            raise Unavailable(f"the partition of {dn} is not restored yet")
        return shard
