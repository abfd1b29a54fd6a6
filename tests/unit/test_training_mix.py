"""Samples of two origins: which are fit to be mixed, and what tells their contexts apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from infra.store.synthetic import Run as StoredRun
from infra.store.training import REAL, Source
from models.batch.recipe import Fitted, Recipe
from models.batch.samples import Samples
from models.batch.spec import spec_for
from models.targets import parse_target
from stream.training import failure_run, run
from stream.training.child import TrainingJob
from stream.training.mix import TwinRun, complete, contexts
from twin.errors import ConfigurationError, TrainingDataError
from twin.topology import Topology

TARGET = parse_target("RRU.PrbTotDl>70@1h")
KINDS = ["area=office", "area=stadium"]
SPEC = spec_for([TARGET], 900_000, KINDS)
N = 600
NOW = datetime(2026, 7, 8, tzinfo=UTC)


def samples(seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    X = rng.random((len(SPEC.names), N)).astype(np.float32)
    first = SPEC.names.index("kind0")
    X[first : first + 2] = 0
    X[first, :200] = 1
    X[first + 1, 200:300] = 1
    now = rng.uniform(1, 90, N).astype(np.float32)
    labels, future = (rng.random((1, N)) < 0.3).astype(np.float32), rng.random((1, N)).astype(np.float32)
    return Samples(X, labels, future, rng.uniform(1, 3, N).astype(np.float32), np.arange(N), now, 4)


def test_classes_are_those_that_the_inventory_declares() -> None:
    real, made = contexts("class", SPEC, samples(), samples(1))
    assert np.bincount(real).tolist() == np.bincount(made).tolist() == [300, 200, 100]
    with pytest.raises(ConfigurationError, match="declares no class"):
        contexts("class", spec_for([TARGET], 900_000), samples(), samples(1))


def test_radio_conditions_are_thirds_of_what_a_block_carries_in_the_real_network() -> None:
    ours, theirs = samples(), samples(1)
    volume = SPEC.names.index("volume")
    theirs.X[volume] += 100  # in the twin every block carries more
    ours.X[volume, :30] = np.nan
    real, made = contexts("radio", SPEC, ours, theirs)
    assert np.bincount(real).tolist() == [30, 190, 190, 190]
    assert np.bincount(made, minlength=4).tolist() == [0, 0, 0, N]
    carried = ours.X[volume] - np.log1p(ours.now)
    assert carried[real == 1].max() <= carried[real == 2].min() <= carried[real == 3].min()
    ours.X[volume] = np.nan
    with pytest.raises(ConfigurationError, match="no cell reports its volume"):
        contexts("radio", SPEC, ours, theirs)


def test_mixed_samples_have_all_labels_and_count_alike() -> None:
    given = samples()
    given.labels[0, :50] = np.nan
    given.future[0, 40:80] = np.nan
    kept, rows = complete(given, 1000, 0)
    assert rows.tolist() == list(range(80, N))
    assert set(kept.weight.tolist()) == {1.0}
    some, fewer = complete(given, 100, 0)
    assert len(some.time) == len(fewer) == 100
    assert (np.diff(fewer) > 0).all()
    given.labels[:] = np.nan
    with pytest.raises(TrainingDataError, match="no row has all its labels"):
        complete(given, 1000, 0)


class Seen(Exception):
    """As far as a test lets a training go."""


@pytest.mark.parametrize(
    ("origin", "hours"), [("both", [("real", 2), ("run", 9)]), ("synthetic", [("run", 9)]), ("real", [("real", 2)])]
)
def test_an_hour_is_that_of_the_people_of_each_network(
    origin: Any, hours: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The history's zone is that of the settings, a run's its own, whatever the run is used for."""
    told: list[tuple[str, int]] = []

    def read(_dsn: Any, _counter: Any, _since: Any, _until: Any, _catalogue: Any, source: Any = REAL, *_: Any) -> Any:
        history = SimpleNamespace(granularity_ms=900_000, names=[], of="real" if source is REAL else "run")
        return SimpleNamespace(history=history, topology=Topology(), findings=[])

    def made(_spec: Any, _targets: Any, history: Any, *_: Any, offset: Any = lambda _: 0, **__: Any) -> Samples:
        told.append((history.of, offset(1_752_000_000_000) // 3_600_000))
        return samples()

    def enough(*_: Any) -> Any:
        raise Seen

    monkeypatch.setattr(run, "run_named", lambda *_: twin_run("Asia/Tokyo"))
    monkeypatch.setattr(run, "read_history", read)
    monkeypatch.setattr(run, "congestion_samples", made)
    monkeypatch.setattr(run, "complete" if origin == "both" else "check_samples", enough)
    with pytest.raises(Seen):
        run.run(job(["RRU.PrbTotDl>70@1h"], origin), lambda *_: True)
    assert told == hours


@pytest.mark.parametrize(
    ("origin", "zones"), [("both", {"Asia/Tokyo", "Europe/Berlin"}), ("synthetic", {"Asia/Tokyo"})]
)
def test_so_it_is_where_failures_are_learnt(origin: Any, zones: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()

    def read(_dsn: Any, config: Any, *_: Any) -> Any:
        told.add(config.time_zone)
        return SimpleNamespace(sets=[])

    monkeypatch.setattr(failure_run, "read_failures", read)
    monkeypatch.setattr(failure_run, "snapshots", lambda *_: [])
    with pytest.raises(TrainingDataError, match="has matured"):
        failure_run.run_failures(
            job(["alarm:EQUIPMENT_ALARM@12h cell"], origin), twin_run("Asia/Tokyo"), lambda *_: True
        )
    assert told == zones


def test_a_run_that_says_no_zone_is_of_an_emulated_network_which_lives_by_utc() -> None:
    assert twin_run("").time_zone == "UTC"


def test_a_report_tells_lam_by_context_and_warns_of_a_run_that_is_too_far_away() -> None:
    lam = np.array([[1.0, 0.5], [0.5, 0.25], [0.0, 0.0], [0.9, 0.9]])
    shift = {"auc": 0.97, "effective": 12.5, "synthetic": 600.0}
    done = Fitted({}, [], np.empty(0), [3.0, 2.0, 1.0, 4.0], 2, np.empty(0), "epochs", 1, None, np.asarray, lam, shift)
    told = run.believed(done)
    assert told["shift"] == shift
    assert told["lam"] == [{"first": 1.0, "last": 0.0, "mean": 0.5}, {"first": 0.5, "last": 0.0, "mean": 0.25}]
    (warning,) = run.far_apart(done, Recipe())
    assert (warning["check"], warning["severity"]) == ("shift", "warning")
    assert "its 600 rows are worth 12" in warning["detail"]
    assert run.far_apart(done, Recipe(apart=0.98)) == []
    alone = done._replace(lam=np.empty((0, 0)), shift={})
    assert (run.believed(alone), run.far_apart(alone, Recipe())) == ({}, [])


def twin_run(zone: str) -> TwinRun:
    how = {"timeZone": zone} if zone else {}
    one = StoredRun("twin", "1", NOW - timedelta(days=5), NOW, how, {})
    return TwinRun(one, Source("synthetic", 1, "twin", "1"), Topology())


def job(targets: list[str], origin: Any) -> TrainingJob:
    return TrainingJob(
        dsn="", targets=targets, since=NOW - timedelta(days=5), until=NOW, time_zone="Europe/Berlin", origin=origin,
        objective="ppi" if origin == "both" else "erm", run="" if origin == "real" else "twin",
    )  # fmt: skip
