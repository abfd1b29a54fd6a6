"""A pool of connections for who asks often; what only asks once opens one of its own (`infra.store.queries`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from infra.store.faults import translated
from twin.errors import Unavailable

Pool = AsyncConnectionPool[AsyncConnection[Any]]

MOST, WAIT_S = 8, 10.0
STATEMENT_MS = 30_000
"""How long one question may take: who asks for too much must not keep a connection."""


def new_pool(dsn: str) -> Pool:
    """A pool that is not open yet; its connections only read."""
    return AsyncConnectionPool(
        dsn,
        min_size=1,
        max_size=MOST,
        open=False,
        timeout=WAIT_S,
        max_waiting=100,
        check=AsyncConnectionPool.check_connection,
        kwargs={
            "autocommit": True,
            "connect_timeout": 10,
            "prepare_threshold": None,
            "options": f"-c timezone=UTC -c statement_timeout={STATEMENT_MS} -c default_transaction_read_only=on",
            "application_name": "lockstep api",
        },
    )


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """One connection for a moment.

    Raises:
        Unavailable: The database doesn't answer.
        ConfigurationError: It won't until somebody acts.
    """
    with translated():
        try:
            async with pool.connection() as made:
                yield made
        except PoolTimeout as error:
            raise Unavailable("the database has no connection to spare") from error
