"""What a batch model of failures learns from is what the fold's heads have seen, from the rows that the fold stored."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import new_shard

from infra.store.training import AlarmRow, Chunk
from models.failure.names import horizons_of, read_kind
from models.failure.signals import feature_names
from models.failure.target import parse_failure_target
from stream.decode import from_ms, to_ms
from stream.sources.emulator.network import START
from stream.training import failures as training_failures
from stream.training.failure_log import WANTED
from stream.training.failure_rows import Filed
from stream.training.failures import _checked, read_failures
from tests.unit.test_failing import FAILING, fan_alarm, worn_fan
from twin.counters import CATALOGUE
from twin.errors import TrainingDataError
from twin.topology import Topology

END = START + timedelta(days=4)


class Stored:
    """A fold's history and alarms as the database gives them back."""

    def __init__(self) -> None:
        shard = new_shard(FAILING)
        self.filed = Filed(shard)
        self.names: dict[int, str] = {}
        self.sets: dict[int, Any] = {}
        self.chunks: list[Chunk] = []
        self.alarms: list[AlarmRow] = []
        for begin in range(0, len(worn_fan()), 500):
            effects = shard.apply(worn_fan()[begin : begin + 500])
            self.filed.take(shard)
            self.names |= {one.id: one.dn for one in effects.objects}
            self.sets |= {one.id: one.names for one in effects.counter_sets}
            for block in effects.history:
                for which in np.unique(block.counter_set).tolist():
                    at = block.counter_set == which
                    columns = [self.sets[which].index(name) if name in self.sets[which] else -1 for name in WANTED]
                    values = np.concatenate(
                        [block.values[at], np.full((at.sum(), 1), np.nan, dtype=np.float32)], axis=1
                    )
                    self.chunks.append(
                        Chunk(block.object_id[at], block.time[at], block.granularity[at], block.flags[at],
                              values[:, columns], which)
                    )  # fmt: skip
            for outlet in effects.outlets:
                body = msgspec.json.decode(outlet.value) if outlet.kind == "updates" else {}
                if body.get("change") == "alarm":
                    detail = body["detail"]
                    which = ("notificationId", "perceivedSeverity", "probableCause", "alarmType", "specificProblem")
                    self.alarms.append(AlarmRow(outlet.time, body["objects"][0], *(detail[key] for key in which)))
        self.topology = Topology.from_dict(shard.topology.to_dict())


@pytest.fixture(scope="module")
def stored() -> Stored:
    return Stored()


@pytest.fixture
def read(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(training_failures, "object_names", lambda dsn, source: stored.names)
    monkeypatch.setattr(training_failures, "training_rows", lambda *given: iter(stored.chunks))
    monkeypatch.setattr(training_failures, "alarm_rows", lambda *given: stored.alarms)
    return lambda: read_failures("", FAILING, Topology.from_dict(stored.topology.to_dict()), START, END, CATALOGUE)


def test_features_and_labels_are_those_of_the_fold(stored: Stored, read: Any) -> None:
    data = read()
    own = stored.filed.rows()
    assert [(s.kind, s.targets) for s in data.sets] == [(s.kind, s.targets) for s in own]
    for made, seen in zip(data.sets, own, strict=True):
        at = {(step, seen.names[row]): k for k, (step, row) in enumerate(zip(seen.step, seen.row, strict=True))}
        columns = [at[step, made.names[row]] for step, row in zip(made.step, made.row, strict=True)]
        assert len(columns) == len(at) > 50
        np.testing.assert_array_equal(made.labels, seen.labels[:, columns])
        np.testing.assert_array_equal(made.X, seen.X[:, columns])


def test_the_worn_fan_is_the_only_positive(stored: Stored) -> None:
    element = next(s for s in stored.filed.rows() if s.kind == "element")
    assert element.features == feature_names("element")
    k = element.targets.index("alarm:EQUIPMENT_ALARM@1d element")
    positive = np.flatnonzero(element.labels[k] == 1)
    assert {element.names[row] for row in element.row[positive]} == {fan_alarm_object()}
    ahead = np.array([fan_alarm() - from_ms(int(s) * element.step_ms) for s in element.step[positive]])
    assert all(timedelta(0) < one <= timedelta(days=1) for one in ahead)


def fan_alarm_object() -> str:
    return next(
        str(body["objectInstance"])
        for body in (msgspec.json.decode(r.value) for r in worn_fan() if b"Cooling fan broken" in r.value)
    )


def test_doubted_and_late_rows_are_passed_over(stored: Stored, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *rest = stored.chunks[:20]
    marked = first._replace(flags=np.full_like(first.flags, 1))
    monkeypatch.setattr(training_failures, "training_rows", lambda *given: iter([marked, *rest]))
    data = read()
    assert data.passed_over == len(first.time)
    assert data.rows == sum(len(one.time) for one in stored.chunks[:20])
    assert data.sets == []


def test_nothing_to_read_is_said(stored: Stored, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_failures, "training_rows", lambda *given: iter(()))
    with pytest.raises(TrainingDataError, match="no row between"):
        read()


def test_corrupt_rows_stop_training_with_a_reason(stored: Stored, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [f for f in read().findings if f.severity == "error"] == []
    loaded = WANTED.index("RRU.PrbTotDl")

    def beyond(chunk: Chunk) -> Chunk:
        values = chunk.values.copy()
        values[:, loaded] *= 1000
        return chunk._replace(values=values)

    late = [one._replace(time=one.time + 10 * 86_400_000) for one in stored.chunks]
    for chunks, check in (
        ([beyond(one) for one in stored.chunks], "range of RRU.PrbTotDl"),
        (late, "leak of time"),
        (stored.chunks * 2, "duplicates"),
    ):
        monkeypatch.setattr(training_failures, "training_rows", lambda *given, chunks=chunks: iter(chunks))
        with pytest.raises(TrainingDataError, match=f"nothing was trained: .*{check}"):
            read()


def test_sensors_that_keep_no_grid_are_told_and_learnt_from(stored: Stored) -> None:
    shifted = [one._replace(time=one.time + 17_000) for one in stored.chunks]
    found = _checked(shifted, CATALOGUE, to_ms(END) + 17_000)
    assert [f for f in _checked(stored.chunks, CATALOGUE, to_ms(END)) if f.check == "schema"] == []
    assert {(f.check, f.severity, f.where) for f in found if f.check == "schema"} == {("schema", "warning", "time")}


def test_alarms_without_a_type_are_told(stored: Stored, read: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = [one._replace(alarm_type=None, specific_problem=None) for one in stored.alarms]
    monkeypatch.setattr(training_failures, "alarm_rows", lambda *given: old)
    monkeypatch.setattr(training_failures, "training_rows", lambda *given: iter(stored.chunks[:20]))
    data = read()
    assert [(f.check, f.severity) for f in data.findings] == [("schema", "warning")]
    assert data.alarms == len(stored.alarms) > 0


def test_fades_have_no_batch_models() -> None:
    targets = [*FAILING.failure_targets, parse_failure_target("fade>10dB@15min")]
    assert {read_kind(name)[0].kind for name in horizons_of(targets)} == {"alarm"}
