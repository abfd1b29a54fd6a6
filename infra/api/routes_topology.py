"""Topology: list, one, neighbours, what is around; now or at a past time."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import cursor as cursors
from infra.api import shapes
from infra.api.ports import TopologyFilter
from infra.api.problem import RESPONSES
from twin import dn as names

router = APIRouter(tags=["topology"], responses=RESPONSES)

Kind = Literal["region", "site", "element", "cell", "link", "asset", "sensor", "unknown"]
RelationKind = Literal["contains", "located_at", "neighbour", "connects", "powers", "measures"]
Kinds = Annotated[list[Kind], Query(max_length=8, description="Kinds of objects; none: all.")]
RelationKinds = Annotated[list[RelationKind], Query(max_length=6, description="Kinds of relations; none: all.")]
MOST_DEPTH, MOST_OBJECTS = 8, 5000


def wanted(kind: list[Any], below: str, text: str = "", declared: bool | None = None) -> TopologyFilter:
    """A filter of the topology.

    Raises:
        BadInput: `below` is no name.
    """
    return TopologyFilter(tuple(kind), names.check(below) if below else "", text.casefold(), declared)


@router.get("/topology", response_model=shapes.Objects, summary="List objects")
async def list_objects(
    ports: a.Given,
    kind: Kinds = [],  # noqa: B006  FastAPI copies it
    below: a.Below = "",
    q: Annotated[str, Query(max_length=128, description="Part of a name, whatever its case.")] = "",
    declared: Annotated[bool | None, Query(description="Only what the inventory has, or hasn't.")] = None,
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
    at: a.At = None,
) -> Response:
    """Objects by name, a page at a time."""
    which = wanted(kind, below, q, declared)
    after = cursors.unpack(cursor, str)[0] if cursor else ""
    time = a.zoned(at, "at")
    if time is None:
        return a.page(await a.blocking(ports.live.objects, which, after, limit))
    return a.page(await a.blocking(ports.past.objects, time, which, after, limit))


@router.get("/topology/{dn:path}", response_model=shapes.ObjectWithRelations, summary="One object")
async def one_object(request: Request, ports: a.Given, dn: a.Name, at: a.At = None) -> Response:
    """One object with its relations; with an ETag."""
    names.check(dn)
    time = a.zoned(at, "at")
    data = await (a.blocking(ports.live.object, dn) if time is None else a.blocking(ports.past.object, time, dn))
    return a.tagged(request, a.found(data, dn))


@router.get("/neighbours/{dn:path}", response_model=shapes.Neighbours, summary="What is near an object")
async def neighbours(request: Request, ports: a.Given, dn: a.Name, at: a.At = None) -> Response:
    """Neighbours by relation, cells of the same site, cells below it."""
    names.check(dn)
    time = a.zoned(at, "at")
    ask, past = ports.live.neighbours, ports.past.neighbours
    return a.tagged(request, a.found(await (a.blocking(ask, dn) if time is None else a.blocking(past, time, dn)), dn))


@router.get("/subgraph/{dn:path}", response_model=shapes.Subgraph, summary="Objects around one")
async def subgraph(
    request: Request,
    ports: a.Given,
    dn: a.Name,
    depth: Annotated[int, Query(ge=0, le=MOST_DEPTH, description="Steps along relations, either way.")] = 1,
    kind: Kinds = [],  # noqa: B006
    relation: RelationKinds = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MOST_OBJECTS, description="Objects, at most.")] = 1000,
    at: a.At = None,
) -> Response:
    """What can be reached from an object; kinds that are left out are not walked through either."""
    names.check(dn)
    time = a.zoned(at, "at")
    how = (dn, depth, kind, relation, limit)
    data = await (
        a.blocking(ports.live.subgraph, *how) if time is None else a.blocking(ports.past.subgraph, time, *how)
    )
    return a.tagged(request, a.found(data, dn))


@router.get("/layout", response_model=shapes.Layout, summary="Where objects stand")
async def layout(
    request: Request,
    ports: a.Given,
    kind: Kinds = [],  # noqa: B006
    below: a.Below = "",
    at: a.At = None,
) -> Response:
    """Places and directions of many objects, column by column; with an ETag."""
    which, time = wanted(kind, below), a.zoned(at, "at")
    data = await (a.blocking(ports.live.layout, which) if time is None else a.blocking(ports.past.layout, time, which))
    return a.tagged(request, data)
