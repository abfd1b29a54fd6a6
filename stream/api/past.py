"""The twin as it was, for the API: rebuilt from snapshots and log, or from the database; the last few are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from infra.api.ports import Listed, Plain, TopologyFilter
from stream.api import layout
from stream.api.index import Index, around, whole
from stream.state_at import state_of, topology_at
from twin.errors import BadInput

KEPT = 8


class PastTwin:
    """Fills the port `Past`; see `infra.api.ports`. One question at a time: each folds a part of the log."""

    def __init__(self) -> None:
        self._kept: OrderedDict[datetime, tuple[Index, str]] = OrderedDict()
        self._one = threading.Lock()

    def objects(self, at: datetime, which: TopologyFilter, after: str, limit: int) -> Listed:
        return self._index(at).page(which, after, limit)

    def object(self, at: datetime, dn: str) -> Plain | None:
        topology = self._index(at).topology(dn)
        return None if topology is None else whole(topology, dn)

    def subgraph(
        self, at: datetime, dn: str, depth: int, kinds: Sequence[str], relations: Sequence[str], most: int
    ) -> Plain | None:
        topology = self._index(at).topology(dn)
        if topology is None:
            return None
        return around(topology, dn, depth, frozenset(kinds), frozenset(relations), most)

    def names(self, at: datetime, which: TopologyFilter) -> list[str]:
        return list(self._index(at).chosen(which))

    def layout(self, at: datetime, which: TopologyFilter) -> Plain:
        index = self._index(at)
        return layout.of(index, index.chosen(which))

    def state(self, at: datetime, dn: str, *, subtree: bool) -> Plain:
        with self._one:
            said = state_of(dn, at, subtree=subtree)
        if not said["objects"]:
            raise BadInput("unknown-object", f"the twin knew nothing of {dn!r} then")
        objects = [_told(one) for one in said["objects"]]
        return {"dn": dn, "at": at, "source": said["source"], "revision": said.get("revision"), "objects": objects}

    def _index(self, at: datetime) -> Index:
        with self._one:
            if at not in self._kept:
                topology, source = topology_at(at)
                self._kept[at] = (Index({0: topology}, 1), source)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(at)
            return self._kept[at][0]


def _told(one: dict[str, Any]) -> dict[str, Any]:
    """What `lockstep state` says, in the words of the API."""
    told = {key: value for key, value in one.items() if key != "attributes"}
    told["desired"] = one.get("attributes", {})
    told["deviations"] = {
        key: {"desired": wanted, "reported": seen} for key, (wanted, seen) in one.get("deviations", {}).items()
    }
    return told
