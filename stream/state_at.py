"""What the twin knew at a past time: from a snapshot and the log, or from the database alone. It says which."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

from infra.settings import Settings, load
from infra.store.past import alarms_at, names_below, newest_snapshot
from infra.store.queries import as_of
from stream.decode import from_ms
from stream.partition import partition_of
from stream.past import rebuild
from stream.services import Services, running
from stream.shard_state import event_time
from stream.state_view import objects, of_topology
from twin import dn, snapshot
from twin.errors import BadInput, LogGone, SnapshotError
from twin.inventory import inside
from twin.topology import Topology


def state_of(name: str, at: datetime | None, *, subtree: bool) -> dict[str, Any]:
    """What the twin knew of an object, and where that was found.

    Raises:
        BadInput: It is no name, or the twin knew nothing of it.
        Unavailable: Broker or database don't answer.
    """
    settings = load()
    services = running(settings)
    partition = partition_of(dn.check(name), services.partitions)
    head = {"dn": name, "at": at.isoformat() if at else None, "partition": partition}
    try:
        past = asyncio.run(rebuild(partition, at, settings, services))
    except (LogGone, SnapshotError) as error:
        if at is None:
            raise
        found = _of_history(name, at, partition, services, subtree=subtree)
        answer = {**head, "why": str(error), **found}
    else:
        reached = event_time(past.shard)
        answer = {
            **head,
            "source": past.source,
            "snapshot": past.taken.isoformat() if past.taken else None,
            "records": past.records,
            "reached": None if reached is None else from_ms(reached).isoformat(),
            "revision": past.shard.revision,
            "objects": objects(past.shard, name, subtree=subtree),
        }
    if not answer["objects"]:
        when = f" at {at.isoformat()}" if at else ""
        raise BadInput("unknown-object", f"the twin knew nothing of {name!r}{when}: `lockstep topology show` has names")
    return answer


def topology_at(at: datetime) -> tuple[Topology, str]:
    """The network as the partition that knew most of it had it at a time, and where that was found.

    Raises:
        Unavailable: Nothing is known of that time, or broker or database don't answer.
    """
    settings = load()
    services = running(settings)
    found = [_topology_of(partition, at, settings, services) for partition in range(services.partitions)]
    return max(found, key=lambda pair: len(pair[0]))


def _topology_of(partition: int, at: datetime, settings: Settings, services: Services) -> tuple[Topology, str]:
    try:
        past = asyncio.run(rebuild(partition, at, settings, services))
    except (LogGone, SnapshotError):
        return _stored_topology(partition, at, services)
    return past.shard.topology, past.source


def _stored_topology(partition: int, at: datetime, services: Services) -> tuple[Topology, str]:
    stored = newest_snapshot(services.dsn, partition, time=at)
    if stored is None:
        return Topology(), "nothing: no snapshot is as old as that"
    data, _ = snapshot.unpack(stored.body)
    taken = stored.event_time.isoformat() if stored.event_time else "an unknown time"
    return Topology.from_dict(data["topology"]), f"a snapshot of {taken}, without what came after it"


def _of_history(name: str, at: datetime, partition: int, services: Services, *, subtree: bool) -> dict[str, Any]:
    """From the database alone: values and alarms as of the time, the topology as of the last snapshot before it."""
    topology, source = _stored_topology(partition, at, services)
    names = [name]
    if subtree:
        names = sorted({*names_below(services.dsn, name), *(n for n in topology.graph if inside(n, name))})
    values, alarms = as_of(services.dsn, names, at), alarms_at(services.dsn, names, at)
    found = []
    for each in names:
        known = [
            {
                "counter": counter,
                "value": value.value,
                "as_of": value.time.isoformat(),
                "granularity_s": value.granularity,
                "suspect": bool(value.flags & 1),
            }
            for counter, value in sorted(values.get(each, {}).items())
            if value.value is not None
        ]
        standing = [
            {
                "objectInstance": each,
                "notificationId": alarm.notification_id,
                "perceivedSeverity": alarm.perceived_severity,
                "probableCause": alarm.probable_cause,
                "eventTime": alarm.time.isoformat(),
            }
            for alarm in alarms
            if alarm.object_instance == each
        ]
        if known or standing or each in topology:
            more = {"stale": None, "values": known, "alarms": standing}
            found.append({"dn": each, **of_topology(topology, each), **more})
    return {"source": f"the history; its topology is {source}", "objects": found}
