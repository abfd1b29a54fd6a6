"""Reads all sample files, each by itself, as `lockstep convert` does; what became of them, and by what rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from stream.ingesting import FileOutcome, Intake
from stream.source_messages import Told
from stream.sources.files import found
from stream.sources.profile import full_catalogue

ROOT: Final = Path(__file__).parents[3] / "shared" / "data" / "standard_messages"
FILES: Final = 266
VENDORS: Final = ("Ericsson", "FooBar", "Company", "Vendor")
"""Who sent the samples: their own counters are declared."""

PAPERS: Final = ("LICENSE.txt", "rfc8428.txt", "CommonEventFormat_30.2.1_ONAP.json", "CommonEventFormat_30.1-ONAP.json")
"""Licences, a standard's text and schemas: no messages at all."""


class Became(NamedTuple):
    """One file: where it lies below `ROOT`, what became of it, and what it said."""

    path: str
    outcome: FileOutcome
    told: list[Told]

    @property
    def folder(self) -> str:
        """Where it came from."""
        return self.path.partition("/")[0]

    @property
    def verdict(self) -> str:
        """`taken`, `aside`, `rejected` or, where it is no message, `paper`."""
        if self.path.rpartition("/")[2] in PAPERS:
            return "paper"
        if self.outcome.rejected:
            return "rejected"
        return "taken" if self.told else "aside"

    @property
    def reason(self) -> str:
        """Why it was rejected, in one word."""
        return self.outcome.rejected.partition(":")[0]


def survey(root: Path = ROOT, options: Mapping[str, str] | None = None) -> Iterator[Became]:
    """All files below `root`, in the order of their names."""
    catalogue = full_catalogue(vendors=VENDORS)
    for path in found(root):
        intake = Intake([path], catalogue, options=options)
        told = list(intake.events())
        (outcome,) = intake.outcomes
        yield Became(str(path.relative_to(root)), outcome, told)


def by_folder(files: Iterable[Became]) -> dict[str, list[Became]]:
    """Files by their origin and, there, by how they were taken."""
    grouped: dict[str, list[Became]] = {}
    for one in files:
        kind = f"{one.outcome.format or 'none'}: {one.reason}" if one.outcome.rejected else one.outcome.format
        grouped.setdefault(f"{one.folder}|{one.verdict}|{kind}", []).append(one)
    return grouped


def counts(files: Iterable[Became]) -> dict[str, int]:
    """What the files gave, together."""
    total: Counter[str] = Counter()
    for one in files:
        total.update({"reports": one.outcome.reports, "values": one.outcome.values, "dropped": one.outcome.dropped[0]})
        total.update(one.outcome.events)
    return {name: n for name, n in total.items() if n}
