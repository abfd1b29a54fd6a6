"""The app: routes under /api/v1, one guard before them, one OpenAPI document that says what they really answer."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from infra.access import Access
from infra.api import (
    answering,
    problem,
    routes_alarms,
    routes_bursts,
    routes_history,
    routes_live,
    routes_models,
    routes_predictions,
    routes_services,
    routes_state,
    routes_topology,
    shapes,
)
from infra.api.guard import Guard, Limits
from infra.api.heads import Heads
from infra.api.hub import Hub
from infra.api.measuring import Measuring, serve_metrics
from infra.api.pages import serve_pages
from infra.api.ports import Ports
from infra.api.services import CATALOGUE, Times
from infra.meters import Metrics
from twin.errors import Unavailable

ROOT = "/api/v1"

general = APIRouter(tags=["general"], responses=problem.RESPONSES)


@general.get("/summary", response_model=shapes.Summary, summary="One line about everything")
async def summary(request: Request, ports: answering.Given) -> Response:
    """Severities, cells, lag, staleness, fidelity, bursts: what a page shows at its head."""
    found = await answering.blocking(ports.live.summary)
    ends, committed = found.pop("log_ends"), await _committed(ports)
    records = None if committed is None else sum(max(end - committed.get(p, 0), 0) for p, end in ends.items())
    found["lag"]["records"] = records
    return answering.json(found | {"subscribers": request.app.state.hub.subscribers})


async def _committed(ports: Ports) -> dict[int, int] | None:
    try:
        return await ports.history.committed()
    except Unavailable:  # a page still has its head
        return None


def create_app(
    ports: Ports,
    hub: Hub,
    access: Access | None,
    limits: Limits | None = None,
    origins: Sequence[str] = (),
    owner: str = "",
) -> FastAPI:
    """The API as an ASGI app.

    Args:
        access: Tokens; None: whoever is on this machine may do anything.
        origins: Of pages on other hosts that may use it; none: no other page may.
        owner: Who answers for the decision services.
    """
    app = FastAPI(
        title="Lockstep",
        version=version("lockstep-twin"),
        description="A digital twin of a mobile network: topology, state, history, predictions, and what to do.",
        openapi_url=f"{ROOT}/openapi.json",
        docs_url=None,  # its page comes from another host
        redoc_url=None,
    )
    app.state.ports, app.state.hub = ports, hub
    app.state.owner, app.state.times = owner, Times()
    problem.handle(app)
    for module in (routes_topology, routes_state, routes_history, routes_predictions, routes_alarms):
        app.include_router(module.router, prefix=ROOT)
    for module in (routes_bursts, routes_models, routes_services):
        app.include_router(module.router, prefix=ROOT)
    app.include_router(routes_live.router, prefix=ROOT)
    app.include_router(general, prefix=ROOT)

    @app.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        return Response("alive\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        reasons = ports.live.ready()
        return answering.json({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    metrics = Metrics()
    serve_metrics(app, metrics, hub, lambda: ports.live.ready())
    serve_pages(app)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=1)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag"],
        )
    streams = (routes_live.LIVE, routes_live.SOCKET)
    app.add_middleware(
        Guard,
        access=access,
        limits=limits or Limits(),
        origins=tuple(origins),
        streams=streams,
        questions=frozenset(f"{ROOT}/services/{one.id}/invoke" for one in CATALOGUE if not one.asynchronous),
    )
    app.add_middleware(Measuring, metrics=metrics)
    app.add_middleware(Heads)
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            _mend(made())
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _mend(schema: dict[str, Any]) -> None:
    """Errors are problems, all of them; and tokens are asked for where there are any."""
    components = schema["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    own = problem.ProblemShape.model_json_schema(ref_template="#/components/schemas/{model}")
    components |= own.pop("$defs", {}) | {"ProblemShape": own}
    for path in schema["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{}, {"token": []}]
