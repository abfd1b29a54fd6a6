"""What isn't there is 404, whoever is asked for it and however; what is there and takes another method is 405."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from infra.api.app import create_app
from infra.api.hub import Hub
from infra.settings import load
from stream.registry import commands as model_commands
from stream.registry.view import overview

NO_MODELS = overview([], [], [])


class Commands:
    """Of a network without a batch model."""

    async def model(self, name: str) -> Any:
        return model_commands.described(load(), NO_MODELS, name)

    async def promote(self, name: str, targets: list[str], reason: str, who: str) -> Any:
        return [model_commands.step(NO_MODELS, name, "champion", targets, reason, who)]

    async def retire(self, name: str, targets: list[str], reason: str, who: str) -> Any:
        return [model_commands.step(NO_MODELS, name, "retired", targets, reason, who)]

    async def roll_back(self, target: str | None, reason: str, who: str) -> Any:
        return model_commands.back_steps(NO_MODELS, target, reason, who)


def client() -> httpx.AsyncClient:
    ports = SimpleNamespace(live=SimpleNamespace(ready=list, counters=list), commands=Commands())
    app = create_app(ports, Hub(), None)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8050")


async def asked(method: str, path: str, status: int, body: Any = None) -> httpx.Response:
    """Ask, and look at what an error says of itself."""
    async with client() as ask:
        answer = await ask.request(method, path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if method != "HEAD":
        told = answer.json()
        assert told["status"] == status
        assert told["detail"]
    return answer


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/models/none", None),
        ("POST", "/models/none/promote", {"reason": "a test"}),
        ("POST", "/models/none/retire", {"reason": "a test"}),
    ],
)
async def test_a_model_that_is_not_there_is_unknown(method: str, path: str, body: Any) -> None:
    told = (await asked(method, f"/api/v1{path}", 404, body)).json()
    assert told["type"] == "lockstep:unknown-object"
    assert "'none' fits none" in told["detail"]


async def test_what_is_there_and_can_not_be_done_now_is_a_conflict() -> None:
    told = (await asked("POST", "/api/v1/models/roll-back", 409, {"reason": "a test"})).json()
    assert told["type"] == "lockstep:refused"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/nothing", "/js", "/js/main.js/x", "/api", "/api/v1/nothing", "/api/v2/summary", "/api/v1/services/none/invoke"],
)
async def test_a_path_that_is_not_there_is_unknown_whatever_the_method(method: str, path: str) -> None:
    answer = await asked(method, path, 404)
    assert "allow" not in answer.headers
    if method != "HEAD":
        assert path in answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/v1/summary", "GET, HEAD"),
        ("OPTIONS", "/api/v1/summary", "GET, HEAD"),
        # What one path takes is told by several routes.
        ("PUT", "/api/v1/bursts", "GET, HEAD, POST"),
        ("POST", "/api/v1/bursts/burst/1", "GET, HEAD, DELETE"),
        ("POST", "/api/v1/desired/ManagedElement=1", "GET, HEAD, PATCH"),
        ("GET", "/api/v1/services/radio-burst/invoke", "POST"),
        ("HEAD", "/api/v1/services/radio-burst/invoke", "POST"),
        ("GET", "/api/v1/models/none/promote", "POST"),
        ("POST", "/livez", "GET, HEAD"),
        ("DELETE", "/metrics", "GET, HEAD"),
        ("POST", "/vendor/plotly.min.js", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/js/main.js", "GET, HEAD"),
    ],
)
async def test_a_path_that_is_there_says_what_it_takes(method: str, path: str, allowed: str) -> None:
    answer = await asked(method, path, 405)
    assert answer.headers["allow"] == allowed


async def test_a_socket_that_nobody_serves_is_refused() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    app = create_app(None, Hub(), None)  # type: ignore[arg-type]
    headers = [(b"host", b"127.0.0.1:8050")]
    scope = {"type": "websocket", "path": "/nothing", "raw_path": b"/nothing", "headers": headers, "subprotocols": []}
    await app({**scope, "query_string": b"", "root_path": "", "scheme": "ws"}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
