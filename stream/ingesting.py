"""Files of measurements -> the running network's twin, or a recording; and what became of each file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from stream.broker import Producer
from stream.decode import REPORT, to_ms
from stream.outlets import ENCODER
from stream.partition import partition_of
from stream.source_messages import source_message
from stream.sources.files import open_reading
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Report
from twin.log import LogRecord

AT_ONCE = 500
"""Reports sent together."""

Progress = Callable[[int], None]


class FileOutcome(msgspec.Struct):
    """What became of one file.

    Attributes:
        reports, values: Taken.
        dropped: Values of counters that aren't in the catalogue, and of how many such counters.
        notes: What was taken differently from how it stood.
        rejected: Why it, or what is left of it, can't be read; empty if all of it was.
    """

    path: str
    format: str = ""
    reports: int = 0
    values: int = 0
    dropped: tuple[int, int] = (0, 0)
    notes: dict[str, int] = {}
    rejected: str = ""


class Intake:
    """Goes through files and gives their reports.

    Attributes:
        outcomes: One a file, complete when it has been gone through.
        unknown: Counters that aren't in the catalogue, and how many values of each were dropped.
    """

    def __init__(self, paths: Iterable[Path], catalogue: Catalogue, format: str = "auto") -> None:
        self._paths, self._catalogue, self._format = list(paths), catalogue, format
        self.outcomes: list[FileOutcome] = []
        self.unknown: Counter[str] = Counter()

    def reports(self, on_bytes: Progress = lambda _: None) -> Iterator[Report]:
        """Every report of every file; a file that can't be read on is left, and the next one begun.

        Args:
            on_bytes: Is told how far all files have been read [byte].
        """
        before = 0
        for path in self._paths:
            outcome = FileOutcome(str(path))
            self.outcomes.append(outcome)
            try:
                with path.open("rb") as file:
                    reading = open_reading(path, file, self._catalogue, self._format)
                    outcome.format = reading.format
                    try:
                        for report in reading.reports:
                            outcome.reports += 1
                            yield report
                            on_bytes(before + reading.position())
                    finally:
                        dropped = reading.made.names.dropped
                        self.unknown.update(dropped)
                        outcome.values, outcome.notes = reading.made.values, dict(reading.made.notes)
                        outcome.dropped = (sum(dropped.values()), len(dropped))
            except BadInput as error:
                outcome.rejected = str(error)
            except OSError as error:
                outcome.rejected = f"can't be read: {error.strerror}"
            else:
                if not outcome.reports and not outcome.dropped[0]:
                    outcome.rejected = "empty: it holds no measurements"
            before += path.stat().st_size if path.exists() else 0
            on_bytes(before)

    def result(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return {
            "files": [msgspec.to_builtins(one) for one in self.outcomes],
            "reports": sum(one.reports for one in self.outcomes),
            "values": sum(one.values for one in self.outcomes),
            "rejected": sum(bool(one.rejected) for one in self.outcomes),
            "unknown_counters": dict(self.unknown.most_common()),
        }


def as_records(reports: Iterable[Report], partitions: int) -> Iterator[LogRecord]:
    """Reports in the order of their periods' ends, as a log that nobody has had yet.

    Files come in any order and a recording is played as it stands: so everything is read first.
    """
    offsets = [0] * partitions
    keyed = [(to_ms(report.end), report.element, number, report) for number, report in enumerate(reports)]
    for end, element, _, report in sorted(keyed, key=lambda one: one[:3]):
        partition = partition_of(element, partitions)
        yield LogRecord(partition, offsets[partition], element, end, REPORT, ENCODER.encode(report))
        offsets[partition] += 1


async def send(reports: Iterable[Report], producer: Producer, prefix: str, partitions: int) -> int:
    """Send reports to `telemetry.reports`, of so many partitions; returns how many. Raises Unavailable."""
    sent = 0
    told = (source_message(report, partitions) for report in reports)
    while some := list(islice(told, AT_ONCE)):
        await producer.send(prefix + some[0][0], [message for _, message in some])
        sent += len(some)
    return sent
