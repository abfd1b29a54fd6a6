"""A batch model beside the online model of one horizon: what both said waits for its label, and the blends learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.blend import Blend, Combined, Mode
from models.kept import Kept
from twin.columns import Columns
from twin.expectation import Rows
from twin.parts import gathered, scattered

F32, F16 = np.float32, np.float16
Floats = NDArray[Any]


class Ring:
    """Log-odds of the last periods, by the period they were made from.

    Half precision: a log-odds is kept to a thousandth of itself.

    Args:
        names: Of the columns, `[num_targets, n]` a period each.
        depth: Periods that are kept.
    """

    def __init__(self, names: Sequence[str], num_targets: int, depth: int) -> None:
        self._kept = Kept(depth)
        self.columns = Columns()
        self._names = tuple(names)
        for name in names:
            self.columns.add(name, F16, (depth, num_targets), np.nan)

    def slot(self, period: int) -> dict[str, Floats]:
        """Where a period's values are kept; emptied if another period lay there."""
        at, new = self._kept.open(period)
        if new:
            for name in self._names:
                self.columns[name][at] = np.nan
        return {name: self.columns[name][at] for name in self._names}

    def get(self, period: int) -> dict[str, Floats] | None:
        """What was kept of a period, float32; None if nothing was."""
        at = self._kept.find(period)
        if at is None:
            return None
        return {name: self.columns[name][at].astype(F32) for name in self._names}

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state() | {"periods": self._kept.periods}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        own = dict(state)
        self._kept.periods = np.array(own.pop("periods"))
        self.columns.restore(own)


class Stacked:
    """One batch model and one online model.

    Args:
        outputs: Which output of the batch model each target of the online model is; -1: none.
        depth: Periods until a label has surely matured.
        mode: See `models.blend`.
    """

    def __init__(self, outputs: Sequence[int], depth: int, mode: Mode) -> None:
        self.outputs = list(outputs)
        self.blends = [Blend(mode) for _ in outputs]
        self.ring = Ring(("batch", "blended"), len(self.outputs), depth)

    def follow(self, before: Stacked) -> None:
        """Let the blends begin where those of an earlier version have come to."""
        for own, other in zip(self.blends, before.blends, strict=True):
            own.follow(other)

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        self.ring.columns.grow(n)

    def file(
        self, period: int, rows: Rows | slice, online: Floats, batch: Floats, quiet: NDArray[np.bool_]
    ) -> list[Combined | None]:
        """Blend, and keep it until the label is known.

        Args:
            rows: Of the objects.
            online, quiet: `[num_targets, n]`, see `Blend`.
            batch: All outputs of the batch model, `[num_outputs, n]`.

        Returns:
            One a target; None where the batch model hasn't learnt it.
        """
        kept = self.ring.slot(period)
        combined: list[Combined | None] = []
        for k, (blend, output) in enumerate(zip(self.blends, self.outputs, strict=True)):
            if output < 0:
                combined.append(None)
                continue
            one = blend.combine(online[k], batch[output], quiet[k])
            kept["batch"][k, rows] = batch[output]
            kept["blended"][k, rows] = one.log_odds
            combined.append(one)
        return combined

    def learn(self, made: int, online: Floats, quiet: NDArray[np.bool_], label: NDArray[np.bool_], rows: Rows) -> None:
        """Learn the labels of predictions made from a period.

        Args:
            online, quiet, label: `[num_targets, n]`.
            rows: Those whose label is known.
        """
        kept = self.ring.get(made)
        if kept is None:
            return
        for k, (blend, output) in enumerate(zip(self.blends, self.outputs, strict=True)):
            if output >= 0:
                batch = kept["batch"][k].take(rows)
                blend.learn(online[k].take(rows), batch, quiet[k].take(rows), label[k].take(rows))

    def decay(self, days: int) -> None:
        """Let the blends forget."""
        for blend in self.blends:
            blend.decay(days)

    def freeze(self) -> None:
        """Fix what predictions rest on until the next boundary."""
        for blend in self.blends:
            blend.freeze()

    def _parts(self) -> dict[str, Ring | Blend]:
        return {"ring": self.ring} | {f"blend{k}": blend for k, blend in enumerate(self.blends)}

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return gathered(self._parts())

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), state)
