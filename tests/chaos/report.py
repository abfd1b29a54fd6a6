"""Outcomes as a table for people, for the documentation and for programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tests.chaos.trial import Outcome

HEAD = (
    "fault", "tried", "rows", "lost", "doubled", "differing", "repeated outlets", "written unfenced", "digest equal",
    "first batch after, median / max [s]", "level after, median / max [s]", "longest pause [s]", "not delivered",
)  # fmt: skip


def markdown(outcomes: Sequence[Outcome]) -> str:
    """The table, then what else was seen."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    lines += ["| " + " | ".join(_cells(one)) + " |" for one in outcomes]
    lines.append("")
    lines += [f"- `{one.fault}` ({one.what}): " + "; ".join(_counted(one.notes)) for one in outcomes if one.notes]
    lines += [f"- `{one.fault}` FAILED: {one.error}" for one in outcomes if one.error]
    return "\n".join(lines)


def plain(outcome: Outcome) -> dict[str, Any]:
    """One outcome as an object of JSON."""
    verdict = outcome.verdict
    return {**asdict(outcome), "verdict": verdict and verdict._asdict(), "good": outcome.good()}


def _cells(one: Outcome) -> list[str]:
    if one.skipped:
        return [one.fault, f"not tried: {one.skipped}", *[""] * (len(HEAD) - 2)]
    if one.verdict is None:
        return [one.fault, str(one.tried), "failed, see below", *[""] * (len(HEAD) - 3)]
    v = one.verdict
    counts = [str(n) for n in (v.rows, v.lost, v.doubled, v.differing, v.repeated, v.unfenced)]
    times = [_spread(one.first_s), _spread(one.level_s), f"{one.pause_s:.1f}"]
    return [one.fault, str(one.tried), *counts, "yes" if v.digest_equal else "NO", *times, str(one.undelivered)]


def _spread(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f} / {max(seconds):.1f}" if seconds else ""


def _counted(notes: Sequence[str]) -> list[str]:
    """Each note once, with how often it was made."""
    return [note if notes.count(note) == 1 else f"{note} ({notes.count(note)} times)" for note in dict.fromkeys(notes)]
