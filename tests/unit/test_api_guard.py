"""What stands before the routes, and cursors: what strangers send in the first place."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.access import Access, new_token
from infra.api import cursor
from infra.api.guard import Guard, Limits
from infra.api.problem import Problem

LOCAL = [(b"host", b"127.0.0.1:8050")]


class Asked:
    """An app that notes who got through, and lets nobody go until told."""

    def __init__(self) -> None:
        self.scopes: list[MutableMapping[str, Any]] = []
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def status(
    guard: Guard, method: str = "GET", path: str = "/api/v1/summary", headers: list[tuple[bytes, bytes]] = LOCAL
) -> int:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": method, "path": path, "headers": headers, "client": ("127.0.0.1", 1)}
    await guard(scope, receive, send)
    return int(sent[0]["status"])


def guard(
    app: Asked, access: Access | None = None, limits: Limits | None = None, origins: tuple[str, ...] = ()
) -> Guard:
    questions = frozenset({"/api/v1/services/x/invoke"})
    return Guard(app, access, limits or Limits(), origins, ("/api/v1/live",), questions)


@pytest.mark.parametrize("host", [b"127.0.0.1:1", b"localhost:8050", b"[::1]:8050"])
async def test_this_machine_s_own_names_will_do(host: bytes) -> None:
    assert await status(guard(Asked()), headers=[(b"host", host)]) == 200


@pytest.mark.parametrize(
    "host", [b"evil.example", b"127.0.0.1.evil.example", b"", b"localhost.evil.example:8050", b"[", b"a]b"]
)
async def test_a_name_from_elsewhere_does_not_lead_here(host: bytes) -> None:
    app = Asked()
    assert await status(guard(app), headers=[(b"host", host)]) == 403
    assert not app.scopes


@pytest.mark.parametrize(("method", "code"), [("GET", 200), ("PATCH", 403), ("DELETE", 403), ("POST", 403)])
async def test_another_page_may_not_act(method: str, code: int) -> None:
    headers = [*LOCAL, (b"origin", b"https://evil.example")]
    assert await status(guard(Asked()), method, headers=headers) == code
    assert await status(guard(Asked(), origins=("https://evil.example",)), method, headers=headers) == 200
    assert await status(guard(Asked()), method, headers=[*LOCAL, (b"origin", b"http://[")]) == code
    own = [*LOCAL, (b"origin", b"http://127.0.0.1:8050")]
    assert await status(guard(Asked()), method, headers=own) == 200


async def test_tokens_are_asked_for_by_role(tmp_path: Path) -> None:
    (reads, line), (operates, other) = new_token("reader", "read"), new_token("boss", "operate")
    path = tmp_path / "tokens"
    path.write_text(f"{line}\n{other}\n")
    app = Asked()
    made = guard(app, Access(path))

    def shown(token: str) -> list[tuple[bytes, bytes]]:
        return [(b"host", b"twin.example"), (b"authorization", f"Bearer {token}".encode())]

    assert await status(made, headers=[(b"host", b"twin.example")]) == 401
    assert await status(made, headers=shown(reads)) == 200
    assert await status(made, "PATCH", headers=shown(reads)) == 403
    assert await status(made, "PATCH", headers=shown(operates)) == 200
    assert [scope["state"]["who"] for scope in app.scopes] == ["reader", "boss"]
    # A question is asked by POST and changes nothing.
    assert await status(made, "POST", "/api/v1/services/x/invoke", shown(reads)) == 200
    assert await status(made, "POST", "/api/v1/services/y/invoke", shown(reads)) == 403
    assert await status(made, path="/livez", headers=[(b"host", b"twin.example")]) == 200


async def test_streams_and_requests_have_limits_of_their_own() -> None:
    app = Asked()
    app.go.clear()
    made = guard(app, limits=Limits(at_once=2, streams=1))
    busy = [asyncio.create_task(status(made)) for _ in range(2)]
    stream = asyncio.create_task(status(made, path="/api/v1/live"))
    await asyncio.sleep(0.01)
    assert await status(made) == 503
    assert await status(made, path="/api/v1/live") == 503
    app.go.set()
    assert await asyncio.gather(*busy, stream) == [200, 200, 200]
    assert (made.busy, made.streaming) == (0, 0)


async def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    app = Asked()
    headers = [*LOCAL, (b"content-length", b"2000000")]
    assert await status(guard(app), "PATCH", headers=headers) == 413
    assert not app.scopes


async def test_a_body_that_does_not_say_is_counted() -> None:
    heard: list[MutableMapping[str, Any]] = []

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        heard.extend([await receive() for _ in range(3)])

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    scope = {"type": "http", "method": "PATCH", "path": "/x", "headers": LOCAL, "client": ("127.0.0.1", 1)}
    await Guard(app, None, Limits(body=100), (), ())(scope, receive, lambda _: asyncio.sleep(0))
    assert [message["type"] for message in heard] == ["http.request", "http.disconnect", "http.disconnect"]


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_a_cursor(text: str) -> None:
    found: Any = ""
    with suppress(Problem):
        (found,) = cursor.unpack(text, str)
    assert isinstance(found, str)


@settings(deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(codec="utf-8")),
    st.integers(0, 2**62),
)
def test_a_cursor_brings_its_place_back(time: float, name: str, number: int) -> None:
    assert cursor.unpack(cursor.pack(time, name, number), float, str, int) == (time, name, number)
