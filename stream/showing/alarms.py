"""Alarms as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from stream.alarms.commands import Listed
    from twin.alarm_events import AlarmState

SHOWN = 100
_COLOURS = {"CRITICAL": "bold red", "MAJOR": "red", "MINOR": "yellow", "WARNING": "cyan", "INDETERMINATE": "dim"}


def show_alarms(found: Listed) -> None:
    """Print a row an alarm."""
    console = Console()
    table = Table(box=None, pad_edge=False)
    for name in ("severity", "object", "cause", "since", "acknowledged", "root cause", "number"):
        table.add_column(name, overflow="fold", no_wrap=name == "number")
    for one in found.alarms[:SHOWN]:
        alarm = one.alarm
        table.add_row(
            f"[{_COLOURS.get(alarm.perceived_severity, '')}]{alarm.perceived_severity}[/]",
            escape(alarm.object_instance),
            escape(alarm.specific_problem or alarm.probable_cause),
            one.raised.strftime("%Y-%m-%d %H:%M:%S"),
            escape(alarm.ack_user_id or "yes") if alarm.ack_state == "ACKNOWLEDGED" else _waits(one),
            _cause(one),
            one.number,
        )
    for own in found.own[:SHOWN]:
        told = own.alarm_raised_time
        since = told.strftime("%Y-%m-%d %H:%M:%S") if told else ""
        table.add_row("own", escape(own.object_instance), escape(own.specific_problem), since, "", "", "")
    console.print(table)
    if len(found.alarms) > SHOWN:
        console.print(f"and {len(found.alarms) - SHOWN} more; --json lists all")
    kept = {name.removeprefix("alarm.held."): n for name, n in found.counts.items() if name.startswith("alarm.held.")}
    told_of = ", ".join(f"{n} {name}" for name, n in kept.items()) or "none"
    console.print(f"{len(found.alarms)} alarms stand; kept back since the log began: {told_of}", highlight=False)


def _waits(one: AlarmState) -> str:
    return f"escalates {one.escalates:%H:%M:%S}" if one.escalates else ", ".join(one.held)


def _cause(one: AlarmState) -> str:
    marks = [f"root of {one.correlated}"] if one.correlated else []
    if one.root_object:
        marks.append(f"{one.root_object} ({one.root_alarm})")
    if one.in_doubt:
        marks.append("in doubt")
    return escape("; ".join(marks))
