"""Which cells sleep to save energy: that is no failure, no drift, no silence (TS 28.310).

A cell sleeps while the network reports so of it (`energySavingState` of TS 28.541, or what stands for it), or while a
counter that the settings name says so of its newest period. An element sleeps when all its cells do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from stream.shard import Shard
    from twin.alarm_record import Alarm

STATES: Final = ("energySavingState", "energySaving", "sleepState")
"""Reported attributes that may say it."""
ASLEEP: Final = frozenset({"isenergysaving", "energysaving", "true", "asleep", "sleep", "sleeping", "on"})

_CONSEQUENCES: Final = frozenset({"COMMUNICATIONS_ALARM", "QUALITY_OF_SERVICE_ALARM", "OTHER", ""})
_CAUSES: Final = frozenset(
    {
        *(
            "transmitterfailure",
            "receiverfailure",
            "degradedsignal",
            "lossofsignal",
            "outofservice",
            "performancedegraded",
        ),
        *("unavailable", "underlyingresourceunavailable", "thresholdcrossed", "51"),
    }
)


def consequence(alarm: Alarm) -> bool:
    """Whether an alarm may come from its cell having gone to sleep: a broken fan doesn't."""
    return alarm.alarm_type in _CONSEQUENCES or alarm.probable_cause.strip().lower() in _CAUSES


def says_asleep(reported: Mapping[str, Any]) -> bool:
    """Whether what the network reports of an object says that it sleeps."""
    return any(str(reported[name]).replace("_", "").lower() in ASLEEP for name in STATES if name in reported)


class Asleep:
    """Looks it up; all of it is derived from the topology and from the newest values.

    Args:
        rules: Counters and the thresholds above which a cell sleeps.
    """

    def __init__(self, rules: Sequence[tuple[str, float]]) -> None:
        self._rules = rules
        self._reported: tuple[int, frozenset[str]] = (-1, frozenset())

    def names(self, shard: Shard) -> set[str]:
        """All that sleep, and say so themselves."""
        if self._reported[0] != shard.topology.revision:
            nodes = shard.topology.graph.nodes.items()
            found = frozenset(name for name, node in nodes if node["reported"] and says_asleep(node["reported"]))
            self._reported = (shard.topology.revision, found)
        names = set(self._reported[1])
        for counter, threshold in self._rules:
            for _, table in sorted(shard.tables.items()):
                if counter in table.counters:
                    column, c = table.counters.index(counter), table.columns
                    newest = c["as_of"][column] == c["end"] // 1000
                    rows = np.flatnonzero(newest & (c["values"][column] > threshold))
                    names.update(table.names[row] for row in rows.tolist())
        return names

    def of(self, shard: Shard, name: str, names: set[str] | None = None) -> bool:
        """Whether an object sleeps: itself, what it is a part of by name, or all cells below it.

        Args:
            names: What `names` gave, for who asks of many.
        """
        known = self.names(shard) if names is None else names
        if not known:
            return False
        at = name
        while at:
            if at in known:
                return True
            at = at.rpartition(",")[0]
        cells = shard.topology.cells_of_element(name)
        return bool(cells) and all(cell in known for cell in cells)

    def rows(self, shard: Shard, names: Iterable[str]) -> NDArray[np.bool_] | None:
        """Which of the objects sleep, `[len(names)]`; None: nobody does."""
        known = self.names(shard)
        if not known:
            return None
        return np.fromiter((self.of(shard, name, known) for name in names), dtype=np.bool_)
