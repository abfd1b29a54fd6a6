"""A complete window of handovers judged: neighbours made and forgotten, and where the inventory disagrees, told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from stream.decode import from_ms
from stream.handovers.neighbours_heard import seen
from stream.outlets import outlet
from stream.silence import NAMED
from stream.telling import MOST_BYTES, some
from twin.events import TwinUpdate
from twin.handovers import Window
from twin.relations_seen import Pair, declared_from, forget, see, taken_over
from twin.topology_edit import Edge

if TYPE_CHECKING:
    from stream.handovers.folding import WatchedRelations
    from stream.shard import Shard


def judge(shard: Shard, watched: WatchedRelations, window: Window) -> None:
    """What a complete window says of neighbours."""
    graph, config = shard.topology.graph, shard.config
    pairs, made = watched.pairs(shard), watched.made
    known = {*made.values()}
    busy = np.flatnonzero(window.attempts >= config.neighbour_attempts).tolist()
    silent = window.end - watched.counts.columns["heard"] >= config.neighbour_silence_ms
    new: list[Pair] = []
    gone: list[Pair] = []
    changed: list[Pair] = []
    for row in [row for row, pair in sorted(made.items()) if silent[row] or pairs[row] != pair]:
        old = made.pop(row)
        # Two objects may stand for one relation.
        if old not in made.values() and forget(graph, old, shard.reports):
            gone.append(old)
    for row in busy:
        pair = pairs[row]
        if pair is not None:
            if see(graph, pair, int(window.attempts[row]), int(window.successes[row]), window.end):
                new.append(pair)
            made[row] = pair
            changed.append(pair)
    taken = [made.pop(row) for row, pair in sorted(made.items()) if taken_over(graph, pair)]
    changed += taken
    unresolved = sum(pairs[row] is None for row in busy)
    ghosts = _ghosts(watched, graph, pairs, window.end, config.neighbour_silence_ms)
    told = sorted(ghosts - watched.ghosts)
    watched.ghosts = ghosts
    _stamp(shard, [*new, *gone], sorted({*changed} - {*new}), window.end)
    for name, number in (("made", len(new)), ("gone", len(gone)), ("unresolved", unresolved)):
        if number:
            shard.counts[f"neighbours.{name}"] += number
    shard.others += seen(shard.partition, watched.granularity_ms, window.end, new, [*gone, *(known & {*taken})])
    if new or gone or told:
        _tell(shard, watched, window.end, sorted(new), sorted(gone), told, unresolved)


def _stamp(shard: Shard, moved: list[Pair], used: list[Pair], now: int) -> None:
    """Note which relations came or went, and of which only the values have changed."""
    if moved or used:
        shard.revision += 1
        came_or_went: list[Edge] = [(source, target, "neighbour") for source, target in moved]
        shard.topology.stamp((), came_or_went, shard.revision, now)
        shard.topology.refresh([(source, target, "neighbour") for source, target in used], shard.revision, now)


def _ghosts(
    watched: WatchedRelations, graph: Any, pairs: Sequence[Pair | None], now: int, silence_ms: int
) -> set[Pair]:
    """Declared neighbours of cells that hand over, but not to them, though they have been watched for long enough."""
    columns = watched.counts.columns
    first, heard = columns["first"].tolist(), columns["heard"].tolist()
    since: dict[str, int] = {}
    used: set[Pair] = set()
    for pair, began, last in zip(pairs, first, heard, strict=True):
        if pair is not None and began >= 0 and now - last < silence_ms:
            used.add(pair)
            since[pair[0]] = min(began, since.get(pair[0], began))
    return {
        (cell, target)
        for cell, began in since.items()
        if now - began >= silence_ms
        for target in declared_from(graph, cell)
        if (cell, target) not in used
    }


def _tell(
    shard: Shard,
    watched: WatchedRelations,
    end: int,
    new: list[Pair],
    gone: list[Pair],
    ghosts: list[Pair],
    unresolved: int,
) -> None:
    """What an inventory doesn't have, what has gone, and what it has and nobody uses."""
    lists = {"missing_neighbours": new, "gone_neighbours": gone, "ghost_neighbours": ghosts}
    detail: dict[str, Any] = {"from": "handovers", "unresolved": unresolved}
    detail |= {name: len(pairs) for name, pairs in lists.items()}
    detail |= {f"{name}_listed": _some(pairs) for name, pairs in lists.items() if pairs}
    objects = sorted({name for pairs in lists.values() for pair in pairs for name in pair})
    granularity_s = watched.granularity_ms // 1000
    body = TwinUpdate(
        id=f"topology-handovers-{shard.partition}-{granularity_s}-{end}",
        time=from_ms(end),
        change="topology",
        objects=some(objects, NAMED),
        detail=detail,
        revision=shard.revision,
    )
    shard.emit(outlet("updates", str(shard.partition), end, body))


def _some(pairs: list[Pair]) -> list[list[str]]:
    """The first pairs, so many that a message can carry them."""
    chosen: list[list[str]] = []
    size = 0
    for pair in pairs[:NAMED]:
        size += len(msgspec.json.encode(pair))
        if size > MOST_BYTES // 3:
            break
        chosen.append(list(pair))
    return chosen
