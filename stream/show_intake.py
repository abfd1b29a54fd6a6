"""What became of files of measurements, for people."""

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
    table = Table(title=f"{len(files)} files, {result['reports']:,} reports", title_justify="left")
    for name in ("file", "format"):
        table.add_column(name, overflow="fold")
    for name in ("reports", "values", "dropped"):
        table.add_column(name, justify="right")
    table.add_column("remarks", overflow="fold")
    for one in files[:SHOWN]:
        remarks = [f"[red]{escape(one['rejected'])}[/red]"] if one["rejected"] else []
        remarks += [escape(note) if n == 1 else f"{escape(note)} ({n:,})" for note, n in one["notes"].items()]
        cells = (Path(one["path"]).name, one["format"], f"{one['reports']:,}", f"{one['values']:,}")
        table.add_row(*map(escape, cells), f"{one['dropped'][0]:,}", "; ".join(remarks))
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
