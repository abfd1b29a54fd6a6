"""Why the twin predicts what it predicts of one object, now or at a past time: from the state, and from the history."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from infra.api.stored_history import StoredHistory
from infra.settings import load
from infra.store.pool import new_pool
from models.failure.target import parse_failure_target
from models.targets import parse_target
from stream.decode import from_ms
from stream.explaining.congestion import congestion
from stream.explaining.failure import failures
from stream.explaining.predictions import Plain, rounded
from stream.partition import partition_of
from stream.past import rebuild
from stream.services import Services, running
from stream.shard_state import event_time
from twin import dn
from twin.errors import BadInput, ConfigurationError, LogGone, SnapshotError

TOLD = 100
"""Messages of an object that are looked through for the newest of each target."""


def explanation_of(name: str, target: str, at: datetime | None) -> dict[str, Any]:
    """Every prediction of an object with all that went into it, and where that was found.

    Where the log of that time is gone nothing can be computed again: then it is what was told and stored.

    Args:
        target: Only this one, by name or as settings have it; empty: all.

    Raises:
        BadInput: It is no name, or nothing is predicted of it.
        Unavailable: Broker or database don't answer.
    """
    settings = load()
    services = running(settings)
    partition = partition_of(dn.check(name), services.partitions)
    head: Plain = {"dn": name, "at": at.isoformat() if at else None, "partition": partition}
    try:
        past = asyncio.run(rebuild(partition, at, settings, services))
    except (LogGone, SnapshotError) as error:
        head |= {"source": "the history", "why": str(error), "reached": None}
        found: list[Plain] = []
    else:
        reached = event_time(past.shard)
        head |= {"source": past.source, "reached": None if reached is None else from_ms(reached).isoformat()}
        found = [*congestion(past.shard, name), *failures(past.shard, name)]
    stored = asyncio.run(_stored(services, settings.targets, name, at, found))
    for one in found:
        one["told"] = stored.pop(one["target"], None)
    found += [_alone(name, of, told) for of, told in sorted(stored.items())]
    chosen = [one for one in found if target in ("", one["target"]) or named(target) == one["target"]]
    if not chosen:
        known = ", ".join(one["target"] for one in found)
        why = f"of {name!r} there is no prediction for {target!r}, only for {known}" if known else (
            f"nothing is predicted of {name!r}: `lockstep topology show` has the elements and cells"
        )  # fmt: skip
        raise BadInput("unknown-object", why)
    return head | {"predictions": chosen}


def named(text: str) -> str:
    """The name of a target that is written otherwise, such as `...@24h` for `...@1d`; what is no target as it is."""
    for read in (parse_target, parse_failure_target):
        with suppress(ConfigurationError):
            return read(text).name
    return text


async def _stored(
    services: Services, targets: list[str], name: str, at: datetime | None, found: list[Plain]
) -> dict[str, Plain]:
    """What the history has of each target: the newest message of a failure, and the probability of a row."""
    times = [datetime.fromisoformat(one["time"]) for one in found if one["kind"] == "congestion"]
    pool = new_pool(services.dsn)
    await pool.open()
    try:
        history = StoredHistory(pool, services.log_id, targets)
        listed = await history.events(["failure"], name, None, at, None, TOLD)
        row_time = max(times, default=at or datetime.now(UTC))
        rows = await history.congestion_at([name], row_time)
    finally:
        await pool.close()
    stored: dict[str, Plain] = {}
    for event in listed.items:
        stored.setdefault(event["body"]["target"], event["body"])
    for target, (probability,) in rows.items():
        if probability is not None:
            stored[target] = {"probability": rounded(probability, 6), "by": row_time.isoformat()}
    return stored


def _alone(name: str, target: str, told: Plain) -> Plain:
    """What was told or stored of a target that the state says nothing of."""
    kind = "failure" if "health" in told else "congestion"
    return {"target": target, "kind": kind, "object": name, "probability": told["probability"], "told": told}
