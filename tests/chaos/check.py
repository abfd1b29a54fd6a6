"""After a fault: history, state and outlets must equal those of an undisturbed fold of the same log."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from infra.store.rows import STORED_KINDS
from stream.app import shard_config
from stream.broker import to_record
from stream.decode import TICK
from stream.replay import replay
from stream.sources.profile import full_catalogue
from stream.topics import INBOX, OUTLETS, SOURCES
from tests.chaos.audit import moves, unfenced
from tests.chaos.fingerprint import Hashes, Prints, joined, of_block, of_history, surplus, text_hash
from tests.integration.pipeline import Pipeline, header
from twin.log import LogRecord
from twin.rows import Effects


class Verdict(NamedTuple):
    """What a comparison found; all zero and `digest_equal` is how it must be.

    Attributes:
        rows: Of the history and of the table of events, as they should be.
        lost: Rows, outlets and fed messages that are missing.
        doubled: Rows that are there besides those that should be.
        differing: Rows and outlets that are there with other content, outlets that should not be.
        repeated: Outlets that went out again with the same id and the same bytes, which is allowed.
        unfenced: Writes of a worker that another one had taken the partition from.
    """

    rows: int
    lost: int
    doubled: int
    differing: int
    repeated: int
    unfenced: int
    digest_equal: bool

    def good(self) -> bool:
        return not (self.lost or self.doubled or self.differing or self.unfenced) and self.digest_equal


class Undisturbed:
    """An in-process fold of the log as the broker has it."""

    def __init__(self, pipe: Pipeline) -> None:
        self._rows: list[Prints] = []
        self._ids, self._outlets = array("Q"), array("Q")
        self.events: list[tuple[str, str]] = []
        self.log_ids: set[str] = set()
        self._committed = pipe.committed()
        self.unfolded = 0
        """Records that the database doesn't have the effects of, but for the ticks that workers wrote as they ended."""
        records = self._records(pipe)
        done = replay(records, shard_config(pipe.settings), full_catalogue(), on_effects=self._note)
        self.digests = {partition: shard.digest() for partition, shard in done.shards.items()}
        self.rows = joined(self._rows)
        self.outlets = as_prints(self._ids, self._outlets)

    def _records(self, pipe: Pipeline) -> Iterator[LogRecord]:
        for partition, message in pipe.messages(INBOX.name):
            record = to_record(message, "")
            if record.offset >= self._committed.get(partition, 0):
                self.unfolded += record.type != TICK
                continue
            self.log_ids.add(header(message, "ce_id"))
            yield record

    def _note(self, partition: int, effects: Effects) -> None:
        self._rows += [of_block(block, partition) for block in effects.history]
        for out in effects.outlets:
            self._ids.append(text_hash(out.kind.encode(), out.id.encode()))
            self._outlets.append(text_hash(out.kind.encode(), out.id.encode(), out.key.encode(), out.value))
            if out.kind in STORED_KINDS:
                self.events.append((out.kind, out.id))


def compare(pipe: Pipeline, fed: set[str] | None = None) -> Verdict:
    """Compare what workers left with an undisturbed fold.

    Args:
        fed: Ids of the messages that were put into the log; without them, all that the sources' topics hold must have
            come into the log.
    """
    expected = Undisturbed(pipe)
    rows = of_history(pipe.dsn)
    outlets = published(pipe)
    events, told = sorted(pipe.events()), sorted(expected.events)
    lost_messages = len(fed - expected.log_ids) if fed is not None else unread(pipe, expected.log_ids)
    lost_rows, extra_rows = surplus(expected.rows.keys, rows.keys), surplus(rows.keys, expected.rows.keys)
    lost_events, extra_events = len(set(told) - set(events)), len(events) - len(set(told) & set(events))
    seen = np.unique(outlets.whole)
    return Verdict(
        rows=len(expected.rows.keys) + len(told),
        lost=expected.unfolded
        + lost_messages
        + lost_rows
        + lost_events
        + len(np.setdiff1d(expected.outlets.keys, outlets.keys)),
        doubled=extra_rows + extra_events,
        differing=max(0, surplus(rows.whole, expected.rows.whole) - extra_rows)
        + len(np.setdiff1d(seen, expected.outlets.whole)),
        repeated=len(outlets.whole) - len(seen),
        unfenced=unfenced(moves(pipe.dsn)),
        digest_equal=pipe.stored_digests() == expected.digests,
    )


def published(pipe: Pipeline) -> Prints:
    """Fingerprints of everything on the twin's topics; what ingest rejects is not the fold's and left out."""
    ids, whole = array("Q"), array("Q")
    for kind, topic in OUTLETS.items():
        for _, message in pipe.messages(topic.name):
            id_ = header(message, "ce_id").encode()
            if kind == "rejected" and not id_.startswith(INBOX.name.encode()):
                continue
            ids.append(text_hash(kind.encode(), id_))
            whole.append(text_hash(kind.encode(), id_, message.key or b"", message.value))
    return as_prints(ids, whole)


def unread(pipe: Pipeline, log_ids: set[str]) -> int:
    """Messages of the sources that are neither in the log nor rejected."""
    known = {id_.rpartition("-")[0] for id_ in log_ids}
    known |= {header(m, "ce_id") for _, m in pipe.messages(OUTLETS["rejected"].name)}
    lost = 0
    for topic in SOURCES.values():
        spread = topic.partitions or pipe.settings.partitions
        lost += sum(f"{topic.name}-{p}-{m.offset}" not in known for p, m in pipe.messages(topic.name, spread))
    return lost


def as_prints(ids: Any, whole: Any) -> Prints:
    keys: Hashes = np.frombuffer(ids, np.uint64) if len(ids) else np.zeros(0, np.uint64)
    content: Hashes = np.frombuffer(whole, np.uint64) if len(whole) else np.zeros(0, np.uint64)
    return Prints(keys, content, keys)
