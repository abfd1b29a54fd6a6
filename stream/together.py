"""What many stations tell of themselves at once goes through the log as one record. Pure.

Such changes go to every partition, since each shard holds the whole graph. A record costs the same whatever is in it:
sent, fetched, acknowledged and told of once for each station and partition, three hundred stations that tell their
configuration every second would cost more than all that they measure. Nothing else changes: the fold takes the record
apart (`stream.apart`) and merges or refuses every change by itself, with the bytes that came and the time at which they
did, so the state is that of changes sent one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from stream.apart import written
from stream.decode import TOPOLOGY_CHANGES
from stream.routing import Entry

MOST_OBJECTS = 500
"""In one record: fewer than an update names."""

MOST_BYTES = 128 * 1024
"""Of the changes in one record."""

MOST_BRACKETS = 64
"""Beyond those that its objects need. Fields that this version doesn't know may be nested as deep as JSON is read: one
level more, and all that came together would be refused with it."""


KEY = "topology"
"""Of a record whose changes come from several sources; else it is their source's."""


class Arrived(NamedTuple):
    """A record on its way into the log.

    Attributes:
        recorded: When the source's topic got it [ms since 1970].
    """

    entry: Entry
    id: str
    recorded: int


def together(arrived: Iterable[Arrived]) -> list[Arrived]:
    """The same in the same order, where changes that only report and follow each other are one record."""
    out: list[Arrived] = []
    run: list[Arrived] = []
    objects = size = 0
    for one in arrived:
        more, length = one.entry.reporting, len(one.entry.value)
        fits = 0 < more <= MOST_OBJECTS and length <= MOST_BYTES and _flat(one.entry)
        if run and not (fits and objects + more <= MOST_OBJECTS and size + length <= MOST_BYTES):
            out.append(_as_one(run))
            run, objects, size = [], 0, 0
        if fits:
            run.append(one)
            objects, size = objects + more, size + length
        else:
            out.append(one)
    if run:
        out.append(_as_one(run))
    return out


def _flat(entry: Entry) -> bool:
    # Three pairs an object: itself, and what is declared and reported of it.
    return entry.value.count(b"{") + entry.value.count(b"[") <= 3 * entry.reporting + MOST_BRACKETS


def _as_one(run: list[Arrived]) -> Arrived:
    first = run[0]
    if len(run) == 1:
        return first
    time, recorded = max(one.entry.time for one in run), [one.recorded for one in run]
    value = written([one.entry.value for one in run], time, recorded)
    key = first.entry.key if len({one.entry.key for one in run}) == 1 else KEY
    entry = first.entry._replace(key=key, type=TOPOLOGY_CHANGES, time=time, value=value, reporting=0)
    return Arrived(entry, f"{first.id}+{len(run) - 1}", max(recorded))
