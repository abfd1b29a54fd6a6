"""Files -> the running network's twin, or a recording; and what became of each file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from stream.broker import Producer
from stream.partition import partition_of
from stream.pseudonyms import Pseudonyms
from stream.source_messages import SourceEvent, Told, message_of, told
from stream.sources.files import Reading, open_reading
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Report
from twin.log import LogRecord

AT_ONCE = 500
"""Messages sent together."""

Progress = Callable[[int], None]


class FileOutcome(msgspec.Struct):
    """What became of one file.

    Attributes:
        reports, values: Taken.
        events: What else was taken, by kind, such as `alarm`; and what says nothing that the twin keeps, `aside`.
        dropped: Values of counters that aren't in the catalogue, and of how many such counters.
        notes: What was taken differently from how it stood.
        rejected: Why it, or what is left of it, can't be read; empty if all of it was.
    """

    path: str
    format: str = ""
    reports: int = 0
    values: int = 0
    events: dict[str, int] = {}
    dropped: tuple[int, int] = (0, 0)
    notes: dict[str, int] = {}
    rejected: str = ""

    def count(self, event: SourceEvent, kind: str) -> None:
        """One more."""
        if isinstance(event, Report):
            self.reports += 1
            self.values += sum(len(row) - row.count(None) for row in event.values)
        else:
            self.events[kind] = self.events.get(kind, 0) + 1


class Intake:
    """Goes through files and gives what they say.

    Args:
        format: `auto`, or of all of them.
        options: See `Account`.
        pseudonyms: Replaces identifiers of subscribers; None: whoever takes the events does.

    Attributes:
        outcomes: One a file, complete when it has been gone through.
        unknown: Counters that aren't in the catalogue, and how many values of each were dropped.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        catalogue: Catalogue,
        format: str = "auto",
        options: Mapping[str, str] | None = None,
        pseudonyms: Pseudonyms | None = None,
    ) -> None:
        self._paths, self._catalogue, self._format = list(paths), catalogue, format
        self._options, self._pseudonyms = options or {}, pseudonyms
        self.outcomes: list[FileOutcome] = []
        self.unknown: Counter[str] = Counter()

    def events(self, on_bytes: Progress = lambda _: None) -> Iterator[Told]:
        """Every event of every file; a file that can't be read on is left, and the next one begun.

        Args:
            on_bytes: Is told how far all files have been read [byte].
        """
        before = 0
        for path in self._paths:
            outcome = FileOutcome(str(path))
            self.outcomes.append(outcome)
            try:
                with path.open("rb") as file:
                    reading = open_reading(path, file, self._catalogue, self._format, self._options)
                    for one in self._each(reading, outcome):
                        yield one
                        on_bytes(before + reading.position())
            except BadInput as error:
                outcome.rejected = str(error)
            except OSError as error:
                outcome.rejected = f"can't be read: {error.strerror}"
            else:
                if not (outcome.reports or outcome.events or outcome.dropped[0]):
                    outcome.rejected = "empty: it holds nothing that the twin keeps"
            before += path.stat().st_size if path.exists() else 0
            on_bytes(before)

    def _each(self, reading: Reading, outcome: FileOutcome) -> Iterator[Told]:
        outcome.format, account = reading.format, reading.account
        try:
            for event in reading.events:
                one = told(event)
                if self._pseudonyms is not None:
                    one = one._replace(body=self._pseudonyms.json(one.body), key=self._pseudonyms.text(one.key))
                outcome.count(event, one.kind)
                yield one
        finally:
            self.unknown.update(account.dropped)
            outcome.notes = dict(account.notes)
            outcome.dropped = (sum(account.dropped.values()), len(account.dropped))
            if account.set_aside:
                outcome.events["aside"] = account.set_aside

    def where(self) -> str:
        """Which file is being read, in words."""
        return f"file {len(self.outcomes)} of {len(self._paths)}"

    def result(self) -> dict[str, Any]:
        """All of it, as plain data."""
        others: Counter[str] = Counter()
        for one in self.outcomes:
            others.update(one.events)
        return {
            "files": [msgspec.to_builtins(one) for one in self.outcomes],
            "reports": sum(one.reports for one in self.outcomes),
            "values": sum(one.values for one in self.outcomes),
            "events": dict(sorted(others.items())),
            "rejected": sum(bool(one.rejected) for one in self.outcomes),
            "unknown_counters": dict(self.unknown.most_common()),
        }


def as_records(events: Iterable[Told], partitions: int) -> Iterator[LogRecord]:
    """What files say, in the order of time, as a log that nobody has had yet.

    Files come in any order and a recording is played as it stands: so everything is read first. At one time the
    network comes before what is said of it.
    """
    offsets = [0] * partitions
    keyed = [(one.time, not one.everywhere, one.key, number, one) for number, one in enumerate(events)]
    for *_, one in sorted(keyed, key=lambda entry: entry[:4]):
        targets = range(partitions) if one.everywhere else (partition_of(one.key, partitions),)
        for partition in targets:
            yield LogRecord(partition, offsets[partition], one.key, one.time, one.type, one.body)
            offsets[partition] += 1


async def send(events: Iterable[Told], producer: Producer, prefix: str, partitions: int) -> int:
    """Send events to their source topics, of so many partitions; returns how many. Raises Unavailable."""
    sent = 0
    waiting = iter(events)
    while some := list(islice(waiting, AT_ONCE)):
        by_topic: dict[str, list[Any]] = {}
        for one in some:
            topic, message = message_of(one, partitions)
            by_topic.setdefault(topic, []).append(message)
        for topic, messages in by_topic.items():
            await producer.send(prefix + topic, messages)
        sent += len(some)
    return sent
