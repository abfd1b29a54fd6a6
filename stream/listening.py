"""An HTTP door for what sends by itself: VES events and SenML packs -> the source topics.

Nothing is answered "accepted" before the broker has it. What can't be used is answered with its reason and goes
nowhere: the sender still has it. Everything else a worker checks again, as whatever comes by Kafka.

    POST /eventListener/v7             one VES event
    POST /eventListener/v7/eventBatch  a list of them
    POST /senml[?element=NAME]         a SenML pack (RFC 8428) in JSON, CBOR or XML
    POST /alarm                        alarms of TMF642, also tasks on them (/ackAlarms, /clearAlarms, /commentAlarms)
    GET  /livez

Source: ONAP VES Event Listener 7.2.1, "RESTful Web Services Definition".
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from time import time
from typing import Final

from aiohttp import web

from infra.access import Access, Role
from stream.broker import Message
from stream.partition import partition_of
from stream.source_messages import SourceEvent, source_message
from stream.sources import senml_pack, tmf642, ves
from stream.sources.senml import reports as senml_reports
from stream.topics import SOURCES, headers
from twin.alarm_record import name_of
from twin.counters import Catalogue
from twin.errors import BadInput, Unavailable
from twin.events import Alarm

log = logging.getLogger("lockstep.listener")

Send = Callable[[str, Sequence[Message]], Awaitable[None]]
"""Sends messages to a topic, without its prefix; raises Unavailable."""

VERSION: Final = {"X-MinorVersion": "2", "X-PatchVersion": "1", "X-LatestVersion": "7.2.1"}
BUSY_S = 5


class Listener:
    """Takes requests, gives messages.

    Args:
        send: See `Send`.
        access: Who may send; None: whoever reaches the door, which then must be on this machine only.
        max_bytes: Of a body.
        partitions: Of the source topics.
        now_ms: The wall clock [ms since 1970].
        on_refused: Told why something could not be used.
    """

    def __init__(
        self,
        send: Send,
        catalogue: Catalogue,
        access: Access | None,
        max_bytes: int,
        partitions: int,
        now_ms: Callable[[], int] = lambda: int(time() * 1000),
        on_refused: Callable[[BadInput], None] = lambda _error: None,
    ) -> None:
        self._on_refused = on_refused
        self._send, self._catalogue, self._access, self._now_ms = send, catalogue, access, now_ms
        self._partitions = partitions
        self.app = web.Application(client_max_size=max_bytes, middlewares=[self._door])
        self.app.router.add_post("/eventListener/v7", self._ves)
        self.app.router.add_post("/eventListener/v7/eventBatch", self._ves)
        self.app.router.add_post("/senml", self._senml)
        for path in ("alarm", "ackAlarms", "unAckAlarms", "clearAlarms", "commentAlarms"):
            for base in ("", "/tmf-api/alarmManagement/v4"):
                self.app.router.add_post(f"{base}/{path}", self._tmf642)
        self.app.router.add_get("/livez", self._alive)

    @web.middleware
    async def _door(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._access is not None and request.path != "/livez":
            told = bearer(request.headers.get("Authorization"))
            verdict = self._access.authorised(told, request.remote or "", Role.OPERATE)
            if not verdict.ok:
                more = {"Retry-After": str(verdict.retry_after_s)} if verdict.retry_after_s else {}
                return _problem(verdict.status, "POL0001", verdict.detail, more)
        try:
            return await handler(request)
        except BadInput as error:
            self._on_refused(error)
            return _problem(400, "SVC0002", str(error))
        except web.HTTPRequestEntityTooLarge:
            return _problem(413, "SVC0002", f"more than {request.client_max_size} bytes: send it in parts")
        except Unavailable:
            log.exception("the broker did not take what was sent; the sender is told to come again")
            return _problem(503, "SVC1000", "the broker doesn't answer: send it again", {"Retry-After": str(BUSY_S)})

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _ves(self, request: web.Request) -> web.Response:
        taken = ves.read(await request.read(), self._catalogue)
        await self._send_all(taken.events)
        body = {"taken": len(taken.events), "notes": dict(taken.notes), "unknownCounters": dict(taken.dropped)}
        return web.json_response(body, status=202, headers=VERSION)

    async def _tmf642(self, request: web.Request) -> web.Response:
        notes: Counter[str] = Counter()
        made = list(tmf642.read(await request.read(), notes))
        await self._send_all(made)
        ids = [name_of(one) if isinstance(one, Alarm) else one.alarm_id for one in made]
        return web.json_response({"taken": len(made), "id": ids[:1000], "notes": dict(notes)}, status=201)

    async def _send_all(self, events: Sequence[SourceEvent]) -> None:
        by_topic: dict[str, list[Message]] = {}
        for event in events:
            topic, message = source_message(event, self._partitions)
            by_topic.setdefault(topic, []).append(message)
        for topic, messages in by_topic.items():
            await self._send(topic, messages)

    async def _senml(self, request: web.Request) -> web.Response:
        body, key, now = await request.read(), request.query.get("element", ""), self._now_ms()
        told, type_ = request.content_type, f"application/senml+{senml_pack.form(body)}"
        if told.startswith("application/senml+") and told != type_:
            raise BadInput("malformed", f"it says that it is {told}, and begins as {type_} does")
        made = senml_reports(body, key, now)
        source = SOURCES["senml"]
        partition = partition_of(key, self._partitions) if key else 0
        id_ = f"http/{key}/{now}/{binascii.crc32(body):08x}"
        await self._send(source.name, [Message(partition, key, now, body, headers(type_, id_, key, now, "http"))])
        return web.json_response({"taken": len(made)}, status=202)


def bearer(header: str | None) -> str | None:
    """An `Authorization` header as one of a token; VES senders know only user and password: it is the password."""
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return header
    try:
        password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
    return f"Bearer {password}"


def _problem(status: int, code: str, text: str, more: dict[str, str] | None = None) -> web.Response:
    """An error as VES has it: `ServiceException` is the request's fault, `PolicyException` is who sent it."""
    kind = "PolicyException" if code.startswith("POL") else "ServiceException"
    body = {"requestError": {kind: {"messageId": code, "text": text}}}
    return web.json_response(body, status=status, headers=VERSION | (more or {}))
