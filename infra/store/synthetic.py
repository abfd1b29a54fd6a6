"""Runs of a twin in the database: written once and whole, read like the history, never among it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from infra.store.copy import STATEMENT, observation_copy
from infra.store.faults import translated
from infra.store.queries import ask
from twin.errors import ConfigurationError
from twin.log import Outlet
from twin.rows import Effects

NEW = """
INSERT INTO synthetic_run (run, twin_version, since, until, how, topology)
VALUES (%(run)s, %(twin_version)s, %(since)s, %(until)s, %(how)s, %(topology)s)
ON CONFLICT DO NOTHING RETURNING id
"""
OBJECTS = "INSERT INTO synthetic_object (run, id, dn) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
SETS = "INSERT INTO synthetic_counter_set (id, names) VALUES (%s, %s) ON CONFLICT DO NOTHING"
EVENTS = """
INSERT INTO synthetic_event (time, id, kind, key, shard, body)
VALUES (to_timestamp(%s / 1000.0), %s, %s, %s, %s, %s::text::jsonb) ON CONFLICT DO NOTHING
"""
FIND = """
SELECT id, run, origin, twin_version, since, until, how, topology FROM synthetic_run
WHERE %(run)s::text IS NULL OR run = %(run)s ORDER BY id
"""
COPY = STATEMENT.replace("observation", "synthetic_observation", 1)
FORGET = "DELETE FROM {table} WHERE shard = (SELECT id FROM synthetic_run WHERE run = %(run)s)"


class Run(NamedTuple):
    """One run of a twin.

    Attributes:
        run: Its name.
        twin_version: Of the program that ran.
        since, until: Of its rows, in the twin's time.
        how: What it was made with, such as seed and size.
        topology: As `twin.topology.Topology.to_dict` gives it.
        id: Its number; 0 before it is written.
        origin: Always "synthetic".
    """

    run: str
    twin_version: str
    since: datetime
    until: datetime
    how: dict[str, Any]
    topology: dict[str, Any]
    id: int = 0
    origin: str = "synthetic"


def write_run(dsn: str, run: Run, effects: Iterable[Effects]) -> int:
    """Write a run in one transaction: it is there as a whole or not at all.

    Args:
        effects: What the twin's fold caused: rows are kept, and of the outlets the alarms.

    Returns:
        How many rows were written.

    Raises:
        ConfigurationError: There is a run of this name.
        Unavailable: The database doesn't answer.
    """
    rows = 0
    given = run._asdict() | {"how": json.dumps(run.how), "topology": json.dumps(run.topology)}
    with translated(), psycopg.connect(dsn, connect_timeout=10, application_name="lockstep synthesise") as connection:
        found = connection.execute(NEW, given).fetchone()
        if found is None:
            raise ConfigurationError(f"there is a run {run.run!r} already; give the new one another name")
        number = int(found[0])
        for one in effects:
            rows += _write(connection, number, one)
    return rows


def _write(connection: psycopg.Connection, number: int, effects: Effects) -> int:
    with connection.cursor() as cursor:
        cursor.executemany(OBJECTS, [(number, one.id, one.dn) for one in effects.objects])
        cursor.executemany(SETS, [(one.id, list(one.names)) for one in effects.counter_sets])
        alarms = [o for o in effects.outlets if o.kind == "updates" and _is_alarm(o)]
        cursor.executemany(EVENTS, [(o.time, o.id, o.kind, o.key, number, o.value.decode()) for o in alarms])
        with cursor.copy(COPY) as copy:
            for buffer in observation_copy(effects.history, number):
                copy.write(buffer)
    return sum(len(block.time) for block in effects.history)


def _is_alarm(outlet: Outlet) -> bool:
    return bool(json.loads(outlet.value).get("change") == "alarm")


def runs(dsn: str, run: str | None = None) -> list[Run]:
    """The runs there are, oldest first; or the one of a name.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return [
        Run(name, version, since, until, how, topology, number, origin)
        for number, name, origin, version, since, until, how, topology in ask(dsn, FIND, {"run": run})
    ]


def forget(dsn: str, run: str) -> None:
    """Delete a run and all its rows.

    Raises:
        ConfigurationError: There is none of this name.
        Unavailable: The database doesn't answer.
    """
    with translated(), psycopg.connect(dsn, connect_timeout=10, application_name="lockstep synthesise") as connection:
        for table in ("synthetic_observation", "synthetic_event"):
            connection.execute(FORGET.format(table=table), {"run": run})
        gone = connection.execute("DELETE FROM synthetic_run WHERE run = %(run)s", {"run": run}).rowcount
    if not gone:
        raise ConfigurationError(f"there is no run {run!r}; `lockstep synthesise --list` shows those there are")
