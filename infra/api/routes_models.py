"""Batch models: list, show, promote, retire, roll back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import shapes_doing as shapes
from infra.api.problem import RESPONSES

router = APIRouter(tags=["models"], responses=RESPONSES)

ModelName = Annotated[str, Path(min_length=1, max_length=513, description="Of a version, or how it begins.")]


@router.get("/models", response_model=shapes.ModelRows, summary="Versions")
async def models(
    ports: a.Given,
    all: Annotated[bool, Query(description="Also what is retired.")] = False,
    at: a.At = None,
) -> Response:
    """Champion, shadow and what the promotion gate says; of a past moment what it said by then."""
    return a.json({"items": await ports.commands.models(everything=all, at=a.zoned(at, "at"))})


@router.post("/models/roll-back", status_code=202, response_model=shapes.Written, summary="Back to the champion before")
async def roll_back(ports: a.Given, who: a.Who, body: shapes.RollBack) -> Response:
    """Champions give way to those before them. Needs the role operate."""
    return a.json({"transitions": await ports.commands.roll_back(body.target, body.reason, who)}, 202)


@router.get("/models/{name}", response_model=shapes.ModelShape, summary="One version")
async def model(ports: a.Given, name: ModelName) -> Response:
    """Its training report and the steps of its life."""
    return a.json(await ports.commands.model(name))


@router.post("/models/{name}/promote", status_code=202, response_model=shapes.Written, summary="Make it champion")
async def promote(ports: a.Given, who: a.Who, name: ModelName, body: shapes.Decision) -> Response:
    """Written to the log: every partition changes at the same place of it. Needs the role operate."""
    return a.json({"transitions": await ports.commands.promote(name, body.targets, body.reason, who)}, 202)


@router.post("/models/{name}/retire", status_code=202, response_model=shapes.Written, summary="Take it out")
async def retire(ports: a.Given, who: a.Who, name: ModelName, body: shapes.Decision) -> Response:
    """See promote."""
    return a.json({"transitions": await ports.commands.retire(name, body.targets, body.reason, who)}, 202)
