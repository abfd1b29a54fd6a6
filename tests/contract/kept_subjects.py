"""What keeps evidence, neighbours or other models' words beside it, as the checks see it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.failure.evidence import Evidence
from models.failure.signals import ELEMENT
from models.failure.target import parse_failure_target
from models.links.fade import FadeModel
from models.links.motion import RainMotion
from models.stacked import Stacked
from tests.contract.online_subjects import Memory
from tests.contract.subject import Array, Subject, below, parts_of
from tests.contract.twin_subjects import below_named
from twin.neighbours import csr

HOUR_MS, HALF_HOUR_MS = 3_600_000, 1_800_000
F32 = np.float32


class EquipmentEvidence(Subject):
    """What speaks for a failure of network elements (`models.failure.evidence`): eight signals that follow the load."""

    in_parts = True
    speaks_after = 24  # a day of hours, from which an object's normal is known
    inputs = tuple(signal.name for signal in ELEMENT)

    def __init__(self, n: int) -> None:
        self.period = 0
        self.evidence = Evidence("element", HOUR_MS)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.evidence.grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        self.period += 1
        for rows in parts_of(self.n, parts):
            for number, name in enumerate(self.inputs):
                told = (number + 1) * (10 + values[rows] / 10) + np.sin(number * values[rows])
                self.evidence.gather(number, rows, np.full(len(rows), np.nan) if name == self.lost else told)
            self.evidence.note_load(rows, values[rows] / 100)
        self.evidence.step(self.period, self.evidence.columns["load"])

    def predict(self, rows: Array) -> Array:
        one = self.evidence
        limit = np.arange(1, len(self.inputs) + 1)[:, None] * 30.0
        used = one.used(limit, np.ones_like(limit))
        kept = [one.residual(), one.limits_of_error(limit), used, one.level()[None], one.health(used)[None]]
        return np.concatenate([*kept, one.trend.score])[:, rows]

    def owed(self, told: Array) -> Array:
        # Of what a lost signal explains no residual is known either; all else is, health above all.
        names = self.inputs
        gone = {self.lost} | {signal.name for signal in ELEMENT if signal.given == self.lost}
        known = np.array([name not in gone for name in names])
        wears = known[[signal.wears for signal in ELEMENT]]
        return told[np.concatenate([known, known, known, [True, True], wears])]

    def state(self) -> Mapping[str, Array]:
        return {"period": np.array([self.period]), **below_named("evidence/", self.evidence.state())}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.period = int(state["period"][0])
        self.evidence.restore(below(state, "evidence/"))


class Fades(Subject):
    """Fades of links that have neighbours (`models.links.fade`): what a report's arrival predicts.

    A report that comes again predicts the same and changes nothing, so this is how it is asked.
    """

    in_parts = True
    settled = 80
    speaks_after = 3  # two closed periods, an hour, make a baseline
    inputs = ("one", "other")

    def __init__(self, n: int) -> None:
        self.period = -1
        self.loss = np.full((2, 0), np.nan, F32)
        self.model = FadeModel([parse_failure_target(f"fade>{drop}dB@2h") for drop in (4, 8)], HALF_HOUR_MS)
        super().__init__(n)

    def grow(self, n: int) -> None:
        self.loss = np.concatenate([self.loss, np.full((2, n - self.n), np.nan, F32)], axis=1)
        self.model.grow(n)
        self.describe(n)
        super().grow(n)

    def describe(self, n: int) -> None:
        """Links in a row, 2 km apart, each beside the next."""
        at, one = np.arange(n), np.ones(n)
        relation = csr(at[:-1], at[1:], n)
        self.model.features.describe(4 * one, 23e9 * one, at % 2 == 0, 2.0 * at, 0.5 * at, relation)

    def step(self, values: Array, parts: int = 1) -> None:
        if self.period >= 0:
            self.model.close(self.period)
        self.period += 1
        self.loss = np.stack([40 + values / 10, 42 + values / 12]).astype(F32)
        self.loss[[name == self.lost for name in self.inputs]] = np.nan
        for rows in parts_of(self.n, parts):
            self.model.write(rows, self.period, self.loss[:, rows])

    def predict(self, rows: Array) -> Array:
        told = self.model.write(rows, self.period, self.loss[:, rows])
        # A link that is half way to a fade is not at risk of it, and nothing is foretold.
        drops = np.array([[target.drop_db] for target in self.model.targets])
        probability = np.where(told.attenuation >= drops / 2, 0, told.probability)
        return np.concatenate([probability, told.attenuation[None], told.X])

    def parameters(self) -> list[Array]:
        return [head.logit.m for head in self.model.heads]

    def version(self) -> str:
        return "+".join(head.version for head in self.model.heads)

    def state(self) -> Mapping[str, Array]:
        return {"period": np.array([self.period]), "loss": self.loss, **below_named("model/", self.model.state())}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.period, self.loss = int(state["period"][0]), np.array(state["loss"])
        self.model.restore(below(state, "model/"))
        self.describe(self.loss.shape[1])


class MovingRain(Subject):
    """The rain's velocity over links in a row (`models.links.motion`), and what is upwind of each."""

    def __init__(self, n: int) -> None:
        self.recent = np.full((2, 0), np.nan)
        self.motion = self.over(0)
        super().__init__(n)

    def over(self, n: int) -> RainMotion:
        return RainMotion(3.0 * np.arange(n), np.zeros(n), 10.0)

    def grow(self, n: int) -> None:
        before, self.motion = self.motion, self.over(n)
        self.motion.restore(before.state())
        self.recent = np.concatenate([self.recent, np.full((2, n - self.n), np.nan)], axis=1)
        super().grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        self.recent = np.stack([values, self.recent[0]])
        self.motion.learn(*self.recent)

    def predict(self, rows: Array) -> Array:
        velocity = np.repeat(self.motion.velocity[:, None], len(rows), axis=1)
        return np.concatenate([velocity, [self.motion.upwind(self.recent[0], 15.0)[rows]]])

    def state(self) -> Mapping[str, Array]:
        return {"recent": self.recent, **below_named("motion/", self.motion.state())}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.recent = np.array(state["recent"])
        self.motion = self.over(self.recent.shape[1])
        self.motion.restore(below(state, "motion/"))


class StackedModels(Memory):
    """A batch model beside an online one of two targets, of which it has learnt one (`models.stacked`).

    What is said of a period is kept until its label is known; said again it is kept as it was.
    """

    in_parts = True
    inputs = ("batch",)

    def __init__(self, n: int) -> None:
        self.period = 0
        self.model = Stacked([0, -1], 4, "learnt")
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.model.grow(n)

    def both(self, rows: Array) -> tuple[Array, Array, Array]:
        """Log-odds of the online model `[2, n]` and of the batch model `[1, n]`, and who is quiet `[2, n]`."""
        _, now, before = self.features(rows)
        # The batch model has nothing to say of idle objects.
        batch = np.where((before < 0.1) | (self.lost == "batch"), np.nan, 8 * (before - 0.6))
        online = 8 * (now - np.array([[0.6], [0.8]]))
        return online.astype(F32), batch[None].astype(F32), online <= 0

    def step(self, values: Array, parts: int = 1) -> None:
        online, _, quiet = self.both(np.arange(self.n))
        known = np.flatnonzero(~np.isnan(values))
        self.model.learn(self.period, online, quiet, np.stack([values > 60, values > 80]), known)
        self.model.freeze()
        self.recent = np.stack([values, self.recent[0]])
        self.period += 1
        for rows in parts_of(self.n, parts):
            self.said(rows)

    def said(self, rows: Array) -> Array:
        online, batch, quiet = self.both(rows)
        told = self.model.file(self.period, rows, online, batch, quiet)
        assert told[0] is not None
        assert told[1] is None
        return np.stack(told[0])

    def predict(self, rows: Array) -> Array:
        return self.said(rows)

    def version(self) -> str:
        return self.model.blends[0].version

    def parameters(self) -> list[Array]:
        return [np.array(list(self.model.blends[0].weights.values()))]

    def state(self) -> Mapping[str, Array]:
        own = below_named("model/", self.model.state())
        return {**super().state(), "period": np.array([self.period]), **own}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.period = int(state["period"][0])
        self.model.restore(below(state, "model/"))
