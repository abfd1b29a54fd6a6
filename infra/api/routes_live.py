"""Live changes: server-sent events and a WebSocket over one hub."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Literal, NamedTuple

from fastapi import APIRouter, Header, Query, Request, WebSocket
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from infra.api import answering as a
from infra.api.guard import BEARER
from infra.api.heads import is_head
from infra.api.hub import Hub, Numbered
from infra.api.problem import RESPONSES
from twin import dn as names
from twin.errors import BadInput
from twin.inventory import inside

log = logging.getLogger("lockstep.api")
router = APIRouter(tags=["live"], responses=RESPONSES)

AT_ONCE = 500
"""Changes in one write."""
BEAT_S = 15.0
"""Between two signs of life where nothing happens: proxies and browsers give a silent line up."""
SEND_S = 20.0
"""How long one write may take: who doesn't read that long is let go."""
LIVE, SOCKET = "/api/v1/live", "/api/v1/live/socket"

Kind = Literal[
    "state", "congestion", "failure", "drift", "fidelity", "updates", "alarms", "own-alarms", "scores", "monitoring",
    "comparisons", "bursts", "progress", "rejected",
]  # fmt: skip


class Subscription(NamedTuple):
    """What somebody wants to be told; empty: everything."""

    kinds: frozenset[str]
    below: str

    def wants(self, one: Numbered) -> bool:
        """Whether a change is among it; what is about no object always is."""
        change = one.change
        if self.kinds and change.kind not in self.kinds:
            return False
        return not self.below or not change.key or inside(change.key, self.below) or inside(self.below, change.key)


class Note(NamedTuple):
    """Something about the stream itself: `hello`, `resync` or `dropped`."""

    kind: str
    body: dict[str, Any]


async def told(
    hub: Hub, wanted: Subscription, last: str | None
) -> AsyncGenerator[Note | Sequence[Numbered] | None, None]:
    """Changes in batches, in order; None: nothing for a while. Ends after a note `dropped`."""
    place = hub.after(last) if last else hub.next
    if place is None or place < hub.first or place > hub.next:
        yield Note("resync", {"reason": "what came after that id is no longer here: read everything again"})
        place = hub.next
    yield Note("hello", {"next": hub.id_of(place), "epoch": hub.epoch})
    hub.subscribers += 1
    try:
        while True:
            if not await hub.wait(place, BEAT_S):
                if hub.closed:
                    yield Note("dropped", {"reason": "the service ends: connect again"})
                    return
                yield None
                continue
            found = hub.since(place, AT_ONCE)
            if found is None:
                reason = f"too slow: more than {hub.next - hub.first} changes behind; connect again and read everything"
                yield Note("dropped", {"reason": reason})
                return
            place = found[-1].number + 1
            if chosen := [one for one in found if wanted.wants(one)]:
                yield chosen
    finally:
        hub.subscribers -= 1


class EventStream(Response):
    """Server-sent events until either side has enough."""

    media_type = "text/event-stream"

    def __init__(self, hub: Hub, wanted: Subscription, last: str | None) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._hub, self._wanted, self._last = hub, wanted, last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one subscriber; who wants only the head has it at once, and is none."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if is_head(scope):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        telling = asyncio.ensure_future(self._tell(send))
        leaving = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait([telling, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, leaving):
                task.cancel()
            for result in await asyncio.gather(telling, leaving, return_exceptions=True):
                if isinstance(result, TimeoutError):
                    log.info("a subscriber took nothing for %.0f s: let go", SEND_S)

    async def _tell(self, send: Send) -> None:
        async with aclosing(told(self._hub, self._wanted, self._last)) as telling:
            async for what in telling:
                if what is None:
                    content = b": still here\n\n"
                elif isinstance(what, Note):
                    content = f"event: {what.kind}\ndata: ".encode() + a.ENCODER.encode(what.body) + b"\n\n"
                else:
                    content = b"".join(_event(self._hub, what))
                async with asyncio.timeout(SEND_S):
                    await send({"type": "http.response.body", "body": content, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _event(hub: Hub, changes: Iterable[Numbered]) -> Iterable[bytes]:
    for number, change in changes:
        yield f"id: {hub.id_of(number)}\nevent: {change.kind}\ndata: ".encode()
        yield change.body
        yield b"\n\n"


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


@router.get(
    "/live",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
    summary="Live changes",
)
async def live(
    request: Request,
    kind: Annotated[list[Kind], Query(max_length=14, description="None: all.")] = [],  # noqa: B006
    below: a.Below = "",
    last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    last: Annotated[str | None, Query(max_length=64, description="As Last-Event-ID, for who can't set it.")] = None,
) -> Response:
    """Server-sent events; goes on after `Last-Event-ID`, or says `resync` where that can't be. See docs/api.md."""
    wanted = Subscription(frozenset(kind), names.check(below) if below else "")
    return EventStream(request.app.state.hub, wanted, last_event_id or last)


@router.websocket("/live/socket")
async def socket(websocket: WebSocket) -> None:
    """The same as JSON messages `{"id", "event", "data"}`."""
    query = websocket.query_params
    hub: Hub = websocket.app.state.hub
    try:
        wanted = Subscription(
            frozenset(query.getlist("kind")), names.check(query["below"]) if query.get("below") else ""
        )
    except BadInput as error:
        await websocket.close(1008, str(error)[:120])
        return
    offered = next((name for name in websocket.scope["subprotocols"] if not name.startswith(BEARER)), None)
    await websocket.accept(offered)
    telling = asyncio.ensure_future(_tell(websocket, hub, wanted, query.get("last")))
    leaving = asyncio.ensure_future(_left(websocket))
    try:
        await asyncio.wait([telling, leaving], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (telling, leaving):
            task.cancel()
        await asyncio.gather(telling, leaving, return_exceptions=True)


async def _tell(websocket: WebSocket, hub: Hub, wanted: Subscription, last: str | None) -> None:
    async with aclosing(told(hub, wanted, last)) as telling:
        async for what in telling:
            if what is None:
                messages = [b'{"event":"beat"}']
            elif isinstance(what, Note):
                messages = [a.ENCODER.encode({"event": what.kind, "data": what.body})]
            else:
                messages = [
                    f'{{"id":"{hub.id_of(number)}","event":"{change.kind}","data":'.encode() + change.body + b"}"
                    for number, change in what
                ]
            for message in messages:
                async with asyncio.timeout(SEND_S):
                    await websocket.send_text(message.decode())
    await websocket.close(1013, "too slow")


async def _left(websocket: WebSocket) -> None:
    try:
        while True:
            await websocket.receive()
    except (WebSocketDisconnect, RuntimeError):
        return
