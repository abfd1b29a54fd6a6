"""What the reader of a file is told, and what it tells besides the events it gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from twin.counters import CATALOGUE, Catalogue


@dataclass(slots=True)
class Account:
    """Of one file.

    Attributes:
        format: Its format's name; events say it as their source.
        name: Of the file, without its folder; some forms have a time or a type in it.
        catalogue: Counters that are known.
        options: What the user says of the files, such as a scope; only names that the format declares.
        dropped: Counters that aren't in the catalogue, and how many values of each were left out.
        notes: What was taken differently from how it stood, and how often.
        set_aside: Messages that are right and say nothing that the twin keeps, such as heartbeats.
    """

    format: str
    name: str = ""
    catalogue: Catalogue = CATALOGUE
    options: Mapping[str, str] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    set_aside: int = 0

    def aside(self, note: str) -> None:
        """A message is taken, and nothing of it kept; the note says what it was."""
        self.set_aside += 1
        self.notes[note] += 1
