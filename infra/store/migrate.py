"""Brings the schema up to this version: numbered, forward only, each step in one transaction.

`NNNN_name.sql` is step NNNN; where `NNNN_name.timescale.sql` exists as well it is used instead on a server that offers
the extension timescaledb. Both leave the same names and columns.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.resources import files
from typing import NamedTuple

import psycopg

from twin.errors import ConfigurationError, Unavailable

ADVISORY_LOCK = 0x4C6F636B73746570
_NAME = re.compile(r"(\d{4})_[a-z_]+(\.timescale)?\.sql")


class Step(NamedTuple):
    """One migration: its number, and its SQL on plain PostgreSQL and on TimescaleDB."""

    number: int
    plain: str
    timescale: str


def steps() -> list[Step]:
    """Every migration, in order."""
    plain: dict[int, str] = {}
    timescale: dict[int, str] = {}
    for file in files("infra.store.migrations").iterdir():
        if (match := _NAME.fullmatch(file.name)) is not None:
            (timescale if match[2] else plain)[int(match[1])] = file.read_text(encoding="utf-8")
    return [Step(number, plain[number], timescale.get(number, plain[number])) for number in sorted(plain)]


def migrate(dsn: str) -> int:
    """Bring the schema up to date; two programs may do so at once.

    Returns:
        The schema's version.

    Raises:
        ConfigurationError: The schema is newer than this program, or a step fails.
        Unavailable: The database doesn't answer.
    """
    todo = steps()
    try:
        with psycopg.connect(dsn, autocommit=True) as connection:
            timescale = _timescale(connection)
            for step in todo:
                _apply(connection, step, timescale, newest=todo[-1].number)
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer: {error}") from error
    except psycopg.Error as error:
        raise ConfigurationError(f"the database refuses the schema: {error}") from error
    return todo[-1].number


def _timescale(connection: psycopg.Connection) -> bool:
    """Whether the server has TimescaleDB; makes the extension in this database if so."""
    offered = connection.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    if offered is None:
        return False
    # Another program may make it in the same moment.
    with suppress(psycopg.errors.UniqueViolation):
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return True


def _apply(connection: psycopg.Connection, step: Step, timescale: bool, newest: int) -> None:
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [ADVISORY_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, timescale boolean NOT NULL, "
            "applied_at timestamptz NOT NULL DEFAULT now())"
        )
        row = connection.execute("SELECT coalesce(max(version), 0) FROM schema_version").fetchone()
        version = int(row[0]) if row else 0
        if version > newest:
            raise ConfigurationError(
                f"the database has schema {version}, this program knows {newest}: install the newer Lockstep again"
            )
        if version >= step.number:
            return
        connection.execute(step.timescale if timescale else step.plain)
        connection.execute("INSERT INTO schema_version VALUES (%s, %s)", [step.number, timescale])
