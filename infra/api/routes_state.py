"""State: what is known of objects, reported and desired; desired values are changed by way of the log."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import Response
from pydantic import Field, RootModel

from infra.api import answering as a
from infra.api import shapes
from infra.api.problem import RESPONSES, Problem
from infra.api.routes_topology import Kinds, wanted
from twin import dn as names

router = APIRouter(tags=["state"], responses=RESPONSES)

MOST_BELOW = 2000
MOST_WAIT_S = 30.0
LOOK_EVERY_S = 0.05
Scalar = str | float | int | bool | None
Counter = Annotated[str, Query(min_length=1, max_length=256)]
KeyText = Annotated[str, Field(min_length=1, max_length=128)]


class Patch(RootModel[Annotated[dict[KeyText, Scalar], Field(min_length=1, max_length=64)]]):
    """A merge patch (RFC 7396) of desired values; null takes one away."""


@router.get("/state/{dn:path}", response_model=shapes.State, summary="State of an object")
async def state(
    request: Request,
    ports: a.Given,
    dn: a.Name,
    subtree: Annotated[bool, Query(description="Also of everything below it by name.")] = False,
    at: a.At = None,
) -> Response:
    """Desired and reported values, measured values, standing alarms; with an ETag.

    The past is rebuilt from a snapshot and the log, or from the history: `source` says which. That takes seconds.
    """
    names.check(dn)
    time = a.zoned(at, "at")
    if time is not None:
        return a.tagged(request, await a.blocking(ports.past.state, time, dn, subtree=subtree))
    found = await a.blocking(ports.live.state, dn, subtree=subtree, most=MOST_BELOW + 1)
    if not found:
        raise Problem(404, f"the twin knows nothing of {dn}", "unknown-object")
    revision = max(each["revision"] for each in found)
    cut = len(found) > MOST_BELOW
    data = {"dn": dn, "at": None, "source": "the replica", "revision": revision, "objects": found[:MOST_BELOW]}
    return a.tagged(request, data | {"cut": cut})


@router.get("/columns", response_model=shapes.Columns, summary="State of many objects, column by column")
async def columns(
    request: Request,
    ports: a.Given,
    kind: Kinds = ["cell"],  # noqa: B006
    counter: Annotated[list[Counter], Query(max_length=16, description="Counters; none: no values.")] = [],  # noqa: B006
    below: a.Below = "",
    at: a.At = None,
) -> Response:
    """What a map or a table of thousands of cells needs, in one answer.

    Of a past that only the database reaches back to: values and predictions, no conditions.
    """
    which = wanted(kind, below)
    time = a.zoned(at, "at")
    if time is None:
        return a.tagged(request, await a.blocking(ports.live.columns, which, counter))
    told = await a.blocking(ports.past.columns, time, which, counter)
    if told is None:
        told = await ports.history.columns_at(await a.blocking(ports.past.names, time, which), counter, time)
    return a.tagged(request, told | {"probability": await ports.history.congestion_at(told["dn"], time)})


@router.get("/counters", response_model=shapes.Counters, summary="Counters that have been reported")
async def counters(ports: a.Given) -> Response:
    """Names, units and how many objects report them."""
    return a.json({"items": await a.blocking(ports.live.counters)})


@router.get("/desired/{dn:path}", response_model=shapes.Desired, summary="Desired values of an object")
async def desired(request: Request, ports: a.Given, dn: a.Name) -> Response:
    """What the inventory declares; its ETag is what `If-Match` of a change is compared with."""
    data = a.found(await a.blocking(ports.live.desired, names.check(dn)), dn)
    tag = _tag(data)
    if a.matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag})
    return a.json(data, headers={"ETag": tag})


def _tag(data: dict[str, Any]) -> str:
    # Of the desired values alone: what the network reports must not be in the way of a change.
    return a.tag_of(a.ENCODER.encode(data["desired"]))


@router.patch(
    "/desired/{dn:path}",
    status_code=202,
    response_model=shapes.Asked,
    responses={200: {"model": shapes.Asked, "description": "Applied while `wait_s` ran"}},
    summary="Change desired values",
)
async def change_desired(
    ports: a.Given,
    who: a.Who,
    dn: a.Name,
    patch: Patch,
    if_match: Annotated[
        str | None, Header(max_length=1024, description="The ETag of /desired that this is a change of.")
    ] = None,
    wait_s: Annotated[float, Query(ge=0, le=MOST_WAIT_S, description="Wait so long for it to be applied [s].")] = 0,
) -> Response:
    """A merge patch becomes a TopologyChange in the log; `href` tells what became of it.

    Needs the role operate. With If-Match it is refused (412) where the values have changed since. Two changes that are
    on their way at once are applied in the order of the log.
    """
    data = a.found(await a.blocking(ports.live.desired, names.check(dn)), dn)
    if data["kind"] == "unknown":
        raise Problem(409, f"nobody has said what {dn} is: declare it in the inventory first", "undeclared")
    if if_match is not None and not a.matches(if_match, _tag(data)):
        raise Problem(412, "the desired values have changed since: read /desired again", "changed")
    asked = await ports.commands.change_desired(dn, data["kind"], patch.root, who)
    asked |= {"href": f"/api/v1/requests/{asked['id']}", "after_revision": data["revision"]}
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        known = await a.blocking(ports.live.change, asked["id"])
        done = known is not None and known["status"] != "pending"
        if done or loop.time() >= until:
            return a.json(asked | (known or {}), 200 if done else 202)
        await asyncio.sleep(LOOK_EVERY_S)


@router.get("/requests/{id}", response_model=shapes.Asked, summary="What became of a change")
async def request_of(
    ports: a.Given,
    id: Annotated[str, Path(min_length=1, max_length=128)],
) -> Response:
    """Pending, applied, unchanged or rejected. Kept for the last 10,000 changes that were asked for of this process."""
    known = a.found(await a.blocking(ports.live.change, id), f"the change {id}")
    return a.json({"after_revision": 0, "href": f"/api/v1/requests/{id}"} | known)
