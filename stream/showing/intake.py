"""What became of files, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

SHOWN = 40
NAMED = 8


def show_intake(result: dict[str, Any]) -> None:
    """Print a table of files, those with something to say first."""
    console = Console()
    files = sorted(result["files"], key=lambda one: (not one["rejected"], not one["notes"]))
    counts = [f"{result['reports']:,} reports", *(f"{n:,} {kind}" for kind, n in result["events"].items())]
    table = Table(title=f"{len(files)} files, {', '.join(counts)}", title_justify="left")
    for name in ("file", "format"):
        table.add_column(name, overflow="fold")
    for name in ("reports", "values", "dropped"):
        table.add_column(name, justify="right")
    table.add_column("else")
    table.add_column("remarks", overflow="fold")
    for one in files[:SHOWN]:
        remarks = [f"[red]{escape(one['rejected'])}[/red]"] if one["rejected"] else []
        remarks += [escape(note) if n == 1 else f"{escape(note)} ({n:,})" for note, n in one["notes"].items()]
        cells = (Path(one["path"]).name, one["format"], f"{one['reports']:,}", f"{one['values']:,}")
        others = ", ".join(f"{kind} {n:,}" for kind, n in one["events"].items())
        table.add_row(*map(escape, cells), f"{one['dropped'][0]:,}", others, "; ".join(remarks))
    console.print(table)
    if len(files) > SHOWN:
        console.print(f"and {len(files) - SHOWN} more; --json lists all")
    if unknown := result["unknown_counters"]:
        named = ", ".join(list(unknown)[:NAMED])
        more = f" and {len(unknown) - NAMED} more" if len(unknown) > NAMED else ""
        console.print(
            f"dropped, because the catalogue doesn't know them: {escape(named)}{more}. A vendor's own counters are "
            "taken with --vendor NAME, or by a profile that declares them"
        )
