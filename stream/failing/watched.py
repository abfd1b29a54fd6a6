"""Objects of one kind that are watched for failures: their names, evidence, heads, alarms and what was told of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.blend import Mode
from models.failure.evidence import Evidence
from models.failure.heads import FailureHead, FailureTarget, Late
from models.failure.priors import priors
from models.failure.scores import FailureWindow
from models.failure.signals import feature_names, step_of
from models.failure.usual import DAY_MS
from stream.failing.batch import FailureBatch
from stream.monitoring import Watch
from twin.columns import Columns
from twin.events import Alarm

F32 = np.float32
Floats = NDArray[Any]
Mask = NDArray[np.bool_]

MOST_WAITING = 50_000
"""Alarms that are raised and whose step hasn't come: where no clock runs they must not fill the memory."""
CALM = 4
"""Steps after an alarm has gone until its object is at risk again: the residuals of what was repaired fade first."""


class Raised(NamedTuple):
    """What has been raised when a step is taken.

    Attributes:
        struck: Since the step before, `[K, n]` by target.
        late: In earlier steps, and told only now, one a target.
    """

    struck: Mask
    late: list[Late]


class Watched:
    """All objects of one kind.

    Attributes:
        names: Of the objects, in the order of their rows.
        step: The newest step that was taken, -1 before any.
        ends: Of the steps that were taken later than they end, as far back as labels wait: when they were [ms].
        waiting: Alarms raised: time [ms], row, number of the target or -1.
        fed: Lengths of the periods of tables that have ever told of these objects [ms]: only their closing takes steps.
    """

    def __init__(
        self, kind: str, targets: Sequence[FailureTarget], monitor_by: Sequence[str] = (), blend: Mode = "learnt"
    ) -> None:
        self.kind = kind
        self.targets = [target for target in targets if target.kind == "alarm"]
        self.names: list[str] = []
        self.rows: dict[str, int] = {}
        self.step = -1
        self.ends: dict[int, int] = {}
        self.waiting: list[tuple[int, int, int]] = []
        self.fed: set[int] = set()
        self.step_ms = step_of(kind, [target.horizon_s for target in self.targets])
        self.evidence = Evidence(kind, self.step_ms)
        self.feature_names = feature_names(kind)
        self.heads = [FailureHead(t, self.feature_names, self.step_ms, priors(t, kind)) for t in self.targets]
        self.batch = FailureBatch(kind, self.heads, self.step_ms, blend)
        """Batch models beside the heads."""
        self.watch = Watch(self.step_ms, monitor_by)
        """How good the predictions have been."""
        self.windows = [FailureWindow(self.step_ms / 1000) for _ in self.targets]
        self.faults: list[Counter[int]] = [Counter() for _ in self.targets]
        """O-RAN fault ids of the alarms of each target."""
        K = len(self.targets)
        self.columns = c = Columns()
        c.add("own", np.int32)
        c.add("lately", F32)
        c.add("stands", np.bool_, (K,))
        c.add("calm", np.int16, (K,), CALM)
        c.add("told_level", np.int8, (K,), -1)
        c.add("told_log_odds", F32, (K,))
        c.add("told_at", np.int64, (K,), -1)

    @property
    def n(self) -> int:
        """Number of objects."""
        return len(self.names)

    def row(self, name: str) -> int:
        """Row of an object; a new one is added."""
        row = self.rows.get(name)
        if row is None:
            row = self.rows[name] = len(self.names)
            self.names.append(name)
        return row

    def grow(self) -> None:
        """Make room for the objects that have been added."""
        self.evidence.grow(self.n)
        self.batch.grow(self.n)
        self.columns.grow(self.n)

    def matching(self, alarm: Alarm) -> list[int]:
        """Numbers of the targets that an alarm belongs to."""
        said = (alarm.alarm_type, alarm.probable_cause, alarm.specific_problem)
        return [k for k, target in enumerate(self.targets) if target.matches(*said)]

    def raised(self, alarm: Alarm, time: int, rows: Sequence[int], fault: int | None) -> None:
        """Note an alarm on some objects or below them; it counts from the step that its time lies in."""
        targets = self.matching(alarm)
        for row in rows:
            self.waiting.append((time, row, -1))
            self.waiting.extend((time, row, k) for k in targets)
        if rows and fault is not None:
            for k in targets:
                self.faults[k][fault] += 1
        del self.waiting[:-MOST_WAITING]

    def withdrawn(self, alarm: Alarm, time: int, rows: Sequence[int]) -> None:
        """An alarm turns out to be no failure: where its step hasn't come, it doesn't count."""
        gone = Counter((time, row, k) for row in rows for k in (-1, *self.matching(alarm)))
        kept = []
        for one in self.waiting:
            if gone[one]:
                gone[one] -= 1
            else:
                kept.append(one)
        self.waiting = kept

    def at_risk(self, observed: Mask) -> Mask:
        """Which objects each target can still happen to, `[K, n]`; once a step, when alarms are counted."""
        stands, calm = self.columns["stands"], self.columns["calm"]
        calm[:] = np.where(stands, 0, np.minimum(calm + 1, CALM))
        return observed & (calm >= CALM)

    def take_raised(self, step: int, end: int) -> Raised:
        """A step is taken: what was raised up to a moment [ms]; all of it enters `lately`."""
        before, self.step = self.step, step
        if end > step * self.step_ms:
            self.ends[step] = end
        longest = max((head.horizon for head in self.heads), default=0)
        self.ends = {one: at for one, at in self.ends.items() if one >= step - longest}
        late: list[list[tuple[int, int]]] = [[] for _ in self.targets]
        struck = np.zeros((len(self.targets), self.n), dtype=np.bool_)
        lately = self.columns["lately"]
        lately *= F32(np.exp(-self.step_ms / DAY_MS))
        later = []
        for time, row, k in self.waiting:
            if time > end:
                later.append((time, row, k))
            elif k < 0:
                lately[row] += 1
            elif (happened := self._step_of(time)) > before:
                struck[k, row] = True
            else:
                late[k].append((row, happened))
        self.waiting = later
        return Raised(struck, [Late(*np.array(of, dtype=np.int64).reshape(-1, 2).T) for of in late])

    def _step_of(self, time: int) -> int:
        """The first step that is predicted from what was known at a moment [ms] or after it."""
        step = -(-time // self.step_ms)
        return step - 1 if time <= self.ends.get(step - 1, -1) else step

    # Snapshot -------------------------------------------------------------------------------------------------------

    def dump(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Everything, as plain data and arrays."""
        arrays: dict[str, Floats] = {"fed": np.array(sorted(self.fed), dtype=np.int64)}
        arrays["ends"] = np.array(sorted(self.ends.items()), dtype=np.int64).reshape(-1, 2)
        for part, owner in self._parts().items():
            arrays |= {f"{part}/{name}": array for name, array in owner.state().items()}
        data = {
            "names": self.names,
            "step": self.step,
            "waiting": [list(one) for one in self.waiting],
            "faults": [sorted([fault, count] for fault, count in one.items()) for one in self.faults],
        }
        return data, arrays

    def load(self, data: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Take over what `dump` returned, into an object without any."""
        for name in data["names"]:
            self.row(name)
        self.grow()
        for part, owner in self._parts().items():
            start = f"{part}/"
            owner.restore({name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)})
        self.step = int(data["step"])
        # States from before it was kept know it only from the tables that tell of the objects now.
        self.fed = set(arrays["fed"].tolist()) if "fed" in arrays else set()
        self.ends = dict(arrays["ends"].tolist()) if "ends" in arrays else {}
        self.waiting = [(int(time), int(row), int(k)) for time, row, k in data["waiting"]]
        self.faults = [Counter({int(fault): int(count) for fault, count in one}) for one in data["faults"]]
        if any(not 0 <= row < self.n or k >= len(self.targets) for _, row, k in self.waiting):
            raise ValueError("an alarm waits for an object that isn't there")
        if len(self.names) != len(self.rows) or len(self.faults) != len(self.targets):
            raise ValueError(f"the objects of kind {self.kind} don't fit together")

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"evidence": self.evidence, "columns": self.columns, "watch": self.watch}
        parts["batch"] = self.batch
        parts |= {f"head{k}": head for k, head in enumerate(self.heads)}
        return parts | {f"score{k}": window for k, window in enumerate(self.windows)}
