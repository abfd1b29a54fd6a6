"""Models in the database: written twice they are there once, bytes by their hash, lives in the order of the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from infra.store import models as store
from infra.store.migrate import migrate
from infra.store.rows import insert_events
from twin.errors import Unavailable
from twin.log import Outlet
from twin.model_events import digest_of, new_candidate, new_transition

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
BODY = bytes(range(256)) * 100
PAIR = b'{"champion": "online", "candidate": "a@1", "n": 1}'


@pytest.fixture
def dsn(postgres_dsn: str) -> str:
    migrate(postgres_dsn)
    return postgres_dsn


def fill(dsn: str) -> None:
    """Two versions with the same bytes, and what became of one."""
    for version in "12":
        more = {"rows": 3, "text": "a\0b", "regression": {"failed": []}}
        store.record_candidate(dsn, new_candidate("m", version, ["t", "s"], BODY, BEGIN, more, "by hand"))
    for hour, state in enumerate(("shadow", "champion", "retired")):
        time = BEGIN + timedelta(hours=hour)
        step = new_transition("m@1", state, time, targets=["t"], reason="why\0", evidence={"n": hour}, by="me")  # type: ignore[arg-type]
        store.record_transition(dsn, step)


def check(dsn: str) -> None:
    fill(dsn)
    fill(dsn)
    one, two = store.models(dsn)
    assert (one.model, two.model) == ("m@1", "m@2")
    assert (one.ml_model_id, one.ml_model_version, one.time, one.targets) == ("m", "1", BEGIN, ["s", "t"])
    assert one.evidence == {"rows": 3, "text": "a\ufffdb", "regression": {"failed": []}}
    assert one.digest == two.digest == digest_of(BODY)
    assert store.artifact_of(dsn, "m@2") == BODY
    assert store.artifact_of(dsn, "m@3") is None
    steps = [(s.model, s.state, s.targets, s.by, s.reason, s.evidence) for s in store.lives(dsn)]
    assert steps == [
        ("m@1", "candidate", [], "by hand", "", {}),
        ("m@2", "candidate", [], "by hand", "", {}),
        ("m@1", "shadow", ["t"], "me", "why\ufffd", {"n": 0}),
        ("m@1", "champion", ["t"], "me", "why\ufffd", {"n": 1}),
        ("m@1", "retired", ["t"], "me", "why\ufffd", {"n": 2}),
    ]
    with psycopg.connect(dsn, prepare_threshold=None) as connection:
        assert connection.execute("SELECT count(*) FROM ml_artifact").fetchone() == (1,), "the same bytes are kept once"


def test_written_twice_is_there_once(dsn: str) -> None:
    check(dsn)


def test_the_same_on_timescale(timescale_dsn: str) -> None:
    check(timescale_dsn)


async def test_comparisons_are_kept_with_the_other_events(dsn: str) -> None:
    outs = [
        Outlet("comparisons", "t", f"c{hour}", int((BEGIN + timedelta(hours=hour)).timestamp() * 1000), PAIR)
        for hour in range(3)
    ]
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        await insert_events(connection, outs, 1)
        await insert_events(connection, outs, 1)
    assert len(store.comparisons(dsn, BEGIN - timedelta(hours=1), ["online", "a@1"])) == 3
    (one,) = store.comparisons(dsn, BEGIN + timedelta(hours=1), ["online", "a@1", "b@1"])
    assert json.loads(one) == json.loads(PAIR)
    assert store.comparisons(dsn, BEGIN - timedelta(hours=1), ["online", "b@1"]) == []
    assert store.newest_comparison(dsn) == BEGIN + timedelta(hours=2)
    assert store.newest_comparison(dsn, BEGIN + timedelta(minutes=90)) == BEGIN + timedelta(hours=1)
    assert store.newest_comparison(dsn, BEGIN - timedelta(hours=1)) is None


def test_a_step_of_a_model_that_nobody_knows_is_not_written(dsn: str) -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        store.record_transition(dsn, new_transition("ghost@1", "retired", BEGIN))
    assert store.lives(dsn) == []


def test_a_database_that_is_away_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        store.models("host=127.0.0.1 port=1 dbname=x")
