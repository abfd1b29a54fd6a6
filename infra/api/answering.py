"""How routes answer: JSON by msgspec, with an entity tag where that saves something."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Depends, Path, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from infra.api import cursor as cursors
from infra.api.ports import Listed, Ports
from infra.api.problem import Problem
from twin import dn as names

T = TypeVar("T")

PAGE, LARGEST_PAGE = 100, 1000
JSON = "application/json"
ENCODER = msgspec.json.Encoder()

Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="Items of a page, at most.")]
Cursor = Annotated[
    str | None, Query(max_length=cursors.LONGEST, description="`next` of the page before; none: the first page.")
]
Name = Annotated[
    str,
    Path(
        min_length=3,
        max_length=names.LONGEST,
        description="Distinguished name, such as ManagedElement=gnb-17",
        examples=["ManagedElement=gnb-17"],
    ),
]
Below = Annotated[
    str, Query(max_length=names.LONGEST, description="Distinguished name: that object and all below it by name.")
]
At = Annotated[datetime | None, Query(description="As it was at this time, RFC 3339 with a zone; none: as it is now.")]


def ports(request: Request) -> Ports:
    """The ports of the app that serves a request."""
    found: Ports = request.app.state.ports
    return found


def who(request: Request) -> str:
    """Name of the token that a request showed; empty: whoever is on this machine."""
    return str(getattr(request.state, "who", ""))


Given = Annotated[Ports, Depends(ports)]
Who = Annotated[str, Depends(who)]


async def blocking(work: Callable[..., T], *args: Any, **named: Any) -> T:
    """What blocks for a moment, in a thread."""
    return await run_in_threadpool(partial(work, *args, **named))


def zoned(time: datetime | None, name: str) -> datetime | None:
    """A time that has a zone.

    Raises:
        Problem: It has none, or lies where no time of ours can.
    """
    if time is None:
        return None
    if time.tzinfo is None:
        raise Problem(422, f"{name} needs a zone, such as 2026-01-31T12:00:00Z", "no-time-zone")
    if not 1971 <= time.year <= 9000:
        raise Problem(422, f"{name} lies before 1971 or after 9000", "out-of-range")
    return time


def json(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Plain data."""
    return Response(ENCODER.encode(data), status, headers, JSON)


def page(found: Listed, **more: Any) -> Response:
    """A page of a list."""
    return json({"items": found.items, "next": None if found.next is None else cursors.pack(*found.next), **more})


def tag_of(content: bytes) -> str:
    """A strong entity tag: of the bytes."""
    return f'"{blake2b(content, digest_size=12).hexdigest()}"'


def tagged(request: Request, data: Any) -> Response:
    """Plain data with its tag; 304 where whoever asks has it already (RFC 9110, 13.1.2)."""
    content = ENCODER.encode(data)
    tag = tag_of(content)
    if matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    return Response(content, 200, {"ETag": tag}, JSON)


def matches(header: str | None, tag: str) -> bool:
    """Whether a list of tags, or `*`, has one."""
    if header is None:
        return False
    return any(each.strip().removeprefix("W/") in ("*", tag) for each in header.split(","))


def found(data: T | None, what: str) -> T:
    """What is there.

    Raises:
        Problem: 404, nothing is.
    """
    if data is None:
        raise Problem(404, f"the twin knows nothing of {what}", "unknown-object")
    return data
