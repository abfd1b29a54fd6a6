"""Why something is predicted, for people, in the terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

MOST = 12
"""Features that are shown; `--json` has all."""


def show_explanation(found: dict[str, Any]) -> None:
    """Print what `lockstep explain` has found."""
    console = Console()
    as_of = found["at"] or (f"{found['reached']}, now" if found["reached"] else "now")
    console.print(f"{escape(found['dn'])} as of {as_of}, from {found['source']}", style="dim")
    if found.get("why"):
        console.print(f"only what was told and stored: {escape(found['why'])}", style="yellow")
    for each in found["predictions"]:
        _show(console, each)


def _show(console: Console, each: dict[str, Any]) -> None:
    console.print(f"\n[bold]{escape(each['target'])}[/]  {_percent(each['probability'])}", highlight=False)
    if "time" not in each:
        console.print(f"  told: {escape(str(each['told']))}", highlight=False)
        return
    console.print(f"  from what was known at {each['time']}, for {each['speaks_of']}", highlight=False)
    for line in _facts(each):
        console.print(f"  {line}", highlight=False)
    console.print(_models(each))
    if each["contributions"]:
        console.print(_parts(f"what moves it, from {each['base']:+.2f} log-odds", each["contributions"]))
    if each["batch"] is not None and each["batch"]["contributions"]:
        console.print(_parts("what moves the batch model, from its average", each["batch"]["contributions"]))
    if each.get("signals"):
        console.print(_signals(each["signals"]))


def _facts(each: dict[str, Any]) -> list[str]:
    if each["kind"] == "congestion":
        told = each["told"]
        stored = "" if told is None else f"; the history has {_percent(told['probability'])}"
        return [
            f"value {_number(each['value'])}, expected now {_number(each['expected_now'])}, then "
            f"{_number(each['expected_then'])}, threshold {each['threshold']:g}{stored}"
        ]
    lines = [f"health {_number(each['health'])}; objects of this kind fail at {_percent(each['base_rate'])}"]
    if each["wears"]:
        low, middle, high = (_number(each[f"remaining_life{part}_s"], 3600) for part in ("_low", "", "_high"))
        lines.append(f"{each['wears']} wears and reaches its limit in {middle} h ({low} to {high})")
    if each["fault_name"]:
        lines.append(f"expected fault: {escape(each['fault_name'])}")
    if not each["at_risk"]:
        lines.append("not at risk now: an alarm stands or has just gone, or nothing is measured")
    if each["note"]:
        lines.append(escape(each["note"]))
    if each["told"] is not None:
        lines.append(f"told last at {each['told']['time']}: {_percent(each['told']['probability'])}")
    return lines


def _models(each: dict[str, Any]) -> Table:
    table = Table("model", "alone", "blended", "weights", box=None, padding=(0, 2))
    table.add_row(f"online, {escape(each['model_version'])}", _percent(each["online_probability"]), "", "")
    for one in [*([each["batch"]] if each["batch"] else []), *each["shadows"]]:
        weights = ", ".join(f"{row} {weight:g}" for row, weight in one["blend"].items())
        alone, both = _percent(one["probability"]), _percent(one["blended_probability"])
        table.add_row(f"{escape(one['model'])}, {one['state']}", alone, both, weights)
    return table


def _parts(title: str, parts: list[dict[str, Any]]) -> Table:
    table = Table("feature", "value", "adds", title=title, title_justify="left", box=None, padding=(0, 2))
    for one in parts[:MOST]:
        table.add_row(escape(one["feature"]), _number(one["value"]), f"{one['adds']:+.3f}")
    if len(parts) > MOST:
        table.add_row(f"{len(parts) - MOST} more", "", f"{sum(one['adds'] for one in parts[MOST:]):+.3f}")
    return table


def _signals(signals: list[dict[str, Any]]) -> Table:
    columns = ("signal", "counter", "expected", "off", "sigma", "residual", "limit", "used")
    table = Table(*columns, title="what the twin expects of it as new", title_justify="left", box=None, padding=(0, 2))
    for one in signals:
        table.add_row(one["signal"], escape(one["counter"]), *(_number(one[column]) for column in columns[2:]))
    return table


def _percent(probability: float | None) -> str:
    return "-" if probability is None else f"{100 * probability:.2f} %"


def _number(value: float | None, unit: float = 1) -> str:
    return "-" if value is None else f"{value / unit:.4g}"
