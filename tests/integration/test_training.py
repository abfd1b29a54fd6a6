"""From the log through the database to a model: emulate, fold, train, export, load, predict."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from databases import database
from typer.testing import CliRunner

from infra.store.migrate import migrate
from infra.store.writer import ShardStore
from models.artifact import unpack
from models.batch.history import features_by_period
from models.network import Network
from models.targets import parse_target
from stream.cli import app
from stream.config import ShardConfig
from stream.decode import from_ms
from stream.shard import Shard
from stream.sources.emulator import EmulatedNetwork, records
from stream.training.child import Trained, TrainingJob, train
from stream.training.data import read_history
from twin.counters import CATALOGUE
from twin.errors import TrainingDataError
from twin.log import LogRecord
from twin.rows import stable_id

LOAD = "RRU.PrbTotDl"
TARGETS = [f"{LOAD}>30@15min", f"{LOAD}>30@1h", f"{LOAD}>50@1h"]
PERIODS = 4 * 96
QUARTER_MS = 900_000


def folded(dsn: str) -> Shard:
    """One partition of the emulated network, four days of it, folded into the database with its snapshot."""
    log = [LogRecord(0, i, *r[2:]) for i, r in enumerate(records(EmulatedNetwork(seed=3, num_sites=5), PERIODS, 1))]
    shard = Shard(0, ShardConfig(targets=tuple(map(parse_target, TARGETS))), CATALOGUE)

    async def write() -> None:
        store = ShardStore(dsn)
        claim = await store.claim(0, "test", "test")
        for begin in range(0, len(log), 500):
            effects = shard.apply(log[begin : begin + 500])
            last = begin + 500 >= len(log)
            state = (shard.snapshot(), log[-1].time) if last else (None, None)
            await store.commit(claim, min(begin, len(log)), shard.next_offset, effects, *state)
        await store.close()

    asyncio.run(write())
    return shard


@pytest.fixture(scope="module")
def original(embedded_postgres: str) -> Iterator[tuple[str, Shard]]:
    """A history, folded once, and the shard that did it."""
    with database(embedded_postgres) as dsn:
        migrate(dsn)
        yield dsn, folded(dsn)


@pytest.fixture
def world(original: tuple[str, Shard], embedded_postgres: str) -> Iterator[tuple[str, Shard]]:
    """A copy of it that a test may spoil."""
    dsn, shard = original
    with database(embedded_postgres, like=dsn) as copy:
        yield copy, shard


def job(dsn: str, shard: Shard, **more: object) -> TrainingJob:
    end = from_ms(shard.tables[QUARTER_MS].now * QUARTER_MS)
    small = {"epochs": 2, "units": (8, 8), "budget_s": 600.0} | more
    return TrainingJob(dsn=dsn, targets=TARGETS, since=end - timedelta(days=5), until=end, **small)  # type: ignore[arg-type]


def test_a_model_comes_out_of_the_database(
    world: tuple[str, Shard], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, shard = world
    own = job(dsn, shard)
    data = read_history(dsn, LOAD, own.since, own.until, CATALOGUE)
    history = data.history
    assert history.granularity_ms == QUARTER_MS
    assert history.values.shape == (PERIODS, 15)
    assert {"RRC.ConnMean", "DRB.UEThpDl"} <= set(history.others)
    # The newest values are those of the twin, cell by cell; its topology is the twin's.
    series = shard.channels[QUARTER_MS, LOAD].series
    table = shard.tables[QUARTER_MS]
    of_name = dict(zip((table.names[row] for row in series.table_rows), series.recent(table.now), strict=True))
    np.testing.assert_array_equal(history.values[-1], [of_name[name] for name in history.names])
    assert data.topology.to_dict() == shard.topology.to_dict()

    told: list[str] = []
    made = train(own, lambda stage, percent: told.append(stage))
    assert [s for k, s in enumerate(told) if told.index(s) == k] == [
        "read", "features", "validate", "train", "calibrate", "refit", "score",
    ]  # fmt: skip
    _predicts(made, data.topology, history)
    _through_the_command(dsn, tmp_path, monkeypatch)


def _predicts(made: Trained, topology: object, history: object) -> None:
    artifact = unpack(made.artifact)
    assert artifact.targets == TARGETS
    assert artifact.spec is not None
    assert made.evidence["positives"] > 0
    assert made.evidence["regression"]["cases"] > 0
    metrics = {(m["inferenceOutputName"], m["performanceMetric"]) for m in made.evidence["modelPerformanceValidation"]}
    assert {(name, "calibrationLoss") for name in TARGETS} <= metrics
    network = Network(artifact)
    for t, X in features_by_period(artifact.spec, history, topology):  # type: ignore[arg-type]
        if t == PERIODS - 1:
            log_odds = network.log_odds(X)
    known = ~np.isnan(history.values[-1])  # type: ignore[attr-defined]
    assert known.any()
    assert (~np.isnan(log_odds[0]) == known).all()


def _through_the_command(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_DSN", dsn)
    monkeypatch.setenv("LOCKSTEP_BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setenv("LOCKSTEP_TARGETS", json.dumps(TARGETS[1:2]))
    monkeypatch.setenv("LOCKSTEP_FAILURE_TARGETS", "[]")
    runner, out = CliRunner(), tmp_path / "model"
    dry = runner.invoke(app, ["train", "--days", "5", "--dry-run"])
    assert dry.exit_code == 0, dry.output
    assert "the data are sound" in dry.output
    done = runner.invoke(app, ["train", "--days", "5", "--epochs", "1", "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    artifact = unpack(out.read_bytes())
    assert artifact.targets == report["targets"] == TARGETS[1:2]
    assert report["model"].endswith(artifact.m_l_model_version)


Change = Callable[[psycopg.Connection], None]


def _fractions(connection: psycopg.Connection) -> None:
    connection.execute("UPDATE observation SET values = ARRAY(SELECT v / 100 FROM unnest(values) AS v)")


def _doubled(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO observation SELECT time, object_id, counter_set, log_offset + 1000000, shard, granularity, "
        "expected, flags, probability, values FROM observation"
    )


@pytest.mark.parametrize(("change", "reason"), [(_fractions, "units"), (_doubled, "duplicates")])
def test_a_corrupt_batch_stops_training_with_a_reason(world: tuple[str, Shard], change: Change, reason: str) -> None:
    dsn, shard = world
    with psycopg.connect(dsn) as connection:
        change(connection)
    with pytest.raises(TrainingDataError, match=f"nothing was trained: .*{reason}"):
        train(job(dsn, shard), lambda stage, percent: None)


def test_doubted_and_late_rows_are_not_learnt(world: tuple[str, Shard]) -> None:
    dsn, shard = world
    own = job(dsn, shard)
    before = read_history(dsn, LOAD, own.since, own.until, CATALOGUE)
    name, row = before.history.names[0], 50
    end = from_ms((before.history.first + row) * QUARTER_MS)
    for flag in (1, 2, 8, 16):
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "UPDATE observation SET flags = %s WHERE object_id = %s AND time = %s", [flag, stable_id(name), end]
            )
        after = read_history(dsn, LOAD, own.since, own.until, CATALOGUE)
        assert after.passed_over > before.passed_over
        assert np.isnan(after.history.values[row, 0])
