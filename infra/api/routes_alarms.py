"""Alarms: those that stand, as 3GPP and as TMF642 have them; acknowledge, comment, clear."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import cursor as cursors
from infra.api import shapes_telling as shapes
from infra.api.problem import RESPONSES, Problem
from twin import dn as names

router = APIRouter(tags=["alarms"], responses=RESPONSES)

Severity = Literal["CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE"]
Severities = Annotated[list[Severity], Query(max_length=5, description="None: all.")]
Action = Annotated[
    Literal["acknowledge", "unacknowledge", "comment", "clear"],
    Path(description="What to do; clear is for alarms whose source forgot them."),
]
Number = Annotated[str, Path(min_length=1, max_length=64, description="Its `id`.")]
Held = Annotated[
    bool | None, Query(description="Only those that are kept back (flapping, planned, asleep, qualifying), or not.")
]


@router.get("/alarms", response_model=shapes.Alarms, summary="Standing alarms")
async def alarms(
    ports: a.Given,
    severity: Severities = [],  # noqa: B006
    below: a.Below = "",
    held: Held = None,
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
    at: a.At = None,
) -> Response:
    """Alarms that stand, worst first; `counts` are of all, those kept back counted as HELD only.

    Of a past that the log no longer reaches back to, /events?kind=alarms tells.
    """
    time = a.zoned(at, "at")
    if time is None:
        found, counts = await _page(ports, severity, below, held, limit, cursor)
        return a.page(found, counts=counts)
    after = cursors.unpack(cursor, int, int, str) if cursor else None
    place = names.check(below) if below else ""
    told = await a.blocking(ports.past.alarms, time, severity, place, held, after, limit)
    if told is None:
        raise Problem(410, "the log no longer reaches back so far: see /events?kind=alarms", "log-gone")
    return a.page(told[0], counts=told[1])


async def _page(
    ports: a.Given, severity: Any, below: str, held: bool | None, limit: int, cursor: str | None
) -> tuple[Any, dict[str, int]]:
    after = cursors.unpack(cursor, int, int, str) if cursor else None
    place = names.check(below) if below else ""
    found: tuple[Any, dict[str, int]] = await a.blocking(ports.live.alarms, severity, place, held, after, limit)
    return found


@router.get("/alarms/{id}", response_model=shapes.Alarm, summary="One alarm")
async def alarm(ports: a.Given, id: Number) -> Response:
    """How it stands."""
    return a.json(a.found(await a.blocking(ports.live.alarm, id), f"a standing alarm {id}"))


@router.post(
    "/alarms/{id}/{action}", status_code=202, response_model=shapes.Noted, summary="Acknowledge, comment, clear"
)
async def act(ports: a.Given, who: a.Who, id: Number, action: Action, body: shapes.Note) -> Response:
    """A note in the log: who, when and why stay with the alarm. Needs the role operate."""
    known = a.found(await a.blocking(ports.live.alarm, id), f"a standing alarm {id}")
    noted = await ports.commands.note_alarm(known, action, body.text, who or body.by)
    return a.json({"id": noted, "alarm": id, "action": action}, 202)


@router.get("/tmf642/alarm", response_model=shapes.TmfAlarms, summary="Standing alarms, TMF642")
async def tmf_alarms(
    ports: a.Given,
    severity: Severities = [],  # noqa: B006
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
) -> Response:
    """The same as `Alarm` of TMF642 v4, in pages as all lists here."""
    found, _ = await _page(ports, severity, "", None, limit, cursor)
    items = [await a.blocking(ports.live.tmf_alarm, each["id"]) for each in found.items]
    return a.page(found._replace(items=[each for each in items if each is not None]))


@router.get("/tmf642/alarm/{id}", response_model=shapes.TmfAlarm, summary="One alarm, TMF642")
async def tmf_alarm(ports: a.Given, id: Number) -> Response:
    """One standing alarm as TMF642 has it."""
    return a.json(a.found(await a.blocking(ports.live.tmf_alarm, id), f"a standing alarm {id}"))
