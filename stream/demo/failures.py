"""What the demo shows of failures: who is likely to fail, why, and how long what wears will last."""

from __future__ import annotations

from typing import Any

from rich.markup import escape
from rich.table import Table

WARNED = 0.1
"""Probability from which a prediction is shown."""
SHOWN = 6


class FailureView:
    """The newest failure prediction of every object and target.

    Attributes:
        warned: Those that have been likely to fail, by object and target.
        scores: By target and kind of object.
    """

    def __init__(self) -> None:
        self.warned: dict[tuple[str, str], dict[str, Any]] = {}
        self._strongest: dict[tuple[str, str], dict[str, Any]] = {}
        self.scores: dict[str, dict[str, Any]] = {}

    def predicted(self, body: dict[str, Any]) -> None:
        """A prediction has come."""
        key = (body["object"], body["target"])
        if body["probability"] >= WARNED or key in self.warned:
            self.warned[key] = body
            if body["probability"] >= self._strongest.get(key, body)["probability"]:
                self._strongest[key] = body

    def strongest(self) -> list[dict[str, Any]]:
        """The strongest warning of each object and target, the likeliest first."""
        return _likeliest(self._strongest)

    def table(self) -> Table:
        """For a person."""
        table = Table(title="likely to fail", title_justify="left", expand=True)
        for column in ("object", "target", "probability", "health", "lasts", "expected fault", "because of"):
            table.add_column(column)
        for body in _likeliest(self.warned):
            left = [body[f"remaining_life{part}_s"] for part in ("_low", "", "_high")]
            lasts = "-" if None in left else "{1:.0f} h ({0:.0f} to {2:.0f})".format(*(x / 3600 for x in left))
            said = (body["object"], body["target"], f"{body['probability']:.0%}", f"{body['health']:.0f}", lasts)
            table.add_row(*map(escape, said), body["fault_name"] or "-", ", ".join(body["drivers"]) or body["note"])
        return table


def _likeliest(bodies: dict[tuple[str, str], dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(bodies.values(), key=lambda body: -float(body["probability"]))[:SHOWN]
