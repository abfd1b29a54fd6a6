"""Brings the schema up to this version: numbered, forward only, each step in one transaction.

`NNNN_name.sql` is step NNNN; where `NNNN_name.timescale.sql` exists as well it is used instead on a server that offers
the extension timescaledb. Both leave the same names and columns.
"""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg

from infra.store.faults import translated
from infra.store.keep import Keep
from infra.store.retention import settle
from twin.errors import ConfigurationError

ADVISORY_LOCK = 0x4C6F636B73746570
DEFAULT = Keep()
CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    "options": "-c timezone=UTC",
    "application_name": "lockstep migrate",
}
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


def migrate(dsn: str, keep: Keep = DEFAULT, *, change: bool = False) -> int:
    """Bring the schema up to date; two programs may do so at once, and one that was interrupted is gone on with.

    Args:
        keep: How long data are kept, where the database doesn't know that yet.
        change: It shall be so even if the database was told something else before.

    Returns:
        The schema's version.

    Raises:
        ConfigurationError: The schema is newer than this program, or the database refuses a step.
        Unavailable: The database doesn't answer.
    """
    todo = steps()
    try:
        with translated(), psycopg.connect(dsn, autocommit=True, prepare_threshold=None, **CONNECTION) as connection:
            timescale = _timescale(connection)
            for step in todo:
                _apply(connection, step, timescale, newest=todo[-1].number)
            settle(connection, timescale, keep, change=change)
    except psycopg.Error as error:
        raise ConfigurationError(f"the database refuses the schema: {error}") from error
    return todo[-1].number


def _timescale(connection: psycopg.Connection) -> bool:
    """Whether the schema is to be the one for TimescaleDB; makes the extension in a new database if so.

    Raises:
        ConfigurationError: The schema is there for TimescaleDB, which this server doesn't have.
    """
    offered = (
        connection.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone() is not None
    )
    # A database keeps the variant that it began with: a server may get the extension later, or be another one.
    begun = None
    if connection.execute("SELECT to_regclass('schema_version')::text").fetchone() != (None,):
        begun = connection.execute("SELECT timescale FROM schema_version ORDER BY version DESC LIMIT 1").fetchone()
    timescale = offered if begun is None else bool(begun[0])
    if timescale and not offered:
        raise ConfigurationError(
            "the database was made with TimescaleDB, which this server does not offer: install the extension"
        )
    if timescale:
        # Another program may make it in the same moment.
        with suppress(psycopg.errors.UniqueViolation):
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    return timescale


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
