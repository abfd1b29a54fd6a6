"""Bursts, radio maps and rejected messages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import cursor as cursors
from infra.api import shapes_doing as shapes
from infra.api.ports import Listed, Plain
from infra.api.problem import RESPONSES, Problem
from twin import dn as names

router = APIRouter(responses=RESPONSES)

Id = Annotated[str, Path(min_length=1, max_length=1200)]
CellOf = Annotated[str, Query(max_length=1024, description="Of this cell; none: of the strongest one.")]


@router.get("/bursts", response_model=shapes.Bursts, tags=["radio"], summary="Bursts")
async def bursts(
    ports: a.Given,
    open_only: Annotated[bool, Query(description="Only those without an answer.")] = False,
    region: Annotated[str, Query(max_length=1024, description="Only of this region.")] = "",
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
) -> Response:
    """Requests for bursts with status, stage and percent, newest first."""
    known = await a.blocking(ports.live.bursts, open_only=open_only)
    items = [each for each in known if not region or each["region"] == region]
    start = _after(items, cursors.unpack(cursor, str)[0]) if cursor else 0
    following = (items[start + limit - 1]["request"],) if len(items) > start + limit else None
    return a.page(Listed(items[start : start + limit], following))


def _after(items: list[Plain], request: str) -> int:
    places = (place for place, each in enumerate(items) if each["request"] == request)
    if (place := next(places, None)) is None:
        raise Problem(422, "the burst that the page before ended with is no longer listed: begin without", "bad-cursor")
    return place + 1


@router.post("/bursts", status_code=202, response_model=shapes.Ordered, tags=["radio"], summary="Order a burst")
async def order(ports: a.Given, who: a.Who, body: shapes.Order) -> Response:
    """The twin asks the burst workers as soon as no other burst of the region is under way: it then stands in /bursts,
    with `ordered by` in its reason. Needs the role operate."""
    known = await a.blocking(ports.live.radio)
    names.check(body.region)
    if not any(each["region"] == body.region for each in known):
        raise Problem(404, f"the radio twin doesn't cover {body.region}: see /radio", "unknown-object")
    return a.json({"id": await ports.commands.order_burst(body.region, body.reason, who), "region": body.region}, 202)


@router.get("/bursts/{request:path}", response_model=shapes.Burst, tags=["radio"], summary="One burst")
async def burst(ports: a.Given, request: Id) -> Response:
    """How far it is, and what came of it."""
    items = await a.blocking(ports.live.bursts, open_only=False)
    return a.json(a.found(next((each for each in items if each["request"] == request), None), f"the burst {request}"))


@router.delete(
    "/bursts/{request:path}", status_code=202, response_model=shapes.Burst, tags=["radio"], summary="Cancel a burst"
)
async def cancel(ports: a.Given, request: Id) -> Response:
    """Tell the burst workers to give it up; `status` says when they have. Needs the role operate."""
    items = await a.blocking(ports.live.bursts, open_only=False)
    known = a.found(next((each for each in items if each["request"] == request), None), f"the burst {request}")
    if known["status"] in ("FINISHED", "CANCELLED", "FAILED"):
        raise Problem(409, f"it has its answer: {known['status']}", "over")
    await ports.commands.cancel_burst(request)
    return a.json(known, 202)


@router.get("/radio", response_model=shapes.RadioRegions, tags=["radio"], summary="Regions with a scene")
async def radio(ports: a.Given, at: a.At = None) -> Response:
    """What the radio twin covers, and how well."""
    time = a.zoned(at, "at")
    if time is None:
        return a.json({"items": await a.blocking(ports.live.radio)})
    told = await a.blocking(ports.past.radio, time)
    if told is None:
        raise Problem(410, "the log no longer reaches back so far: /events?kind=updates tells of bursts", "log-gone")
    return a.json({"items": told})


@router.get(
    "/radio/maps/{dn:path}", response_model=shapes.RadioMapShape, tags=["radio"], summary="A radio map, as data"
)
async def radio_map(ports: a.Given, dn: a.Name, cell: CellOf = "", at: a.At = None) -> Response:
    """Power of the reference signal over the region's grid."""
    time, region = a.zoned(at, "at"), names.check(dn)
    made = await (
        a.blocking(ports.live.radio_map, region, cell)
        if time is None
        else a.blocking(ports.past.radio_map, time, region, cell)
    )
    return a.json(a.found(made, f"a radio map of {dn}"))


@router.get(
    "/radio/pictures/{dn:path}",
    response_class=Response,
    responses={200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}},
    tags=["radio"],
    summary="A radio map, as a picture",
)
async def radio_picture(ports: a.Given, dn: a.Name, cell: CellOf = "", at: a.At = None) -> Response:
    """A PNG; 501 where matplotlib (the extra `radio`) is not installed."""
    time, region = a.zoned(at, "at"), names.check(dn)
    try:
        made = await (
            a.blocking(ports.live.radio_picture, region, cell)
            if time is None
            else a.blocking(ports.past.radio_picture, time, region, cell)
        )
    except ModuleNotFoundError as error:
        detail = "nothing here draws pictures: install the extra radio, or read /radio/maps"
        raise Problem(501, detail, "not-installed") from error
    return Response(a.found(made, f"a radio map of {dn}"), media_type="image/png")


@router.get("/rejected", response_model=shapes.RejectedItems, tags=["rejected"], summary="Messages that were not used")
async def rejected(ports: a.Given, limit: a.Limit = a.PAGE, cursor: a.Cursor = None) -> Response:
    """With the reason and where they were read, newest first."""
    after = cursors.unpack(cursor, int) if cursor else None
    return a.page(await a.blocking(ports.live.rejected, after, limit))


@router.get("/rejected/originals/{id:path}", response_class=Response, tags=["rejected"], summary="The bytes of one")
async def rejected_bytes(ports: a.Given, id: Id) -> Response:
    """Its bytes as they came; as a download, since nobody knows what they are."""
    content = a.found(await a.blocking(ports.live.rejected_bytes, id), f"the rejected message {id}")
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": "attachment"})


@router.get("/rejected/{id:path}", response_model=shapes.RejectedItem, tags=["rejected"], summary="One of them")
async def rejected_one(ports: a.Given, id: Id) -> Response:
    """Why it was not used."""
    return a.json(a.found(await a.blocking(ports.live.rejected_one, id), f"the rejected message {id}"))
