"""Last known values of every object, columnar, with revisions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns
from twin.errors import BadInput
from twin.expectation import Series
from twin.pace import EVERY_PERIOD, Pace
from twin.rows import ObjectRow, stable_id
from twin.sync import Arrivals

Rows = NDArray[np.int64]

MOST_LAYOUTS, MOST_COUNTERS = 64, 1024
"""Shapes of report of one element, counters of one table: columns are dense, and every name costs all objects."""


class Layout:
    """The shape of one element's reports: which objects and counters, and where they live in the table.

    Attributes:
        rows: Of the table, one an object, `[num_objects]`.
        columns: Of the table, one a counter, `[num_counters]`.
        object_ids: `[num_objects]` int64, for the history.
        counter_set: Id of `counters` in the history.
        declared: Whether the inventory knows all its objects.
        strangers: The topology lacks some of its objects.
        number: Of this shape among those of its element, in the order in which they came.
        stale: Nothing of this shape has come for long.
        instant: Its newest report was a sample taken at an instant.
        ahead: Its clock has run so far ahead that its reports are only stored.
        counted: It counts for the table's pace.
        series: The series fed by these reports: `(series, column of the report, rows of the series)`.
    """

    __slots__ = (
        "ahead", "arrivals", "columns", "counted", "counter_set", "counters", "declared", "element", "instant", "names",
        "number", "object_ids", "objects", "rows", "series", "stale", "strangers",
    )  # fmt: skip

    def __init__(
        self,
        element: str,
        objects: list[str],
        counters: list[str],
        names: list[str],
        rows: Rows,
        columns: Rows,
        object_ids: NDArray[np.int64],
    ) -> None:
        self.element = element
        self.objects = objects
        self.counters = counters
        self.names = names
        self.rows = rows
        self.columns = columns
        self.object_ids = object_ids
        self.counter_set = stable_id("\n".join(counters))
        self.series: list[tuple[Series, int, Rows]] = []
        self.arrivals = Arrivals()
        self.stale = self.instant = self.ahead = self.counted = self.strangers = False
        self.declared = True
        self.number = 0


class Table:
    """The last known state of all objects that report with one granularity.

    `now` is the newest period of all that is open, `closed` the newest that is closed; between them the elements are on
    their way.

    Columns: `values` `[num_counters, n]` (NaN: never known) and `as_of`, the end of the period
    each is from [s]; `end` of the newest period [ms], `revision` of the
    twin when the row last changed, `suspect`.

    Args:
        granularity_ms: Length of a period [ms].
    """

    def __init__(self, granularity_ms: int) -> None:
        self.granularity_ms = granularity_ms
        self.names: list[str] = []
        self.counters: list[str] = []
        self.layouts: dict[str, list[Layout]] = {}
        self.now = self.closed = -1
        self.pace = Pace()
        self._row_of: dict[str, int] = {}
        self._column_of: dict[str, int] = {}
        self.columns = Columns()
        self.columns.add("values", np.float64, (0,), np.nan)
        self.columns.add("as_of", np.uint32, (0,))
        self.columns.add("end", np.int64, fill=-1)
        self.columns.add("revision", np.int64)
        self.columns.add("suspect", np.bool_)

    def layout(self, element: str, objects: list[str], counters: list[str]) -> Layout | None:
        """The layout of a report, if one like it has come before."""
        for layout in self.layouts.get(element, ()):
            if layout.objects == objects and layout.counters == counters:
                return layout
        return None

    def check_room(self, element: str, counters: Sequence[str]) -> None:
        """Make sure that one source can't fill the memory.

        Raises:
            BadInput: The element has sent too many shapes of report, or the table too many counters.
        """
        if len(self.layouts.get(element, ())) >= MOST_LAYOUTS:
            raise BadInput(
                "too-many", f"{element!r} has sent reports of {MOST_LAYOUTS} different shapes; it should settle on one"
            )
        new = sum(counter not in self._column_of for counter in counters)
        if len(self.counters) + new > MOST_COUNTERS:
            raise BadInput(
                "too-many", f"{len(self.counters)} different counters have been reported, {new} more are too many"
            )

    def add_layout(self, element: str, objects: list[str], counters: list[str], names: list[str]) -> Layout:
        """Make room for a new kind of report; `names` are the objects' full names."""
        layout = Layout(
            element,
            objects,
            counters,
            names,
            self._index(names, self._row_of, self.names),
            self._index(counters, self._column_of, self.counters),
            np.array([stable_id(name) for name in names], dtype=np.int64),
        )
        self.columns.grow(len(self.names))
        if len(self.counters) > len(self.columns["values"]):
            self.columns.widen("values", len(self.counters))
            self.columns.widen("as_of", len(self.counters))
        known = self.layouts.setdefault(element, [])
        layout.number = len(known)
        known.append(layout)
        return layout

    def count(self, layout: Layout, before: int) -> None:
        """Let a layout count for the pace as it is now; `before` was its newest period when it counted last."""
        if layout.counted:
            self.pace.remove(before)
        layout.counted = layout.arrivals.newest >= 0 and layout.arrivals.usual < EVERY_PERIOD
        if layout.counted:
            self.pace.add(layout.arrivals.newest)

    def discount(self, behind: int) -> None:
        """Who is farther behind the pace than this many periods holds up nobody."""
        for layouts in self.layouts.values():
            for layout in layouts:
                if layout.counted and self.pace.pace - layout.arrivals.newest > behind:
                    self.pace.remove(layout.arrivals.newest)
                    layout.counted = False

    def reserve(self, names: Sequence[str], counters: Sequence[str]) -> None:
        """Give objects and counters their rows and columns in this order."""
        self._index(names, self._row_of, self.names)
        self._index(counters, self._column_of, self.counters)

    def row(self, name: str) -> int | None:
        """The row of an object, if it has one."""
        return self._row_of.get(name)

    def write(
        self,
        rows: Rows,
        columns: Rows,
        values: NDArray[np.float64],
        end: Rows,
        revision: Rows,
        suspect: NDArray[np.bool_],
    ) -> None:
        """Take over newer values; a missing one keeps the last known, whatever order they come in.

        Args:
            rows: `[n]`, no row twice.
            columns: `[num_counters]`.
            values: `[num_counters, n]`.
            end: `[n]` [ms].
            revision: `[n]`.
            suspect: `[n]`.
        """
        c = self.columns
        at = (columns[:, None], rows[None, :])
        as_of = np.broadcast_to(end // 1000, values.shape)
        newer = end >= c["end"][rows]
        known = ~np.isnan(values)
        if newer.all() and known.all():
            c["values"][at] = values
            c["as_of"][at] = as_of
        else:
            taken = known & (c["as_of"][at] <= as_of)
            c["values"][at] = np.where(taken, values, c["values"][at])
            c["as_of"][at] = np.where(taken, as_of, c["as_of"][at])
            rows, end, revision, suspect = rows[newer], end[newer], revision[newer], suspect[newer]
        c["end"][rows] = end
        c["revision"][rows] = revision
        c["suspect"][rows] = suspect

    def object_rows(self, layout: Layout) -> list[ObjectRow]:
        """What the history needs to know of a layout's objects."""
        return [
            ObjectRow(int(i), name, name[name.rfind(",") + 1 :].partition("=")[0])
            for i, name in zip(layout.object_ids, layout.names, strict=True)
        ]

    @staticmethod
    def _index(names: Sequence[str], index: dict[str, int], order: list[str]) -> Rows:
        out = np.empty(len(names), dtype=np.int64)
        for i, name in enumerate(names):
            row = index.get(name)
            if row is None:
                row = index[name] = len(order)
                order.append(name)
            out[i] = row
        return out
