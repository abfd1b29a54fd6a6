"""What batch models are given beside the values of an object itself: its neighbours, its configuration.

Both are fixed when a period begins and until the next one: whether a neighbour's report, or a change of the topology,
lies before or behind one in the same batch must make no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from models.batch.features import around
from models.batch.spec import AROUND, STATIC, FeatureSpec
from models.batch.static import static_rows
from models.kept import Kept
from twin.columns import Columns
from twin.expectation import Series
from twin.neighbours import Csr
from twin.topology import Topology

F32 = np.float32
Floats = NDArray[Any]


class Around:
    """Means over the neighbours of every object when each of the last periods began, in the counter's unit.

    Args:
        depth: Periods that may be open at once, at least.
    """

    def __init__(self, depth: int) -> None:
        self._kept = Kept(depth)
        self.columns = Columns()
        self.columns.add("around", F32, (depth, len(AROUND)), np.nan)

    def open(self, spec: FeatureSpec, series: Series, relation: Csr, period: int) -> None:
        """A period begins: what was it like around every object in the one before?"""
        slot, _ = self._kept.open(period)
        self.columns["around"][slot] = around(replace(spec, scale=1.0), series, relation, period - 1)

    def get(self, period: int, scale: float) -> Floats | None:
        """In units of `scale`, `[2, n]`; None where nothing is kept of the period."""
        slot = self._kept.find(period)
        if slot is None:
            return None
        out: Floats = self.columns["around"][slot] * F32(1 / scale)
        return out

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state() | {"periods": self._kept.periods}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        own = dict(state)
        self._kept.periods = np.array(own.pop("periods"))
        self.columns.restore(own)


class Static:
    """Declared configuration of every object, as a version's features have it.

    Attributes:
        known: Whether it has been looked up: before, the version isn't asked.
    """

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self._of = (-1, -1)
        self.known = False
        self.columns = Columns()
        self.columns.add("static", F32, (len(STATIC) + len(spec.kinds),), np.nan)

    def open(self, topology: Topology, names: list[str], relation: Csr) -> None:
        """A period begins: look up what is declared, if that has changed."""
        of = (topology.revision, len(names))
        if self.known and self._of == of:
            return
        self._of, self.known = of, True
        self.columns["static"][:] = static_rows(self._spec, topology, names, relation)

    @property
    def rows(self) -> Floats:
        """`[num_rows, n]`."""
        return self.columns["static"]

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state() | {"of": np.array([*self._of, self.known], dtype=np.int64)}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        own = dict(state)
        revision, n, known = own.pop("of").tolist()
        self._of, self.known = (revision, n), bool(known)
        self.columns.restore(own)
