"""The worker's own small HTTP server: `/livez`, `/readyz`, `/metrics`, `/status`. Read only.

It runs in a thread with an event loop of its own, so that it can still say that the worker's has stopped; and what it
costs is not taken from the fold. What only the worker's loop may look at, it is asked for.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from aiohttp import web

from infra.access import Access, Verdict
from stream.alarms.gauges import gauge_alarms
from stream.health import pages
from stream.health.board import Board, stalled
from stream.health.heartbeat import EVERY_S, Stall
from stream.stale import StaleElement, stale_elements
from twin.errors import ConfigurationError

log = logging.getLogger("lockstep.health")

ASK_S = 2.0
"""How long the worker's loop may take to answer."""
AT_ONCE = 16
"""Requests that are worked on at a time; more are told to come back."""
PAGE, LARGEST_PAGE = 100, 1000
START_S = 10.0

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Server": "lockstep",
}

Authorised = Callable[[web.Request], Verdict]


def from_this_machine(request: web.Request) -> Verdict:
    """Who may read `/status` and `/metrics` where there are no tokens: whoever asks from this machine."""
    if request.remote in ("127.0.0.1", "::1"):
        return Verdict(200)
    return Verdict(403, detail="without tokens only this machine may read it: see LOCKSTEP_TOKENS_FILE")


def by_token(access: Access) -> Authorised:
    """Who may read them otherwise: whoever shows a token with the role read."""
    return lambda request: access.authorised(request.headers.get("Authorization"), request.remote or "")


class _Refused(Exception):
    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


class HealthServer:
    """Serves one worker's health.

    Args:
        board: What is served.
        loop: The worker's event loop.
        bind: `host:port`; port 0 is any free one.
        about: What the worker is called, its version, its process.
        authorised: Who may read `/status` and `/metrics`; `/livez` and `/readyz` are open.
        on_look: Called every second with how long the worker's loop has not run [s], in this thread.
    """

    def __init__(
        self,
        board: Board,
        loop: asyncio.AbstractEventLoop,
        bind: str,
        about: dict[str, Any],
        authorised: Authorised = from_this_machine,
        on_look: Callable[[float], None] | None = None,
    ) -> None:
        self._board, self._loop, self._about = board, loop, about
        self._host, self._port = split_bind(bind) if bind else ("", 0)
        self._authorised = authorised
        self._on_look = on_look
        self._stall = Stall(board.heartbeat)
        self._busy = 0
        self._own: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None
        self._started = threading.Event()
        self._failure: OSError | None = None
        self._worker_thread = threading.get_ident()
        self._thread = threading.Thread(target=self._run, name="lockstep-health", daemon=True)
        self.url = ""

    def start(self) -> None:
        """Serve until `stop`.

        Raises:
            ConfigurationError: The address can't be bound.
        """
        self._thread.start()
        self._started.wait(START_S)
        if self._failure is not None:
            raise ConfigurationError(
                f"LOCKSTEP_HEALTH_BIND: can't listen on {self._host}:{self._port} ({self._failure.strerror}): "
                "port 0 takes any free one"
            )

    def stop(self) -> None:
        """Serve no longer."""
        if self._own is None or self._end is None or not self._thread.is_alive():
            return
        if self._failure is None:  # else the thread ends by itself, and its loop may have gone already
            self._own.call_soon_threadsafe(self._end.set)
        self._thread.join(ASK_S)

    def application(self) -> web.Application:
        """The pages, for a server of one's own."""
        app = web.Application(middlewares=[self._guard], client_max_size=1024)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/status", self._status)
        return app

    # The thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._own, self._end = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(
            self.application(), access_log=None, handle_signals=False, keepalive_timeout=30, lingering_time=0
        )
        try:
            if self._host:
                await runner.setup()
                site = web.TCPSite(runner, self._host, self._port, backlog=AT_ONCE)
                await site.start()
                host, port = runner.addresses[0][:2]
                self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        except OSError as error:
            self._failure = error
            return
        finally:
            self._started.set()
            if self._failure is not None:
                await runner.cleanup()
        try:
            await self._look_until_end()
        finally:
            await runner.cleanup()

    async def _look_until_end(self) -> None:
        assert self._end is not None
        told = False
        while not self._end.is_set():
            seconds = self._stall.look()
            dead = seconds > self._board.limits.stall_s
            if dead and not told:
                log.error("%s; it is at:\n%s", stalled(seconds), self._where())
            elif told and not dead:
                log.warning("the event loop runs again")
            told = dead
            if self._on_look is not None:
                self._on_look(seconds)
            try:
                await asyncio.wait_for(self._end.wait(), EVERY_S)
            except TimeoutError:
                continue

    def _where(self) -> str:
        frame = sys._current_frames().get(self._worker_thread)
        return "".join(traceback.format_stack(frame)) if frame is not None else "?"

    # The pages -----------------------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._busy >= AT_ONCE:
            return web.Response(status=503, headers=HEADERS | {"Retry-After": "1"}, text="too many requests at once\n")
        self._busy += 1
        try:
            response = await handler(request)
        except _Refused as refused:
            verdict = refused.verdict
            more = {"Retry-After": str(verdict.retry_after_s)} if verdict.retry_after_s else {}
            more |= {"WWW-Authenticate": "Bearer"} if verdict.status == 401 else {}
            return web.Response(status=verdict.status, headers=HEADERS | more, text=f"{verdict.detail}\n")
        except web.HTTPException as error:
            return web.Response(status=error.status, headers=HEADERS, text=f"{error.reason}\n")
        finally:
            self._busy -= 1
        response.headers.update(HEADERS)
        return response

    async def _livez(self, _request: web.Request) -> web.Response:
        seconds = self._stall.seconds
        alive = seconds <= self._board.limits.stall_s
        return web.Response(status=200 if alive else 503, text="the event loop runs\n" if alive else stalled(seconds))

    async def _readyz(self, _request: web.Request) -> web.Response:
        said = pages.ready(self._board, self._stall.seconds)
        return web.json_response(said, status=200 if said["ready"] else 503)

    async def _metrics(self, request: web.Request) -> web.Response:
        self._check(request)
        pages.gauge(self._board, self._stall.seconds)
        await self._ask(self._gauge_stale())
        content = self._board.metrics.text()
        return web.Response(body=content, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _status(self, request: web.Request) -> web.Response:
        self._check(request)
        first = _whole(request, "first", 0, sys.maxsize)
        limit = _whole(request, "limit", PAGE, LARGEST_PAGE)
        said = pages.status(self._board, self._stall.seconds, self._about)
        said["stale_elements"] = pages.page(await self._ask(self._stale()), first, limit)
        return web.json_response(said)

    def _check(self, request: web.Request) -> None:
        verdict = self._authorised(request)
        if not verdict.ok:
            raise _Refused(verdict)

    async def _ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let the worker's loop do something; None if it doesn't in time."""
        asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(asked), ASK_S)
        except TimeoutError:
            return None

    async def _gauge_stale(self) -> None:
        pages.gauge_stale(self._board)
        pages.gauge_predictions(self._board)
        gauge_alarms(self._board)

    async def _stale(self) -> list[StaleElement]:
        return stale_elements(p.shard for p in self._board.restored() if p.shard is not None)


def split_bind(bind: str) -> tuple[str, int]:
    """`host:port` in two.

    Raises:
        ConfigurationError: It isn't that.
    """
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"LOCKSTEP_HEALTH_BIND: {bind!r} is not host:port, such as 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _whole(request: web.Request, name: str, default: int, largest: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdecimal() or int(text) > largest:
        raise web.HTTPBadRequest(reason=f"{name} must be a whole number up to {largest}")
    return int(text)
