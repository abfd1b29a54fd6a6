"""What somebody asks of the twin by the API: an event of the log, or a word to the burst workers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec

from infra.api.ports import Plain
from infra.settings import Settings
from stream.api.live import LiveTwin
from stream.broker import Message, Producer
from stream.burst.answers import CONTROL
from stream.burst.telling import wall_ms
from stream.decode import ALARM_NOTE, ORDER, TOPOLOGY, decode, from_ms
from stream.outlets import ENCODER
from stream.partition import partition_of
from stream.registry import commands as model_commands
from stream.registry.sending import TOPIC as MODELS
from stream.registry.sending import message
from stream.services import Services
from stream.topics import OUTLETS, SOURCES, headers
from twin.alarm_events import AlarmNote
from twin.events import Entity, TopologyChange
from twin.model_events import ModelTransition
from twin.radio.events import BurstControl, BurstOrder

SOURCE = "lockstep/api"


class LogCommands:
    """Fills the port `Commands`; see `infra.api.ports`."""

    def __init__(self, producer: Producer, settings: Settings, services: Services, live: LiveTwin) -> None:
        self._producer, self._settings, self._services, self._live = producer, settings, services, live

    async def change_desired(self, dn: str, kind: str, values: Plain, who: str) -> Plain:
        """Send a TopologyChange; who asked stands in its id, which stays in the log.

        Raises:
            BadInput: The log wouldn't take it.
            Unavailable: The broker doesn't.
        """
        id_ = _new_id(who)
        entity = Entity(dn=dn, kind=kind, attributes=values)  # type: ignore[arg-type]
        # The twin's time, not ours: an old recording may be played.
        reached = await asyncio.to_thread(self._live.now_ms)
        time = datetime.now(UTC) if reached is None else from_ms(reached)
        change = TopologyChange(id=id_, time=time, entities=[entity], source="api")
        body = ENCODER.encode(change)
        decode(TOPOLOGY, body)
        await asyncio.to_thread(self._live.ask, id_, dn)
        now = wall_ms()
        head = headers(TOPOLOGY, id_, "api", now, SOURCE)
        await self._send(SOURCES["topology"].name, [Message(0, "api", now, body, head)])
        return {"id": id_, "dn": dn, "status": "pending", "revision": None, "reason": ""}

    async def note_alarm(self, alarm: Plain, action: str, text: str, who: str) -> str:
        """Send an AlarmNote.

        Raises:
            BadInput: The log wouldn't take it.
            Unavailable: The broker doesn't.
        """
        id_, object_ = _new_id(who), alarm["objectInstance"]
        reached = await asyncio.to_thread(self._live.now_ms)
        time = datetime.now(UTC) if reached is None else from_ms(reached)
        note = AlarmNote(
            id=id_,
            time=time,
            action=action,  # type: ignore[arg-type]
            object_instance=object_,
            alarm_id=alarm.get("alarmId") or alarm["notificationId"],
            by=who,
            system=SOURCE,
            text=text,
        )
        body = ENCODER.encode(note)
        decode(ALARM_NOTE, body)
        now, partition = wall_ms(), partition_of(object_, self._services.partitions)
        head = headers(ALARM_NOTE, id_, object_, now, SOURCE)
        await self._send(SOURCES["alarm"].name, [Message(partition, object_, now, body, head)])
        return id_

    async def order_burst(self, region: str, reason: str, who: str) -> str:
        """Send a BurstOrder; the twin asks the burst workers, with all that it has heard there.

        Raises:
            BadInput: The log wouldn't take it.
            Unavailable: The broker doesn't.
        """
        id_ = _new_id(who)
        reached = await asyncio.to_thread(self._live.now_ms)
        time = datetime.now(UTC) if reached is None else from_ms(reached)
        body = ENCODER.encode(BurstOrder(id=id_, time=time, region=region, reason=reason, by=who))
        decode(ORDER, body)
        now = wall_ms()
        message = Message(0, region, now, body, headers(ORDER, id_, region, now, SOURCE))
        await self._send(SOURCES["order"].name, [message])
        return id_

    async def cancel_burst(self, request: str) -> None:
        id_, now = f"cancel/{request}", wall_ms()
        body, head = ENCODER.encode(BurstControl(id=id_, request=request)), headers(CONTROL, id_, request, now)
        messages = [Message(p, request, now, body, head) for p in range(self._services.partitions)]
        await self._send(OUTLETS["bursts"].name, messages)

    async def models(self, *, everything: bool, at: datetime | None = None) -> list[Plain]:
        seen = await asyncio.to_thread(model_commands.overview_of, self._settings, at)
        rows = model_commands.rows_of(self._settings, seen)
        return [_plain(row) for row in rows if everything or row.state != "retired"]

    async def model(self, name: str) -> Plain:
        seen = await asyncio.to_thread(model_commands.overview_of, self._settings)
        return model_commands.described(self._settings, seen, name)

    async def promote(self, name: str, targets: list[str], reason: str, who: str) -> list[Plain]:
        seen = await asyncio.to_thread(model_commands.overview_of, self._settings)
        return await self._write([model_commands.step(seen, name, "champion", targets, reason, _by(who))])

    async def retire(self, name: str, targets: list[str], reason: str, who: str) -> list[Plain]:
        seen = await asyncio.to_thread(model_commands.overview_of, self._settings)
        return await self._write([model_commands.step(seen, name, "retired", targets, reason, _by(who))])

    async def roll_back(self, target: str | None, reason: str, who: str) -> list[Plain]:
        seen = await asyncio.to_thread(model_commands.overview_of, self._settings)
        return await self._write(model_commands.back_steps(seen, target, reason, _by(who)))

    async def _write(self, steps: list[ModelTransition]) -> list[Plain]:
        await self._send(MODELS, [message(step) for step in steps])
        return [msgspec.to_builtins(step) for step in steps]

    async def _send(self, topic: str, messages: list[Message]) -> None:
        await self._producer.send(self._settings.topic_prefix + topic, messages)


def _new_id(who: str) -> str:
    return f"api-{who or 'local'}-{uuid4().hex}"


def _by(who: str) -> str:
    return f"api {who or 'local'}"


def _plain(row: Any) -> Plain:
    return {name: getattr(row, name) for name in row.__struct_fields__}
