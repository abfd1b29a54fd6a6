"""History: measured values and their summaries, and what the twin has said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import cursor as cursors
from infra.api import shapes, shapes_telling
from infra.api.ports import Question
from infra.api.problem import RESPONSES, Problem
from twin import dn as names

router = APIRouter(tags=["history"], responses=RESPONSES)

BUCKETS = {"raw": 0, "5min": 300, "15min": 900, "1h": 3600, "6h": 21_600, "1d": 86_400, "7d": 604_800}
Bucket = Literal["raw", "5min", "15min", "1h", "6h", "1d", "7d"]
EventKind = Literal[
    "drift", "failure", "fidelity", "updates", "scores", "monitoring", "comparisons", "alarms", "own-alarms"
]
MOST_ROWS = 20_000
LONGEST_DAYS = 3660


@router.get("/history", response_model=shapes.HistoryPage, summary="Values over time")
async def history(
    ports: a.Given,
    dn: Annotated[
        list[Annotated[str, Query(max_length=1024)]], Query(min_length=1, max_length=50, description="Objects.")
    ],
    counter: Annotated[list[Annotated[str, Query(min_length=1, max_length=256)]], Query(min_length=1, max_length=16)],
    since: Annotated[datetime | None, Query(description="Begin, RFC 3339; none: a day before `until`.")] = None,
    until: Annotated[datetime | None, Query(description="End; none: now, by event time.")] = None,
    bucket: Annotated[Bucket, Query(description="Summaries of this length (UTC); raw: what was measured.")] = "raw",
    limit: Annotated[
        int, Query(ge=1, le=MOST_ROWS, description="Rows of a page: an object, counter set and time each.")
    ] = 5000,
    cursor: a.Cursor = None,
) -> Response:
    """What was measured in periods that end in (since, until], or mean, min, max and count of buckets.

    A period that was reported again is there once, with what was said last. Buckets of an hour and more come from the
    summaries, which outlive the measured rows.
    """
    end = a.zoned(until, "until") or await _newest(ports)
    begin = a.zoned(since, "since") or end - timedelta(days=1)
    if begin >= end:
        raise Problem(422, "since must lie before until", "out-of-range")
    if end - begin > timedelta(days=LONGEST_DAYS):
        raise Problem(422, f"more than {LONGEST_DAYS} days: ask in parts", "out-of-range")
    after = cursors.unpack(cursor, float, int, int, int) if cursor else None
    objects = tuple(dict.fromkeys(names.check(each) for each in dn))
    question = Question(objects, tuple(dict.fromkeys(counter)), begin, end, BUCKETS[bucket], after, limit)
    series, following = await ports.history.series(question)
    for each in series:
        each["unit"] = ports.live.unit(each["counter"])
    return a.json(
        {
            "since": begin,
            "until": end,
            "bucket": bucket,
            "series": series,
            "next": None if following is None else cursors.pack(*following),
        }
    )


async def _newest(ports: a.Given) -> datetime:
    newest = (await a.blocking(ports.live.summary))["event_time"]
    return newest or datetime.now(UTC)


@router.get("/events", response_model=shapes_telling.Events, summary="What the twin has said")
async def events(
    ports: a.Given,
    kind: Annotated[list[EventKind], Query(max_length=9, description="None: all kinds.")] = [],  # noqa: B006
    key: Annotated[
        str, Query(max_length=1024, description="The key of the message: mostly an object or element.")
    ] = "",
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
) -> Response:
    """Drifts, failure predictions, fidelity, updates, scores and more out of the database, newest first."""
    after = cursors.unpack(cursor, float, str) if cursor else None
    times = (a.zoned(since, "since"), a.zoned(until, "until"))
    return a.page(await ports.history.events(kind, _stored(key), *times, after, limit))


@router.get("/drifts", response_model=shapes_telling.Events, tags=["predictions"], summary="Drifts")
async def drifts(
    ports: a.Given,
    dn: Annotated[str, Query(max_length=1024, description="Only of this object.")] = "",
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
    limit: a.Limit = a.PAGE,
    cursor: a.Cursor = None,
) -> Response:
    """Where reality left the twin, newest first; see docs/drift.md."""
    after = cursors.unpack(cursor, float, str) if cursor else None
    times = (a.zoned(since, "since"), a.zoned(until, "until"))
    return a.page(await ports.history.events(["drift"], _stored(dn), *times, after, limit))


def _stored(text: str) -> str:
    """As the database writes it, which has no NUL."""
    return text.replace("\0", "\ufffd")
