"""Batch networks, anomaly scores, fading links and wear, as the checks see them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.anomaly import AnomalyDetector
from models.artifact import pack, unpack
from models.explain_any import of_network
from models.failure.wearout import Lines
from models.links.evidence import LinkFadeFeatures
from models.network import Network
from tests.contract.artifacts import some_artifact
from tests.contract.online_subjects import Memory
from tests.contract.subject import Array, Subject, below
from tests.contract.twin_subjects import below_named


class BatchNetwork(Memory):
    """A trained network (`models.network`): it learns nothing, and its bytes are part of the state."""

    inputs = ("before",)  # the one with a mark; without another it has nothing to say

    def __init__(self, n: int) -> None:
        self.body = pack(some_artifact())
        super().__init__(n)

    def learn(self, X: Array, values: Array) -> None:
        pass

    def seen(self, rows: Array) -> Array:
        """Its three features, of which the second may be missing."""
        now, before = self.recent.take(rows, axis=1) / 100
        now, before = np.nan_to_num(now, nan=0.5), before if self.lost is None else np.full(len(rows), np.nan)
        return np.stack([now, before, now - np.nan_to_num(before, nan=0.5)])

    def predict(self, rows: Array) -> Array:
        return Network(unpack(self.body)).outputs(self.seen(rows))

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), "artifact": np.frombuffer(self.body, dtype=np.uint8)}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.body = state["artifact"].tobytes()


class NetworkExplained(BatchNetwork):
    """Its explanation (`models.explain_any`)."""

    def predict(self, rows: Array) -> Array:
        artifact = unpack(self.body)
        return of_network(Network(artifact), self.seen(rows), artifact.arrays["mean"], pairs=2)


class Anomalies(Subject):
    """The anomaly score of three sensors (`models.anomaly`)."""

    settled = 60
    speaks_after = 9  # the first sample it scores is the one after those of the burn-in
    inputs = ("a", "b", "c")

    def __init__(self, n: int) -> None:
        self.detector = AnomalyDetector(["a", "b", "c"], memory=50, smooth=3, burn_in=8, patience=20)
        self.sample = np.full((3, 0), np.nan)
        super().__init__(n)

    def grow(self, n: int) -> None:
        self.detector.columns.grow(n)
        self.sample = np.concatenate([self.sample, np.full((3, n - self.n), np.nan)], axis=1)
        super().grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        known = ~np.isnan(self.sample).all(axis=0)
        if known.any():
            self.detector.learn(self.sample)
        # The third sensor is missing now and then.
        third = np.where(np.nan_to_num(values) % 7 < 1, np.nan, np.sqrt(np.maximum(values, 0)))
        self.sample = np.stack([values, 0.5 * values + 3 * np.sin(values), third])
        if self.lost:
            self.sample["abc".index(self.lost)] = np.nan

    def predict(self, rows: Array) -> Array:
        return self.detector.score(self.sample)[rows]

    def state(self) -> Mapping[str, Array]:
        return {"sample": self.sample, **below_named("detector/", self.detector.state())}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.sample = np.array(state["sample"])
        self.detector.restore(below(state, "detector/"))


class FadingLinks(Subject):
    """Features of microwave links (`models.links.evidence`), alone: the loss of either channel follows the load."""

    settled = 80
    inputs = ("one", "other")

    def __init__(self, n: int) -> None:
        self.period = -1
        self.links = LinkFadeFeatures(1_800_000, neighbours=False)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.links.grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        if self.period >= 0:
            self.links.close(self.period)
        self.period += 1
        loss = np.stack([40 + values / 10, 42 + values / 12]).astype(np.float32)
        loss[[name == self.lost for name in self.inputs]] = np.nan
        self.links.write(np.arange(self.n), self.period, loss)

    def predict(self, rows: Array) -> Array:
        return self.links.features(self.period, rows)

    def state(self) -> Mapping[str, Array]:
        return {"period": np.array([self.period]), **below_named("links/", self.links.state())}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.period = int(state["period"][0])
        self.links.restore(below(state, "links/"))


class Wear(Subject):
    """Lines through indicators of wear (`models.failure.wearout`)."""

    speaks_after = 5  # more than four values' worth of weight, of which some has faded
    inputs = ("one", "other")

    def __init__(self, n: int) -> None:
        self.lines = Lines(np.array([1.0, 1.0]))
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.lines.columns.grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        both = np.stack([values, 100 - values])
        both[[name == self.lost for name in self.inputs]] = np.nan
        self.lines.learn(both)

    def predict(self, rows: Array) -> Array:
        return np.stack([part[:, rows] for part in self.lines.trend()])

    def owed(self, told: Array) -> Array:
        return told[:, [name != self.lost for name in self.inputs]]

    def state(self) -> Mapping[str, Array]:
        return self.lines.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        self.lines.restore(state)
