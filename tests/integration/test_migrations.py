"""Migrations go forward only, one by one, whole or not at all, and keep what is there."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from history_rows import BEGIN, put, quarter, run

from infra.store import migrate as migrating
from infra.store.keep import Keep
from infra.store.migrate import Step, migrate, steps
from infra.store.queries import history, snapshot_of
from infra.store.retention import stored
from infra.store.summaries import aggregated
from twin.errors import ConfigurationError

OBJECTS = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"


def only(monkeypatch: pytest.MonkeyPatch, some: list[Step]) -> None:
    """A program that knows these steps and no others."""
    monkeypatch.setattr(migrating, "steps", lambda: some)
    if some[-1].number < 6:
        monkeypatch.setattr(migrating, "settle", lambda *args, **more: None)


def test_a_database_at_step_2_keeps_its_data(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as old:
        only(old, steps()[:2])
        assert migrate(postgres_dsn) == 2
    put(postgres_dsn, "a=1", [quarter(BEGIN, i, i, None) for i in range(1, 9)])
    run(postgres_dsn, "INSERT INTO shard (partition, log_id, epoch, owner, next_offset) VALUES (0, 'main', 7, 'me', 9)")
    run(postgres_dsn, "INSERT INTO snapshot (partition, log_id, next_offset, body) VALUES (0, 'main', 9, 'state')")
    run(postgres_dsn, "INSERT INTO event VALUES (now(), '1', 'drift', 'k', 1, '{}')")
    assert migrate(postgres_dsn) == steps()[-1].number
    found = history(postgres_dsn, "a=1", "x", BEGIN, BEGIN + timedelta(days=1))
    assert [sample.value for sample in found] == [float(i) for i in range(1, 9)]
    hours = aggregated(postgres_dsn, "a=1", "x", BEGIN, BEGIN + timedelta(days=1), "1h")
    assert [(hour.periods, hour.mean) for hour in hours] == [(4, 2.5), (4, 6.5)]
    snapshot = snapshot_of(postgres_dsn, 0)
    assert snapshot is not None
    assert (snapshot.body, snapshot.next_offset, snapshot.event_time) == (b"state", 9, None)
    assert run(postgres_dsn, "SELECT epoch, next_offset FROM shard") == [(7, 9)]
    assert run(postgres_dsn, "SELECT count(*) FROM event") == [(1,)]


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5, 6, 7])
def test_a_step_that_fails_leaves_nothing_and_is_gone_on_with(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    broken = [s._replace(plain=s.plain + "; SELECT 1 / 0") if s.number == at else s for s in steps()]
    with monkeypatch.context() as bad:
        only(bad, broken)
        with pytest.raises(ConfigurationError, match="division by zero"):
            migrate(postgres_dsn)
    with_failure = run(postgres_dsn, OBJECTS)
    if at == 1:
        assert with_failure == []
    else:
        assert run(postgres_dsn, "SELECT max(version) FROM schema_version") == [(at - 1,)]
        with monkeypatch.context() as bad:
            only(bad, steps()[: at - 1])
            migrate(postgres_dsn)
        assert run(postgres_dsn, OBJECTS) == with_failure
    assert migrate(postgres_dsn) == steps()[-1].number
    assert run(postgres_dsn, "SELECT version FROM schema_version ORDER BY 1") == [
        (n,) for n in range(1, 1 + len(steps()))
    ]


def test_several_at_once_from_an_old_schema(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as old:
        only(old, steps()[:2])
        migrate(postgres_dsn)
    done: list[int] = []
    keeps = [Keep(), Keep(raw=60), Keep(raw=70)]
    threads = [
        threading.Thread(target=lambda keep=keep: done.append(migrate(postgres_dsn, keep, change=True)))
        for keep in keeps
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [steps()[-1].number] * 3
    assert kept(postgres_dsn) in keeps


def kept(dsn: str) -> Keep | None:
    connection: Any
    with migrating.psycopg.connect(dsn) as connection:
        return stored(connection)


def test_what_is_kept_changes_only_by_the_command(postgres_dsn: str, caplog: pytest.LogCaptureFixture) -> None:
    migrate(postgres_dsn, Keep(raw=60))
    assert kept(postgres_dsn) == Keep(raw=60)
    # A worker that was started without the setting must not delete what somebody wanted kept, nor the reverse.
    migrate(postgres_dsn, Keep(raw=30))
    assert kept(postgres_dsn) == Keep(raw=60)
    assert "`lockstep migrate` applies them" in caplog.text
    migrate(postgres_dsn, Keep(raw=30), change=True)
    assert kept(postgres_dsn) == Keep(raw=30)


def test_a_server_that_gets_the_extension_later_goes_on_without_it(
    postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as old:
        only(old, steps()[:2])
        migrate(postgres_dsn)
    # A view of that name stands for a server that offers it.
    run(postgres_dsn, "CREATE VIEW pg_available_extensions AS SELECT 'timescaledb'::name AS name")
    run(postgres_dsn, "ALTER ROLE CURRENT_USER SET search_path = public, pg_catalog")
    try:
        assert migrate(postgres_dsn) == steps()[-1].number
    finally:
        run(postgres_dsn, "ALTER ROLE CURRENT_USER RESET search_path")
    assert run(postgres_dsn, "SELECT bool_or(timescale) FROM schema_version") == [(False,)]
