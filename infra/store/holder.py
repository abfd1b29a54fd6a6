"""A worker that froze or vanished in the middle of a transaction keeps the partition's row locked: let go of it.

The server does so by itself only where the transaction is idle; one in the middle of a COPY it waits for as long as the
client's machine answers, so a frozen worker would keep its partition until it is thawed.
"""

from __future__ import annotations

import logging
from typing import Any

import psycopg

from infra.store.faults import translated

log = logging.getLogger(__name__)

PATIENCE_S = 5
"""A claim waits so long for the transaction of the worker before; one takes a fraction of a second."""

# The row's `xmax` is the transaction that has locked it. One whose server process works is left alone: only those
# whose client is silent are ended.
HOLDERS = """
SELECT holder.pid, pg_terminate_backend(holder.pid) FROM shard
JOIN pg_locks AS held ON held.locktype = 'transactionid' AND held.transactionid = shard.xmax AND held.granted
JOIN pg_stat_activity AS holder ON holder.pid = held.pid
WHERE shard.partition = %(partition)s AND shard.log_id = %(log_id)s AND holder.usename = current_user
AND holder.application_name LIKE 'lockstep%%' AND holder.wait_event_type = 'Client'
"""


async def end_silent_holder(dsn: str, connection: dict[str, Any], partition: int, log_id: str) -> None:
    """End the transaction that holds a partition's row, if its client says nothing.

    Args:
        connection: Further arguments of the connection.

    Raises:
        Unavailable, ConfigurationError: See `infra.store.faults`.
    """
    with translated():
        async with await psycopg.AsyncConnection.connect(dsn, **connection) as asked:
            found = await asked.execute(HOLDERS, {"partition": partition, "log_id": log_id})
            for pid, _ in await found.fetchall():
                log.warning("partition %d: ended the transaction of process %d, whose worker is silent", partition, pid)
