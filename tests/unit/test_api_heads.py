"""HEAD is answered wherever GET is (RFC 9110, 9.1), with the same head and nothing else (9.3.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from infra.access import Access, new_token
from infra.api.app import create_app
from infra.api.heads import Heads
from infra.api.hub import Hub

LIVE = "/api/v1/live"


def counters() -> list[dict[str, Any]]:
    return [{"counter": f"counter-{number}", "unit": "1", "objects": 1} for number in range(100)]


def client(hub: Hub | None = None, tokens: Path | None = None, **more: Any) -> httpx.AsyncClient:
    ports = SimpleNamespace(live=SimpleNamespace(ready=list, counters=counters))
    app = create_app(ports, hub or Hub(), Access(tokens) if tokens else None, **more)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8050")


@pytest.fixture
async def ask() -> AsyncIterator[httpx.AsyncClient]:
    async with client() as made:
        yield made


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize(
    "path",
    ["/api/v1/counters", "/api/v1/openapi.json", "/livez", "/readyz", "/", "/js/main.js"],
)
async def test_it_is_the_head_of_what_get_answers(ask: httpx.AsyncClient, path: str, encoding: str) -> None:
    head, got = [await ask.request(method, path, headers={"Accept-Encoding": encoding}) for method in ("HEAD", "GET")]
    assert (head.status_code, head.content) == (200, b"")
    assert got.content
    assert dict(head.headers) == dict(got.headers)


async def test_no_content_is_sent_whatever_the_server_would_leave_out() -> None:
    """Clients and servers drop it, too, so it is looked at where it is made."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["method"] == "GET"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"b"})

    async def receive() -> Any:
        raise AssertionError("nobody reads the question")

    await Heads(app)({"type": "http", "method": "HEAD"}, receive, send)
    assert [message.get("body", b"") for message in sent] == [b"", b"", b""]


async def test_what_changes_between_two_questions_has_a_head_too(ask: httpx.AsyncClient) -> None:
    head = await ask.head("/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize(
    ("path", "status"),
    [("/api/v1/nothing", 404), ("/api/v1/state/no", 422), ("/api/v1/services/radio-burst/invoke", 405)],
)
async def test_what_goes_wrong_goes_as_wrong(ask: httpx.AsyncClient, path: str, status: int) -> None:
    head, got = await ask.head(path), await ask.get(path)
    assert (head.status_code, head.content) == (status, b"")
    assert got.status_code == status
    assert dict(head.headers) == dict(got.headers)


async def test_the_head_of_a_stream_comes_at_once_and_subscribes_to_nothing() -> None:
    hub = Hub()
    async with client(hub) as ask, asyncio.timeout(5):
        head = await ask.head(LIVE)
        wrong = await ask.head(LIVE, params={"kind": "nothing"})
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")
    assert "content-length" not in head.headers
    assert wrong.status_code == 422
    assert hub.subscribers == 0


async def test_it_needs_what_get_needs_and_no_more(tmp_path: Path) -> None:
    token, line = new_token("reader", "read")
    file = tmp_path / "tokens"
    file.write_text(line)
    async with client(tokens=file) as ask:
        refused = await ask.head("/api/v1/counters")
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await ask.head("/api/v1/counters", headers={"Authorization": f"Bearer {token}"})).status_code == 200
        assert (await ask.head("/")).status_code == 200


async def test_a_page_that_may_get_may_ask_for_heads() -> None:
    origin = "http://elsewhere.example"
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "HEAD",
        "Access-Control-Request-Headers": "Authorization",
    }
    async with client(origins=(origin,)) as ask:
        answer = await ask.options("/api/v1/counters", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == origin


def test_the_document_has_each_operation_once() -> None:
    paths = create_app(None, Hub(), None).openapi()["paths"]  # type: ignore[arg-type]
    assert len(paths) > 30
    assert not any("head" in operations for operations in paths.values())
