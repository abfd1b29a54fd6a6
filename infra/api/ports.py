"""What the routes stand on: filled in by whoever starts the API. Plain data out, so that no store shows through."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

Plain = dict[str, Any]


class Listed(NamedTuple):
    """A page of a list.

    Attributes:
        next: What the next page begins after; None: this was the last.
    """

    items: list[Plain]
    next: tuple[Any, ...] | None


class TopologyFilter(NamedTuple):
    """Which objects of the topology; empty: all."""

    kinds: tuple[str, ...] = ()
    below: str = ""
    text: str = ""
    declared: bool | None = None


class Live(Protocol):
    """The twin as it is now. Methods block for a moment: call them in a thread."""

    def ready(self) -> list[str]:
        """Why it can't answer yet; empty: it can."""

    def summary(self) -> Plain: ...

    def objects(self, which: TopologyFilter, after: str, limit: int) -> Listed: ...

    def object(self, dn: str) -> Plain | None: ...

    def neighbours(self, dn: str) -> Plain | None: ...

    def subgraph(self, dn: str, depth: int, kinds: Sequence[str], relations: Sequence[str], most: int) -> Plain | None:
        """What can be reached from an object in so many steps, at most so many objects."""

    def state(self, dn: str, *, subtree: bool, most: int) -> list[Plain]: ...

    def desired(self, dn: str) -> Plain | None: ...

    def columns(self, which: TopologyFilter, counters: Sequence[str]) -> Plain: ...

    def layout(self, which: TopologyFilter) -> Plain: ...

    def counters(self) -> list[Plain]: ...

    def unit(self, counter: str) -> str: ...

    def congestion(self, target: str, below: str, least: float, after: tuple[Any, ...] | None, limit: int) -> Listed:
        """Newest predictions, most probable first."""

    def failures(self, target: str, below: str, least: float, after: tuple[Any, ...] | None, limit: int) -> Listed: ...

    def fidelity(self) -> list[Plain]: ...

    def scores(self) -> list[Plain]: ...

    def alarms(
        self, severities: Sequence[str], below: str, held: bool | None, after: tuple[Any, ...] | None, limit: int
    ) -> tuple[Listed, dict[str, int]]:
        """A page, and how many stand of each severity."""

    def alarm(self, number: str) -> Plain | None: ...

    def tmf_alarm(self, number: str) -> Plain | None: ...

    def bursts(self, *, open_only: bool) -> list[Plain]: ...

    def rejected(self, after: tuple[Any, ...] | None, limit: int) -> Listed: ...

    def rejected_one(self, id_: str) -> Plain | None: ...

    def rejected_bytes(self, id_: str) -> bytes | None: ...

    def radio(self) -> list[Plain]: ...

    def radio_map(self, region: str, cell: str) -> Plain | None: ...

    def radio_picture(self, region: str, cell: str) -> bytes | None:
        """A PNG.

        Raises:
            ConfigurationError: What draws it is not installed.
        """

    def change(self, id_: str) -> Plain | None:
        """What became of a change that was asked for here."""


class Past(Protocol):
    """The twin as it was. Methods block for seconds: few at a time."""

    def objects(self, at: datetime, which: TopologyFilter, after: str, limit: int) -> Listed: ...

    def object(self, at: datetime, dn: str) -> Plain | None: ...

    def neighbours(self, at: datetime, dn: str) -> Plain | None: ...

    def subgraph(
        self, at: datetime, dn: str, depth: int, kinds: Sequence[str], relations: Sequence[str], most: int
    ) -> Plain | None: ...

    def state(self, at: datetime, dn: str, *, subtree: bool) -> Plain: ...

    def names(self, at: datetime, which: TopologyFilter) -> list[str]: ...

    def columns(self, at: datetime, which: TopologyFilter, counters: Sequence[str]) -> Plain | None:
        """None where only the database reaches back so far."""

    def alarms(
        self,
        at: datetime,
        severities: Sequence[str],
        below: str,
        held: bool | None,
        after: tuple[Any, ...] | None,
        limit: int,
    ) -> tuple[Listed, dict[str, int]] | None:
        """None where only the database reaches back so far."""

    def layout(self, at: datetime, which: TopologyFilter) -> Plain: ...

    def radio(self, at: datetime) -> list[Plain] | None:
        """None where only the database reaches back so far; so with the next two."""

    def radio_map(self, at: datetime, region: str, cell: str) -> Plain | None: ...

    def radio_picture(self, at: datetime, region: str, cell: str) -> bytes | None: ...


class Question(NamedTuple):
    """What of the history.

    Attributes:
        bucket_s: Summaries of so many seconds; 0: what was measured.
        after: Place of the last row of the page before.
    """

    names: tuple[str, ...]
    counters: tuple[str, ...]
    since: datetime
    until: datetime
    bucket_s: int
    after: tuple[Any, ...] | None
    limit: int


class History(Protocol):
    """What the database keeps."""

    async def series(self, question: Question) -> tuple[list[Plain], tuple[Any, ...] | None]:
        """Series, and where the next page begins after."""

    async def columns_at(self, names: Sequence[str], counters: Sequence[str], at: datetime) -> Plain: ...

    async def congestion_at(self, names: Sequence[str], at: datetime) -> Plain:
        """What was predicted then, by target: a probability an object."""

    async def events(
        self,
        kinds: Sequence[str],
        key: str,
        since: datetime | None,
        until: datetime | None,
        after: tuple[Any, ...] | None,
        limit: int,
    ) -> Listed: ...

    async def committed(self) -> dict[int, int]:
        """The offset that each partition's worker has reached."""


class Commands(Protocol):
    """What somebody may ask of the twin: each becomes an event of the log, or a word to the burst workers."""

    async def change_desired(self, dn: str, kind: str, values: Plain, who: str) -> Plain: ...

    async def note_alarm(self, alarm: Plain, action: str, text: str, who: str) -> str:
        """Acknowledge, comment or clear; the note's id."""

    async def order_burst(self, region: str, reason: str, who: str) -> str:
        """The order's id."""

    async def cancel_burst(self, request: str) -> None: ...

    async def models(self, *, everything: bool, at: datetime | None = None) -> list[Plain]: ...

    async def model(self, name: str) -> Plain: ...

    async def promote(self, name: str, targets: list[str], reason: str, who: str) -> list[Plain]: ...

    async def retire(self, name: str, targets: list[str], reason: str, who: str) -> list[Plain]: ...

    async def roll_back(self, target: str | None, reason: str, who: str) -> list[Plain]: ...


class Ports(NamedTuple):
    """All of them."""

    live: Live
    past: Past
    history: History
    commands: Commands
