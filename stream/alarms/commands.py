"""What `lockstep alarms` does: lists how alarms stand, and writes what people say of them into the log."""

from __future__ import annotations

import asyncio
import getpass
import socket
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from infra.settings import load
from stream.alarms.own import records
from stream.alarms.telling import state_of
from stream.broker import Producer
from stream.burst.services import burst_services
from stream.engine.security import kafka_security
from stream.past import rebuild
from stream.services import running
from stream.shard import Shard
from stream.source_messages import SourceEvent, source_message
from twin.alarm_events import AlarmNote, AlarmState, PlannedOutage, check_note, check_outage
from twin.alarm_record import Alarm
from twin.correlation import RANK
from twin.inventory import inside

Action = Any
"""Of an `AlarmNote`; `check_note` and the type of the field say which there are."""


class Listed(NamedTuple):
    """Alarms that stand, worst first.

    Attributes:
        own: The twin's own.
        counts: What was kept back and correlated since the log began, by name.
    """

    alarms: list[AlarmState]
    own: list[Alarm]
    counts: dict[str, int]


def standing(below: str = "", *, held: bool = False, roots: bool = False) -> Listed:
    """The alarms of the running twin.

    Args:
        below: Only those of this object and below it by name.
        held: Also those that are kept back.
        roots: Only those without a cause that stands above them.

    Raises:
        Unavailable: Broker or database don't answer.
    """
    settings = load()
    services = running(settings)
    found: list[Listed] = []
    for partition in range(services.partitions):
        past = asyncio.run(rebuild(partition, None, settings, services))
        found.append(listed(past.shard, below, held=held, roots=roots))
    counts: dict[str, int] = {}
    for one in found:
        for name, count in one.counts.items():
            counts[name] = counts.get(name, 0) + count
    return Listed(
        sorted((alarm for one in found for alarm in one.alarms), key=_place),
        [alarm for one in found for alarm in one.own],
        counts,
    )


def listed(shard: Shard, below: str = "", *, held: bool = False, roots: bool = False) -> Listed:
    """The same of one shard."""
    states = [
        state_of(shard, key) for key, alarm in shard.alarms.items() if not below or inside(alarm.object_instance, below)
    ]
    chosen = [one for one in states if (held or not one.held) and not (roots and one.root_object)]
    own = [msgspec.convert(one, Alarm) for one in records(shard.alarm_desk.own.standing)]
    own = [one for one in own if not below or inside(one.object_instance, below)]
    counts = {name: n for name, n in sorted(shard.counts.items()) if name.startswith("alarm.")}
    return Listed(sorted(chosen, key=_place), own, counts)


def say(action: Action, alarm: str, text: str = "", by: str = "", below: str = "") -> str:
    """Acknowledge, comment or clear an alarm, or doubt a list; gives the note's id.

    Args:
        alarm: Its number as `lockstep alarms list` shows it, or `OBJECT/ID`.
        by: Who says so; by default who is logged in.
        below: For `confirm`: whose list.

    Raises:
        BadInput: It says too little.
        Unavailable: The broker doesn't take it.
    """
    time = datetime.now(UTC)
    name, slash, id_ = alarm.rpartition("/")
    told = (name, id_) if slash and "=" in name else ("", alarm)
    said = "/".join((action, *told, time.isoformat(), text))
    note = AlarmNote(
        id=f"note/{blake2b(said.encode(), digest_size=12).hexdigest()}",
        time=time,
        action=action,
        object_instance=below or told[0],
        alarm_id=told[1],
        by=by or _who(),
        system=socket.gethostname()[:256],
        text=text[:1024],
        source="",
    )
    _send(check_note(note))
    return note.id


def plan(name: str, begin: datetime, end: datetime, *, id_: str = "", reason: str = "", cancelled: bool = False) -> str:
    """Declare planned work, or cancel it; gives its id.

    Raises:
        BadInput: It is none.
        Unavailable: The broker doesn't take it.
    """
    number = id_ or f"work/{blake2b(f'{name}/{begin}/{end}'.encode(), digest_size=6).hexdigest()}"
    work = PlannedOutage(
        id=number, time=datetime.now(UTC), object_instance=name, begin=begin, end=end, reason=reason, by=_who(),
        cancelled=cancelled,
    )  # fmt: skip
    _send(check_outage(work))
    return number


def _place(one: AlarmState) -> tuple[int, datetime, str]:
    return RANK[one.alarm.perceived_severity], one.raised, one.number


def _who() -> str:
    try:
        return getpass.getuser()[:256]
    except (KeyError, OSError):  # a container whose user has no name
        return ""


def _send(event: SourceEvent) -> None:
    settings = load()
    services = burst_services(settings)
    topic, message = source_message(event, services.partitions)

    async def run() -> None:
        producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes)
        await producer.start()
        try:
            await producer.send(settings.topic_prefix + topic, [message])
        finally:
            await producer.stop()

    asyncio.run(run())
