"""The difference between two topologies, for people, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from twin.topology_diff import TopologyDiff

SHOWN = 200
"""Lines; --json prints all."""


def show_diff(found: TopologyDiff, console: Console | None = None) -> None:
    """Print it as a table: a line an object or relation that came or went, and one a fact that changed."""
    console = console or Console()
    if not found:
        console.print("no difference")
        return
    rows: list[tuple[str, ...]] = [row for parts in found for row in _rows(parts)]
    table = Table("", "what", "fact", "old", "new")
    for row in rows[:SHOWN]:
        table.add_row(*row)
    console.print(table)
    if len(rows) > SHOWN:
        console.print(f"... and {len(rows) - SHOWN:,} more lines; --json prints all")
    for title, parts in (("objects", found.objects), ("relations", found.relations)):
        console.print(f"{title}: {len(parts.added)} added, {len(parts.removed)} removed, {len(parts.changed)} changed")


def _rows(parts: Any) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("[green]+", _name(key), "", "", _kind(parts.added[key])) for key in sorted(parts.added)
    ]
    rows += [("[red]-", _name(key), "", _kind(parts.removed[key]), "") for key in sorted(parts.removed)]
    rows += [
        ("[yellow]~", _name(key), escape(fact), _value(old), _value(new))
        for key in sorted(parts.changed)
        for fact, (old, new) in parts.changed[key].items()
    ]
    return rows


def _name(key: Any) -> str:
    return escape(key if isinstance(key, str) else f"{key[0]} -{key[2]}-> {key[1]}")


def _kind(facts: Any) -> str:
    return escape(str(facts.get("kind", "relation")))


def _value(value: Any) -> str:
    return "-" if value is None else escape(str(value))
