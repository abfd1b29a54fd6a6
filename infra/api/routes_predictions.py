"""Predictions, fidelity, scores: the newest of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import cursor as cursors
from infra.api import shapes_telling as shapes
from infra.api.problem import RESPONSES
from twin import dn as names

router = APIRouter(tags=["predictions"], responses=RESPONSES)

Target = Annotated[str, Query(max_length=256, description="Such as RRU.PrbTotDl>70@1h; none: all.")]
Least = Annotated[float, Query(ge=0, le=1, description="Only from this probability on.")]


@router.get("/predictions/congestion", response_model=shapes.Congestions, summary="Congestion to come")
async def congestion(
    ports: a.Given,
    target: Target = "",
    below: a.Below = "",
    least: Least = 0,
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
) -> Response:
    """The newest prediction for each cell and target, most probable first."""
    after = cursors.unpack(cursor, float, str, str) if cursor else None
    place = names.check(below) if below else ""
    return a.page(await a.blocking(ports.live.congestion, target, place, least, after, limit))


@router.get("/predictions/failure", response_model=shapes.Failures, summary="Failures to come")
async def failure(
    ports: a.Given,
    target: Target = "",
    below: a.Below = "",
    least: Least = 0,
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
) -> Response:
    """The newest prediction for each object and target, most probable first."""
    after = cursors.unpack(cursor, float, str, str) if cursor else None
    place = names.check(below) if below else ""
    return a.page(await a.blocking(ports.live.failures, target, place, least, after, limit))


@router.get("/fidelity", response_model=shapes.FidelityItems, summary="How well the twin agrees")
async def fidelity(ports: a.Given) -> Response:
    """The newest scores; those before are in /events?kind=fidelity."""
    items = await a.blocking(ports.live.fidelity)
    weight = sum(each["num_objects"] for each in items if not each["context"])
    total = sum(each["score"] * each["num_objects"] for each in items if not each["context"])
    return a.json({"mean": total / weight if weight else None, "items": items})


@router.get("/scores", response_model=shapes.ScoreItems, summary="How good predictions are")
async def scores(ports: a.Given) -> Response:
    """The newest progressive scores; those before are in /events?kind=scores, by day in /events?kind=monitoring."""
    return a.json({"items": await a.blocking(ports.live.scores)})
