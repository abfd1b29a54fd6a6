"""Before any route: who asks, from where, how much, how many at once. Plain ASGI, so that streams stay streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

from starlette.datastructures import Headers

from infra.access import Access, Role, Verdict
from infra.api.problem import MEDIA_TYPE, body
from infra.plaintext import is_loopback

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/livez", "/readyz")
CLOSED = ("/api/", "/metrics")
"""What tells of the network or of us; the rest are the dashboard's files."""
READS = ("GET", "HEAD", "OPTIONS")
BEARER = "bearer."
"""Browsers can't give a WebSocket a header: the token comes as a protocol, `bearer.` and the token."""

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Limits(NamedTuple):
    """What one process takes.

    Attributes:
        at_once: Requests that are worked on, streams not counted.
        streams: Live subscribers.
        body: Of a request [byte].
    """

    at_once: int = 256
    streams: int = 2000
    body: int = 1 << 20


class Guard:
    """Lets requests through, or answers why not.

    Args:
        access: Tokens; None: whoever is on this machine may do anything.
        origins: Of pages on other hosts that may use it.
        streams: Paths of live changes.
        questions: Paths whose POST changes nothing: whoever may read may ask them.
    """

    def __init__(
        self,
        app: App,
        access: Access | None,
        limits: Limits,
        origins: tuple[str, ...],
        streams: tuple[str, ...],
        questions: frozenset[str] = frozenset(),
    ) -> None:
        self._app, self._access, self._limits, self._origins = app, access, limits, origins
        self._paths, self._questions = streams, questions
        self.busy = self.streaming = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if (verdict := self._judge(scope, headers)) is not None and not verdict.ok:
            await _refuse(scope, receive, send, verdict)
            return
        scope.setdefault("state", {})["who"] = verdict.name if verdict is not None else ""
        streams = scope["path"] in self._paths
        if self.streaming >= self._limits.streams if streams else self.busy >= self._limits.at_once:
            await _refuse(scope, receive, send, Verdict(503, detail="too many at once: come again", retry_after_s=2))
            return
        if not streams and (said := headers.get("content-length", "")).isdecimal() and int(said) > self._limits.body:
            await _refuse(scope, receive, send, Verdict(413, detail=f"more than {self._limits.body} bytes"))
            return
        if streams:
            self.streaming += 1
        else:
            self.busy += 1
        try:
            await self._app(scope, self._counted(receive), self._marked(send))
        finally:
            if streams:
                self.streaming -= 1
            else:
                self.busy -= 1

    def _judge(self, scope: Scope, headers: Headers) -> Verdict | None:
        """None where nobody is asked for."""
        if scope["path"] in OPEN:
            return None
        # The dashboard's own files hold nothing of the network: what it shows, it asks for.
        page = scope["type"] == "http" and scope["method"] in READS and not scope["path"].startswith(CLOSED)
        writes = scope["type"] == "http" and scope["method"] not in READS
        origin = headers.get("origin")
        # A page of another host may not act, nor listen, in the name of whoever looks at it.
        if origin is not None and (writes or scope["type"] == "websocket") and not self._known(origin, headers):
            return Verdict(403, detail="this page may not use the API: see LOCKSTEP_API_ORIGINS")
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            return None
        if self._access is None:
            # Without tokens a name that leads here from elsewhere (DNS rebinding) must not be enough.
            if not is_loopback(_split(f"//{headers.get('host', '')}").hostname or ""):
                return Verdict(403, detail="without tokens it answers to this machine's own names only")
            return None
        if page:
            return None
        address = (scope.get("client") or ("",))[0]
        shown = headers.get("authorization") or _protocol_token(scope)
        changes = writes and scope["path"] not in self._questions
        return self._access.authorised(shown, address, Role.OPERATE if changes else Role.READ)

    def _known(self, origin: str, headers: Headers) -> bool:
        return origin in self._origins or _split(origin).netloc == headers.get("host", "")

    def _counted(self, receive: Receive) -> Receive:
        """A body without a length is counted as it comes."""
        left = self._limits.body

        async def counted() -> MutableMapping[str, Any]:
            nonlocal left
            message = await receive()
            if message["type"] == "http.request":
                left -= len(message.get("body", b""))
                if left < 0:
                    return {"type": "http.disconnect"}
            return message

        return counted

    @staticmethod
    def _marked(send: Send) -> Send:
        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                more = [] if b"cache-control" in known else [(b"cache-control", b"no-cache")]
                message["headers"] = [*message["headers"], *HEADERS, *more]
            await send(message)

        return marked


def _split(url: str) -> SplitResult:
    """Of what strangers send; empty where it is no address, such as with one bracket."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def _protocol_token(scope: Scope) -> str | None:
    for name in scope.get("subprotocols", ()):
        if name.startswith(BEARER):
            return f"Bearer {name.removeprefix(BEARER)}"
    return None


async def _refuse(scope: Scope, receive: Receive, send: Send, verdict: Verdict) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": verdict.detail[:120]})
        return
    import msgspec

    content = msgspec.json.encode(body(verdict.status, verdict.detail))
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(content)).encode()), *HEADERS]
    if verdict.retry_after_s:
        headers.append((b"retry-after", str(verdict.retry_after_s).encode()))
    if verdict.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": verdict.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
