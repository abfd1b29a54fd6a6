"""What the API counts of itself, and `/metrics` for Prometheus; told apart by method and kind of answer only."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra import metrics as m
from infra.api.hub import Hub
from infra.meters import Metrics

PATH = "/metrics"
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class Measuring:
    """Counts answers, and the time until each begins; of a stream that is when it is opened."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return
        begun = perf_counter()

        async def measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.observe(m.API_TIME, perf_counter() - begun)
                self._metrics.count(m.API_ANSWERS, 1, f"{message['status'] // 100}xx")
            await send(message)

        await self._app(scope, receive, measured)


def serve_metrics(app: FastAPI, metrics: Metrics, hub: Hub, not_ready: Callable[[], list[str]]) -> None:
    """Serve `/metrics`, to whoever may read."""
    metrics.watch_process()

    @app.get(PATH, include_in_schema=False)
    async def text() -> Response:
        metrics.set(m.READY, not await run_in_threadpool(not_ready))
        metrics.set(m.API_SUBSCRIBERS, hub.subscribers)
        return Response(metrics.text(), media_type=TEXT)
