"""The detectors and trackers of the twin, as the checks see them: what they say is their evidence, not a forecast."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tests.contract.subject import Array, Subject, below, parts_of
from twin.companions import Companions
from twin.drift import DriftDetector
from twin.fidelity import FidelityTracker
from twin.radio.watch import Watch


class Drifts(Subject):
    """The drift detector (`twin.drift`)."""

    in_parts = True

    def __init__(self, n: int) -> None:
        self.period = 0
        self.detector = DriftDetector(0)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.detector.grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        self.period += 1
        for rows in [None] if parts == 1 else parts_of(self.n, parts):
            self.detector.update((values if rows is None else values[rows]) - 50, self.period, rows)

    def predict(self, rows: Array) -> Array:
        state = self.detector.state()
        return np.concatenate([state[name].take(rows, axis=-1) for name in ("sum", "total", "length")])

    def state(self) -> Mapping[str, Array]:
        return {"period": np.array([self.period]), **below_named("detector/", self.detector.state())}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.period = int(state["period"][0])
        self.detector.restore(below(state, "detector/"))


class Fidelity(Subject):
    """The fidelity score (`twin.fidelity`), of an expectation of 50 %."""

    in_parts = True
    speaks_after = 12  # values that a score needs
    inputs = ("sigma",)

    def __init__(self, n: int) -> None:
        self.tracker = FidelityTracker(0, 24)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.tracker.grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        for rows in [np.arange(self.n)] if parts == 1 else parts_of(self.n, parts):
            sigma = np.full(len(rows), np.nan if self.lost == "sigma" else 20.0)
            self.tracker.update(values[rows], np.full(len(rows), 50.0), sigma, rows)

    def predict(self, rows: Array) -> Array:
        return self.tracker.score()[rows]

    def state(self) -> Mapping[str, Array]:
        return self.tracker.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        self.tracker.restore(state)


class Ratios(Subject):
    """Volume, users and throughput against the load (`twin.companions`)."""

    speaks_after = 48  # bins from which a ratio is known
    inputs = ("volume", "users", "throughput")

    def __init__(self, n: int) -> None:
        self.period = 0
        self.companions = Companions(4, 1)
        self.load = np.full((4, 0), np.nan, dtype=np.float32)
        super().__init__(n)

    def grow(self, n: int) -> None:
        self.load = np.concatenate([self.load, np.full((4, n - self.n), np.nan, dtype=np.float32)], axis=1)
        self.companions.grow(n)
        super().grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        self.period += 1
        self.companions.open(self.period)
        self.load[self.period % 4] = values
        for which, name in enumerate(self.inputs):
            # Never nothing at all: an idle cell has no ratios.
            told = np.full(self.n, np.nan) if self.lost == name else (which + 1) * (1 + values) ** 0.9
            self.companions.write(np.arange(self.n), self.period, which, told)
        self.companions.learn(self.companions.bin(self.period, self.load))

    def predict(self, rows: Array) -> Array:
        usual = [self.companions.usual(row, 3) for row in rows.tolist()]
        told = np.array([[*one.moved, *one.sigma] for one in usual])
        return told.reshape(len(rows), 6).T

    def owed(self, told: Array) -> Array:
        return told[[name != self.lost for name in 2 * self.inputs]]

    def state(self) -> Mapping[str, Array]:
        own = below_named("companions/", self.companions.state())
        return {"period": np.array([self.period]), "load": self.load, **own}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.period, self.load = int(state["period"][0]), state["load"].copy()
        self.companions.restore(below(state, "companions/"))


class RadioWatch(Subject):
    """The watch on soundings (`twin.radio.watch`): every object is a cell, heard at one place a period."""

    settled = 40

    def __init__(self, n: int) -> None:
        self.period = 0
        self.watch = Watch()
        super().__init__(n)

    def step(self, values: Array, parts: int = 1) -> None:
        self.period += 1
        names = [f"cell-{i}" for i in range(self.n)]
        place = np.array([[30.0 * (self.period % 3), 0.0, 1.5]])
        self.watch.add(names, place, (values[None] - 50) / 10)
        self.watch.close(self.period)

    def predict(self, rows: Array) -> Array:
        # By cell, because which series a cell has depends on where it was heard.
        sums = self.watch.detector.state()["sum"]
        series = {key[0]: k for k, key in enumerate(self.watch.keys) if key[1] < -(2**30)}
        at = [series.get(f"cell-{i}") for i in rows.tolist()]
        return np.stack([np.zeros(len(sums)) if k is None else sums[:, k] for k in at], axis=-1)

    def state(self) -> Mapping[str, Array]:
        whole = [(int(k[5:]), *v) for k, v in sorted(self.watch.whole.items())]
        keys = [(int(cell[5:]), x, y) for cell, x, y in self.watch.keys]
        own = below_named("watch/", self.watch.state())
        kept = {"keys": np.array(keys, dtype=np.int64).reshape(-1, 3), "whole": np.array(whole, dtype=np.int64)}
        return {"period": np.array([self.period]), **kept, **own}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.period = int(state["period"][0])
        keys = [(f"cell-{i}", x, y) for i, x, y in state["keys"].tolist()]
        self.watch.restore(keys, below(state, "watch/"))
        self.watch.whole = {f"cell-{i}": (at, bool(up)) for i, at, up in state["whole"].reshape(-1, 3).tolist()}


def below_named(prefix: str, state: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays with a prefix to their names."""
    return {f"{prefix}{name}": array for name, array in state.items()}
