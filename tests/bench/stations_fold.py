"""What folding costs where stations tell their configuration every second: `python -m tests.bench.stations_fold`.

One partition of 300 stations x 3 cells, in-process: processor time for a second of the network as it is, where what
ten groups of stations report goes through the log as ten records; where each message is a record; and as it would be if
each of those also cut the run of reports around it. They take turns, so that what else the machine does meets them all.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from infra.settings import load
from stream import shard
from stream.config import shard_config
from stream.decode import TOPOLOGY
from stream.routing import ALL, Entry
from stream.together import Arrived, together
from tests.bench.stations_load import CELLS, Sent, Stations
from twin.counters import CATALOGUE
from twin.log import LogRecord

PARTITIONS, SECONDS, WARM_UP, BATCH, GROUPS = 4, 30, 10, 250, 10
FORMS = {"together": "reports of configuration together", "single": "each a record", "cutting": "each cutting the run"}
waits_for_no_report = shard.waits_for_no_report


class Partition:
    """One shard, and what it has taken.

    Args:
        form: A key of `FORMS`.
        changing: Share of the stations whose configuration changes in a second.
    """

    def __init__(self, form: str, changing: float) -> None:
        self._form = form
        self._stations = Stations(300, PARTITIONS, datetime(2026, 3, 2, 8, tzinfo=UTC), changing)
        self._shard = shard.Shard(0, shard_config(load(None)), CATALOGUE)
        self._offset = self.records = 0
        self.used = 0.0
        self._shard.apply([self._record(self._stations.inventory())])

    def second(self, number: int) -> None:
        """Fold one second of the network."""
        records = [self._record(sent) for sent in self._sent(number)]
        shard.waits_for_no_report = (lambda *_: False) if self._form == "cutting" else waits_for_no_report
        begin = time.process_time()
        for at in range(0, len(records), BATCH):
            self._shard.apply(records[at : at + BATCH])
        self.used += (time.process_time() - begin) * (number >= WARM_UP)
        self.records += len(records) * (number >= WARM_UP)

    def _sent(self, number: int) -> Iterator[Sent]:
        sent = list(self._stations.second(number))
        for group in range(GROUPS):
            here = [m for station in sent[group::GROUPS] for m in station]
            yield from (m for m in here if m.kind != "topology" and self._stations.partition[m.key] == 0)
            changes = [m for m in here if m.kind == "topology"]
            if self._form != "together":
                yield from changes
                continue
            came = [Arrived(Entry(ALL, m.key, TOPOLOGY, m.time, m.value, CELLS), "", m.time + 200) for m in changes]
            for entry, _, _ in together(came):
                yield Sent("topology", entry.type, entry.key, entry.time, entry.value)

    def _record(self, sent: Sent) -> LogRecord:
        self._offset += 1
        return LogRecord(0, self._offset - 1, sent.key, sent.time + 200, sent.type, sent.value)


def main() -> None:
    """Measure and print."""
    for changing in (0.0, 1.0):
        partitions = {form: Partition(form, changing) for form in FORMS}
        for number in range(WARM_UP + SECONDS):
            for one in partitions.values():
                one.second(number)
        print(
            f"{changing:.0%} of the stations change their configuration in a second; of a core, a second and partition:"
        )
        for form, one in partitions.items():
            cost, base = one.used / SECONDS, partitions["together"].used / SECONDS
            print(
                f"  {FORMS[form]}: {one.records / SECONDS:.0f} records, {1000 * cost:.1f} ms, {cost / base:.2f} times "
                "the first"
            )
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
