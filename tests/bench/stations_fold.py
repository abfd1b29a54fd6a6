"""What it costs that stations tell their configuration every second: `python -m tests.bench.stations_fold`.

300 stations x 3 cells, in-process, broker and database left out: processor time, for a second of the network, of
ingest and of one partition's fold with its outlets packed for the broker. As it is, where what a tenth of a second
brings is one record; where each message is a record in every partition; and as it would be if each of those also cut
the run of reports around it. They take turns, so that what else the machine does meets them all.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

from infra.limiter import Limiter
from infra.settings import load
from infra.store.writer import Claim
from stream import ingest, shard
from stream.batching import RejectLimit
from stream.broker import Message, to_record
from stream.config import shard_config
from stream.guarding import Guard
from stream.health.progress import Progress
from stream.landing import Landing
from stream.pseudonyms import Pseudonyms
from stream.topics import INBOX, headers
from tests.bench.stations_load import Sent, Stations
from twin.counters import CATALOGUE

PARTITIONS, SECONDS, WARM_UP, BATCH, GROUPS = 4, 20, 5, 250, 10
FORMS = {"together": "reports of configuration together", "single": "each a record", "cutting": "each cutting the run"}
waits_for_no_report, together = shard.waits_for_no_report, ingest.together


class Packing:
    """In the place of the producer: messages are packed as for the broker, and kept."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        """Pack them."""
        batch = BatchBuilder(1 << 24, 0, is_transactional=False)
        for m in messages:
            batch.append(timestamp=m.time, key=m.key.encode(), value=m.value, headers=m.headers)
        if topic == INBOX.name:
            self.messages.extend(messages)


class Worker:
    """Ingest of all that stations send, and the fold of one partition.

    Args:
        form: A key of `FORMS`.
        changing: Share of the stations whose configuration changes in a second.
    """

    def __init__(self, form: str, changing: float) -> None:
        self._form = form
        self._stations = Stations(300, PARTITIONS, datetime(2026, 3, 2, 8, tzinfo=UTC), changing)
        self._shard = shard.Shard(0, shard_config(load(None)), CATALOGUE)
        self._loop = asyncio.new_event_loop()
        self._into: Any = Packing()
        self._out: Any = Packing()
        self._ingests = {kind: self._ingest(kind) for kind in ("topology", "report")}
        store: Any = None
        claim = Claim(0, "bench", 0, 0, 0, [])
        self._landing = Landing(claim, "", store, self._out, "", Progress(0), lambda: None)
        self.records = 0
        self.ingest_s = self.fold_s = 0.0
        self._step([self._stations.inventory()], count=False)

    def second(self, number: int) -> None:
        """One second of the network, in tenths."""
        ingest.together = list if self._form != "together" else together  # type: ignore[assignment]
        shard.waits_for_no_report = (lambda *_: False) if self._form == "cutting" else waits_for_no_report
        sent = list(self._stations.second(number))
        for group in range(GROUPS):
            self._step([m for station in sent[group::GROUPS] for m in station], count=number >= WARM_UP)

    def _step(self, sent: list[Sent], *, count: bool) -> None:
        events = {kind: [self._event(m) for m in sent if m.kind == kind] for kind in self._ingests}
        begin = time.process_time()
        for kind, some in events.items():
            self._loop.run_until_complete(self._ingests[kind]._process(some))
        between = time.process_time()
        came = [m for m in self._into.messages if m.partition == 0]
        self._into.messages.clear()
        first = self._shard.next_offset
        records = [to_record(self._message(m, first + n), "") for n, m in enumerate(came)]
        for at in range(0, len(records), BATCH):
            self._loop.run_until_complete(self._landing._publish(self._shard.apply(records[at : at + BATCH])))
        if count:
            self.ingest_s += between - begin
            self.fold_s += time.process_time() - between
            self.records += len(records)

    def _ingest(self, kind: str) -> ingest.Ingest:
        guard = Guard(kind, 1 << 20, Pseudonyms(), Limiter(0, 1, lambda: 0.0))
        limit = RejectLimit(1000, 0.5, 1000)
        return ingest.Ingest(kind, self._into, PARTITIONS, "", BATCH, 0.05, guard, limit, lambda _: None)

    @staticmethod
    def _message(m: Message, offset: int) -> Any:
        return SimpleNamespace(
            partition=0, offset=offset, key=m.key.encode(), value=m.value, headers=m.headers, timestamp=m.time
        )

    def _event(self, sent: Sent) -> Any:
        head = headers(sent.type, "id", sent.key, sent.time, "station")
        message = self._message(Message(0, sent.key, sent.time + 100, sent.value, head), sent.time)
        return SimpleNamespace(message=message, ack=lambda: None)


def main() -> None:
    """Measure and print."""
    for changing in (0.0, 1.0):
        workers = {form: Worker(form, changing) for form in FORMS}
        for number in range(WARM_UP + SECONDS):
            for one in workers.values():
                one.second(number)
        print(
            f"{changing:.0%} of the stations change their configuration in a second; milliseconds of a core a second:"
        )
        whole = {form: one.ingest_s + PARTITIONS * one.fold_s for form, one in workers.items()}
        for form, one in workers.items():
            print(
                f"  {FORMS[form]}: ingest {1000 * one.ingest_s / SECONDS:.1f}, the fold of one partition "
                f"{1000 * one.fold_s / SECONDS:.1f} for {one.records / SECONDS:.0f} records; with {PARTITIONS} of them "
                f"{whole[form] / whole['together']:.2f} times the first"
            )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
