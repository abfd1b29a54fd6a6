"""What `lockstep synthesise` does: a twin's own run, folded like the network's reports, becomes rows to learn from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from infra.settings import load
from infra.store import synthetic as store
from infra.store.queries import ask
from stream.config import ShardConfig
from stream.services import running
from stream.shard import Shard
from stream.sources.emulator import Ageing, EmulatedNetwork, Rates, Script, records
from stream.sources.profile import full_catalogue
from stream.training.commands import NEWEST
from twin.errors import ConfigurationError
from twin.log import LogRecord
from twin.rows import Effects

BATCH = 2000
"""Records folded at once."""
MOST_PERIODS = 500_000
MOST_SITES = 5_000
ZONE = "UTC"
"""Whose clock the people of the emulated network live by, wherever the real network is."""


def run_synthesis(
    *, run: str, sites: int, days: float, seed: int, granularity_s: int, faster: float, as_json: bool
) -> None:
    """Let the emulated network run, and write its rows as a run of a twin.

    Its time ends where the history does, so that seasons fit and both are dropped at the same age.

    Args:
        faster: Equipment ages so many times as fast as real equipment; 0: nothing ages.

    Raises:
        ConfigurationError: There is a run of this name, or the network can't be that large.
        Unavailable: The database doesn't answer.
    """
    periods = int(days * 86_400 // granularity_s)
    if not (0 < periods <= MOST_PERIODS and 0 < sites <= MOST_SITES):
        raise ConfigurationError(
            f"{sites} sites for {periods} periods are too many or none: give other --sites, --days"
        )
    settings = load()
    dsn = running(settings).dsn
    until = _whole(ask(dsn, NEWEST, {})[0][0])
    since = until - timedelta(seconds=periods * granularity_s)
    how = {"network": "emulated", "sites": sites, "seed": seed, "granularityS": granularity_s, "ageingFaster": faster}
    how |= {"timeZone": ZONE}
    name = run or f"emulated-{seed}-{until:%Y%m%dT%H%M}"
    ageing = Ageing().faster(faster) if faster else None
    network = EmulatedNetwork(seed, sites, 1, granularity_s, since, Script(), Rates.none(), ageing)
    shard = Shard(0, ShardConfig(time_zone=ZONE), full_catalogue(settings.profiles, settings.vendors))
    effects = folded(shard, records(network, periods, 1))
    # The inventory comes with the first step; what the run is of must be known before its rows are.
    first = next(effects)
    made = store.Run(name, version("lockstep-twin"), since, until, how, shard.topology.to_dict())
    rows = store.write_run(dsn, made, _with(first, effects))
    told = {"run": name, "rows": rows, "objects": len(shard.topology), "since": since, "until": until} | how
    _say(told, as_json=as_json)


def folded(shard: Shard, log: Iterator[LogRecord]) -> Iterator[Effects]:
    """What a log causes, batch by batch."""
    batch: list[LogRecord] = []
    for record in log:
        batch.append(record)
        if len(batch) == BATCH:
            yield shard.apply(batch)
            batch = []
    yield shard.apply(batch)


def list_runs(*, as_json: bool) -> None:
    """Print the runs there are."""
    for one in store.runs(running(load()).dsn):
        told = {"run": one.run, "origin": one.origin, "twinVersion": one.twin_version, "since": one.since}
        _say(told | {"until": one.until} | one.how, as_json=as_json)


def forget_run(name: str) -> None:
    """Delete a run."""
    store.forget(running(load()).dsn, name)


def _with(first: Effects, rest: Iterator[Effects]) -> Iterator[Effects]:
    yield first
    yield from rest


def _whole(newest: Any) -> datetime:
    if not isinstance(newest, datetime):
        raise ConfigurationError("the database has no row yet: a run of a twin ends where the history does")
    return newest.replace(minute=0, second=0, microsecond=0)


def _say(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(told, default=str) + "\n")
    else:
        sys.stdout.write(", ".join(f"{key} {value}" for key, value in told.items()) + "\n")
