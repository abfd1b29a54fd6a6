"""What an error of the database means: wait and try again, or stop because waiting won't help."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from twin.errors import ConfigurationError, LockstepError, Unavailable

WAIT = {
    "08": "the connection is lost",
    "25006": "the database is read-only",
    "25P03": "a transaction was idle for too long",
    "25P04": "a transaction took too long",
    "40001": "another transaction was in the way",
    "40P01": "another transaction was in the way",
    "40": "the transaction was rolled back",
    "53100": "the database's disk is full, make room",
    "53200": "the database is out of memory",
    "53300": "the database takes no more connections, raise max_connections or run fewer workers",
    "53": "the database is short of something",
    "55P03": "another transaction holds a lock",
    "57014": "a statement took too long and was cancelled",
    "57P01": "the database is shutting down",
    "57P02": "the database has crashed",
    "57P03": "the database is starting or shutting down",
    "57": "an operator or a limit ended the statement",
    "58": "the database can't use its disk",
    "XX": "the database has an internal fault",
}
"""Codes and classes of codes that pass, and a sentence for each. Source: PostgreSQL 18, appendix A."""

STOP = {
    "0A": "the database can't do what Lockstep needs: see `lockstep doctor` for its version",
    "28": "the database refuses the login: check user and password in LOCKSTEP_DSN",
    "3D": "there is no such database: create it, or correct LOCKSTEP_DSN",
    "3F": "the schema is not the one this program works with: run `lockstep migrate`",
    "26": "a pooler drops prepared statements: connect to the database itself, or with a session each",
    "42P05": "a pooler mixes sessions up: connect to the database itself, or with a session each",
    "42501": "the database user lacks a right: let it own the tables, or grant it",
    "42": "the schema is not the one this program works with: run `lockstep migrate`",
    "53400": "a limit that is set in the database is too low for Lockstep",
    "54": "something is larger than the database takes",
    "F0": "the database's own settings are wrong",
    "XX001": "the database's files are damaged: restore a backup",
    "XX002": "an index of the database is damaged: run REINDEX",
}
"""Codes and classes of codes that stay until somebody acts."""

REFUSED = re.compile(
    r"password authentication failed|no password supplied|authentication failed|no pg_hba\.conf entry|"
    r'(role|database) ".*" does not exist|permission denied for database|is not permitted to log in|'
    r"certificate verify failed|does not support SSL"
)
"""A login that fails carries no code, only what the server said."""


def fault(error: psycopg.Error) -> LockstepError | None:
    """The error of ours that one of the database's is.

    Returns:
        `Unavailable` where trying again helps, `ConfigurationError` where somebody must act, None where the data or
        the program are at fault.
    """
    said = " ".join(str(error).split())
    code = error.sqlstate
    if code is None:
        return _without_code(error, said)
    if sentence := STOP.get(code):
        return ConfigurationError(f"{sentence} ({code}: {said})")
    if sentence := WAIT.get(code) or WAIT.get(code[:2]):
        return Unavailable(f"{sentence} ({code}: {said})")
    if sentence := STOP.get(code[:2]):
        return ConfigurationError(f"{sentence} ({code}: {said})")
    return None


def _without_code(error: psycopg.Error, said: str) -> LockstepError | None:
    if _unreadable(error):
        return ConfigurationError(
            "LOCKSTEP_DSN can't be read: write it as postgresql://user:password@host:5432/database"
        )
    if REFUSED.search(said):
        return ConfigurationError(f"the database refuses the login ({said}): check LOCKSTEP_DSN")
    if isinstance(error, psycopg.OperationalError | psycopg.InternalError | psycopg.InterfaceError):
        return Unavailable(f"the database does not answer ({said}): try again when it does")
    return None


def _unreadable(error: psycopg.Error) -> bool:
    """Whether it is about the DSN itself; what it says may then hold a part of the password."""
    return error.sqlstate is None and isinstance(error, psycopg.ProgrammingError)


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the database as ours where `fault` knows them.

    Raises:
        Unavailable, ConfigurationError: See `fault`.
    """
    try:
        yield
    except psycopg.Error as error:
        if (ours := fault(error)) is None:
            raise
        raise ours from (None if _unreadable(error) else error)
