"""One object's state for people, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show_state(found: dict[str, Any]) -> None:
    """Print what `lockstep state` has found."""
    console = Console()
    console.print(f"as of {found['at'] or 'now'}, from {found['source']}", style="dim")
    for each in found["objects"]:
        _show(console, each)


def _show(console: Console, each: dict[str, Any]) -> None:
    marks = [each.get("kind", "not in the topology")]
    if "declared" in each and not each["declared"]:
        marks.append("[yellow]not in the inventory[/]")
    if each["stale"]:
        marks.append("[red]silent[/]")
    console.print(f"[bold]{escape(each['dn'])}[/]  {', '.join(marks)}")
    if "revision" in each:
        console.print(f"  revision {each['revision']}, modified {each['modified']}")
    if each.get("attributes") or each.get("reported"):
        console.print(_attributes(each))
    if "radio" in each:
        console.print(f"  {_radio(each['radio'])}", highlight=False)
    if each["values"]:
        console.print(_values(each["values"]))
    for alarm in each["alarms"]:
        console.print(f"  [red]{alarm['perceivedSeverity']}[/] {escape(alarm['probableCause'])}, {alarm['eventTime']}")


def _radio(radio: dict[str, Any]) -> str:
    error = "" if radio["error_db"] is None else f", median error {radio['error_db']:g} dB"
    parts = [
        f"radio: {radio['tier']}, version {radio['version']}, {radio['cells']} cells in {escape(radio['scene'])}",
        f"{radio['soundings']} positions remembered{error}",
    ]
    if radio["on_probation"]:
        parts.append("on probation")
    if radio["burst"]:
        parts.append(f"waits for {escape(radio['burst'])}")
    elif radio["wants"]:
        parts.append(f"wants a burst: {radio['wants']}")
    return "; ".join(parts)


def _attributes(each: dict[str, Any]) -> Table:
    table = Table("attribute", "desired", "reported", box=None, padding=(0, 2))
    for name in sorted({*each["attributes"], *each["reported"]}):
        desired, reported = (escape(str(each[side].get(name, "-"))) for side in ("attributes", "reported"))
        mark = "[yellow]" if name in each["deviations"] else ""
        table.add_row(escape(name), desired, f"{mark}{reported}")
    return table


def _values(values: list[dict[str, Any]]) -> Table:
    table = Table("counter", "value", "as of", "period", box=None, padding=(0, 2))
    for value in values:
        mark = " (suspect)" if value["suspect"] else ""
        table.add_row(value["counter"], f"{value['value']:g}{mark}", value["as_of"], f"{value['granularity_s']} s")
    return table
