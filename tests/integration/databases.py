"""Databases of one server, each for whoever asked for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo


@contextmanager
def database(server: str, like: str = "") -> Iterator[str]:
    """DSN of a new database, dropped at the end.

    Args:
        like: DSN of the one that it is a copy of, to which nobody is connected; empty: it is empty.
    """
    name = f"test_{uuid4().hex}"
    original = conninfo_to_dict(like)["dbname"] if like else "template1"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {original}")
    try:
        yield make_conninfo(server, dbname=name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
