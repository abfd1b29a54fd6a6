"""Errors as `application/problem+json`. Source: RFC 9457."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from twin.errors import BadInput, ConfigurationError, LogGone, SnapshotError, Unavailable, Unknown

log = logging.getLogger("lockstep.api")

MEDIA_TYPE = "application/problem+json"
RETRY_S = 2
MOST_ERRORS = 20
"""Faults of one request that are told."""
LONGEST_PATH = 200
"""Of a path that is told."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="Such as query.limit")
    detail: str


class ProblemShape(BaseModel):
    """Why a request could not be answered, and what to do."""

    type: str = Field(description="about:blank, or lockstep: and a short reason")
    title: str
    status: int
    detail: str = ""
    errors: list[Fault] = []


class Problem(Exception):
    """An answer that is none: raised by routes and ports.

    Args:
        reason: Short and machine-readable; empty where the status says it all.
    """

    def __init__(self, status: int, detail: str, reason: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.reason, self.headers = status, detail, reason, headers or {}


def body(status: int, detail: str, reason: str = "", errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """The object that a problem is told with."""
    return {
        "type": f"lockstep:{reason}" if reason else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": errors or [],
    }


def answer(
    status: int,
    detail: str,
    reason: str = "",
    headers: dict[str, str] | None = None,
    errors: list[dict[str, str]] | None = None,
) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(body(status, detail, reason, errors), status, headers=headers or {}, media_type=MEDIA_TYPE)


def handle(app: FastAPI) -> None:
    """Let every error of an app be told like this."""

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> JSONResponse:
        return answer(error.status, error.detail, error.reason, error.headers)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        detail, headers, path = str(error.detail), dict(error.headers or {}), str(request.scope["path"])[:LONGEST_PATH]
        if error.status_code == 404:
            detail = f"there is nothing at {path}: see {app.openapi_url}"
        elif error.status_code == 405:
            headers["Allow"] = ", ".join(_methods(request)) or headers["Allow"]
            detail = f"{path} takes {headers['Allow']}, not {request.method}"
        return answer(error.status_code, detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            {"where": ".".join(str(part) for part in each["loc"]), "detail": str(each["msg"])}
            for each in error.errors()[:MOST_ERRORS]
        ]
        return answer(422, "the request can't be used as it is: see errors", "invalid", errors=faults)

    @app.exception_handler(BadInput)
    async def bad(_request: Request, error: BadInput) -> JSONResponse:
        return answer(404 if error.reason == "unknown-object" else 422, error.detail, error.reason)

    @app.exception_handler(ConfigurationError)
    async def refused(_request: Request, error: ConfigurationError) -> JSONResponse:
        return answer(409, str(error), "refused")

    @app.exception_handler(Unknown)
    async def unknown(_request: Request, error: Unknown) -> JSONResponse:
        return answer(404, str(error), "unknown-object")

    async def away(_request: Request, error: Exception) -> JSONResponse:
        log.warning("a request could not be answered: %s", error)
        detail = "broker, database or twin can't answer now: try again, and see /readyz"
        return answer(503, detail, "unavailable", {"Retry-After": str(RETRY_S)})

    for kind in (Unavailable, LogGone, SnapshotError):
        app.exception_handler(kind)(away)


def _methods(request: Request) -> list[str]:
    """All that a path takes: each route tells of its own only, and none of HEAD, which comes with GET."""
    routes = request.app.router.routes
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": "GET" if method == "HEAD" else method})[0] is Match.FULL
            for route in routes
        )
    ]


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The request is at fault",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemShape"}}},
    },
    "5XX": {
        "description": "The service is at fault",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemShape"}}},
    },
}
"""What every route may answer besides."""
