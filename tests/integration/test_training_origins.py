"""`lockstep train` for failures, and from rows of both origins; `lockstep synthesise` makes the rows."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from databases import database
from typer.testing import CliRunner

from infra.store.migrate import migrate
from infra.store.writer import ShardStore
from models.artifact import unpack
from models.failure.names import horizons_of
from models.failure.signals import feature_names
from models.failure.target import parse_failure_target
from models.targets import parse_target
from stream.cli import app
from stream.config import ShardConfig
from stream.shard import Shard
from stream.sources.emulator import Ageing, EmulatedNetwork, Rates, Script, records
from stream.sources.emulator.network import START
from stream.training import commands
from stream.training.commands import grouped
from stream.training.mix import check_mix, objective_of
from stream.training.told_apart import told_apart
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError
from twin.log import LogRecord

CONGESTION = "RRU.PrbTotDl>45@1h"
FAILURE = "alarm:EQUIPMENT_ALARM@12h"
SITES, DAYS, HOUR = 8, 12, 3600
OBJECTIVES = ("cross-ppi", "context")
"""The others are tried in tests/keras."""


@pytest.fixture(scope="module")
def world(embedded_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A history of an ageing network, and a run of a twin; both in one database."""
    with database(embedded_postgres) as dsn, pytest.MonkeyPatch.context() as patch:
        migrate(dsn)
        _fold(dsn)
        for name, value in {
            "DSN": dsn, "BOOTSTRAP": "127.0.0.1:1", "TARGETS": json.dumps([CONGESTION]),
            "FAILURE_TARGETS": json.dumps([FAILURE, "fade>10dB@15min"]),
        }.items():  # fmt: skip
            patch.setenv(f"LOCKSTEP_{name}", value)
        made = _command("synthesise", "--run", "twin", "--sites", "6", "--days", "5", "--seed", "9",
                        "--granularity", str(HOUR), "--faster", "300", "--json")  # fmt: skip
        yield dsn, json.loads(made)


def _fold(dsn: str) -> None:
    network = EmulatedNetwork(5, SITES, 1, HOUR, script=Script(), rates=Rates.none(), ageing=Ageing().faster(300))
    log = [LogRecord(0, i, *one[2:]) for i, one in enumerate(records(network, DAYS * 24, 1))]
    shard = Shard(0, ShardConfig(targets=(parse_target(CONGESTION),)), CATALOGUE)

    async def write() -> None:
        store = ShardStore(dsn)
        claim = await store.claim(0, "test", "test")
        for begin in range(0, len(log), 1000):
            effects = shard.apply(log[begin : begin + 1000])
            last = begin + 1000 >= len(log)
            state = (shard.snapshot(), log[-1].time) if last else (None, None)
            await store.commit(claim, begin, shard.next_offset, effects, *state)
        await store.close()

    asyncio.run(write())


def _command(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.stdout


def _trained(out: Any, *arguments: str) -> tuple[Any, dict[str, Any]]:
    told = _command("train", "--days", str(DAYS), "--epochs", "2", "--out", str(out), "--json", *arguments)
    return unpack(out.read_bytes()), json.loads(told)


def test_a_failure_model_comes_out_of_the_database(world: Any, tmp_path: Any) -> None:
    artifact, told = _trained(tmp_path / "model", "--target", f"{FAILURE} element")
    assert artifact.kind == "failure"
    assert artifact.targets == told["targets"] == ["alarm:EQUIPMENT_ALARM@12h element"]
    assert artifact.features == feature_names("element")
    assert artifact.granularity_ms == 900_000
    assert told["origin"] == {"real": told["rows"]}
    assert told["positives"] > 0
    assert told["alarms"] > 0
    assert told["objects"] == SITES
    assert told["regression"]["cases"] > 0
    assert artifact.training.origin == "real"


def test_a_mixed_training_says_what_it_learnt_from(world: Any, tmp_path: Any) -> None:
    _, run = world
    for objective in OBJECTIVES:
        artifact, told = _trained(
            tmp_path / objective, "--target", CONGESTION, "--objective", objective, "--run", "twin"
        )
        assert told["objective"] == artifact.training.objective == objective_of(objective)
        assert (told["run"], told["twinVersion"]) == ("twin", artifact.training.twin_version)
        assert artifact.training.run == "twin"
        assert artifact.training.origin == "both"
        assert min(told["origin"].values()) > 300
        assert set(told["origin"]) == {"real", "synthetic"}
        assert artifact.training.shift.keys() == told["shift"].keys()
        assert 0.5 < told["shift"]["auc"] <= 1
        assert 1 <= told["shift"]["effective"] <= told["shift"]["synthetic"] == told["origin"]["synthetic"]
        warned = [one for one in told["findings"] if one["check"] == "shift"]
        assert len(warned) == (told["shift"]["auc"] > 0.95)
        if objective == "context":
            assert sum(told["contexts"]) == told["origin"]["synthetic"]
            assert sum(count > 0 for count in told["contexts"]) > 1
            assert len(told["lam"]) == len(told["contexts"])
            assert artifact.training.lam == told["lam"]
            assert all(0 <= x <= 1 for one in told["lam"] for x in one.values())
        else:
            assert "lam" not in told
    assert run["rows"] > 0


def test_failures_are_mixed_too(world: Any, tmp_path: Any) -> None:
    more = ("--objective", "p-erm", "--run", "twin")
    artifact, told = _trained(tmp_path / "mixed", "--target", f"{FAILURE} cell", *more)
    assert artifact.training.origin == "both"
    assert set(told["origin"]) == {"real", "synthetic"}


def test_what_contexts_cannot_be_told_apart_of_is_left_out_before_the_first_training(
    world: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn, _ = world
    groups = grouped([CONGESTION, FAILURE])
    cells, elements = (f"failure of a {kind} within 12 h" for kind in ("cell", "element"))
    range_ = (START - timedelta(days=1), START + timedelta(days=DAYS + 1))
    assert list(told_apart(dsn, groups, "cdr", "class", *range_, named=False)) == ["RRU.PrbTotDl", cells]
    assert capsys.readouterr().err.startswith(f"{elements}: left out: the inventory declares no class")
    assert list(told_apart(dsn, groups, "cdr", "radio", *range_, named=False)) == ["RRU.PrbTotDl"]
    assert [line.partition(": left out: failures")[0] for line in capsys.readouterr().err.splitlines()] == [
        cells, elements,
    ]  # fmt: skip
    assert told_apart(dsn, groups, "tdr", "class", *range_, named=False) == groups
    # What was asked for by name isn't left out, and nothing is trained before that is known.
    begun: list[Any] = []
    monkeypatch.setattr(commands, "train", lambda *job: begun.append(job))
    targets = ("--target", CONGESTION, "--target", f"{FAILURE} element")
    done = CliRunner().invoke(app, ["train", "--objective", "context", "--run", "twin", *targets])
    assert isinstance(done.exception, ConfigurationError | SystemExit)
    assert begun == []


def test_a_run_alone_is_learnt_from(world: Any, tmp_path: Any) -> None:
    artifact, told = _trained(tmp_path / "made", "--target", CONGESTION, "--origin", "synthetic", "--run", "twin")
    assert (artifact.training.origin, artifact.training.run) == ("synthetic", "twin")
    assert set(told["origin"]) == {"synthetic"}
    assert told["objects"] == 6 * 3


def test_runs_are_listed(world: Any) -> None:
    assert [json.loads(line)["run"] for line in _command("synthesise", "--list", "--json").splitlines()] == ["twin"]


def test_targets_are_grouped_by_model() -> None:
    groups = grouped([CONGESTION, FAILURE, "fade>10dB@15min", "alarm:oran-5@24h cell"])
    assert sorted(map(sorted, groups.values())) == [
        [CONGESTION],
        ["alarm:EQUIPMENT_ALARM@12h cell"],
        ["alarm:EQUIPMENT_ALARM@12h element"],
        ["alarm:oran-5@1d cell"],
    ]
    assert set(horizons_of([parse_failure_target(FAILURE)])) == {f"{FAILURE} {kind}" for kind in ("cell", "element")}
    with pytest.raises(ConfigurationError, match="no batch models"):
        grouped(["fade>10dB@15min"])


@pytest.mark.parametrize(
    ("objective", "run", "origin"),
    [("ppi", "", "both"), ("ppi", "a", "real"), ("erm", "a", "both"), ("erm", "", "synthetic")],
)
def test_objective_and_origin_must_fit(objective: str, run: str, origin: str) -> None:
    with pytest.raises(ConfigurationError):
        check_mix(objective, run, origin)
    with pytest.raises(ConfigurationError, match="there is no objective"):
        objective_of("sorcery")
