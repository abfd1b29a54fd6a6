"""`lockstep bursts`: list, follow and cancel."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import msgspec

from infra.settings import load
from stream.broker import Message, Producer
from stream.burst.answers import CONTROL
from stream.burst.reading import Heard, heard
from stream.burst.services import burst_services
from stream.burst.telling import wall_ms
from stream.burst.view import OPEN, TOPICS, Overview, Seen, table
from stream.engine.security import kafka_security
from stream.outlets import ENCODER
from stream.topics import OUTLETS, headers
from twin.errors import ConfigurationError
from twin.radio.events import BurstControl

REQUESTS = OUTLETS["bursts"]


def list_bursts(*, as_json: bool, follow: bool, open_only: bool) -> None:
    """Print the latest of every request.

    Raises:
        Unavailable: The broker doesn't answer.
    """
    if follow:
        asyncio.run(_follow(as_json=as_json))
        return
    rows = asyncio.run(_overview()).rows(open_only=open_only)
    if as_json:
        for one in rows:
            sys.stdout.write(msgspec.json.encode(one).decode() + "\n")
    else:
        from rich.console import Console

        Console().print(table(rows) if rows else "no bursts have been asked for")


def cancel(request: str) -> str:
    """Ask the burst workers to give a request up; says what was done.

    Raises:
        ConfigurationError: There is no such request, or it has its answer.
        Unavailable: The broker doesn't answer.
    """
    known = asyncio.run(_overview()).seen.get(request)
    if known is None:
        raise ConfigurationError(f"there is no request {request!r}: `lockstep bursts` lists them")
    if known.status not in OPEN:
        raise ConfigurationError(f"the request {request!r} has its answer: {known.status}")
    asyncio.run(_send(request))
    return f"{request}: told to stop; `lockstep bursts` says when it has"


async def _send(request: str) -> None:
    settings = load()
    services = burst_services(settings)
    now = wall_ms()
    body = ENCODER.encode(BurstControl(id=f"cancel/{request}", request=request))
    head = headers(CONTROL, f"cancel/{request}", request, now)
    producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes)
    await producer.start()
    try:
        # To every partition: which one a request is in is the twin's business.
        messages = [Message(p, request, now, body, head) for p in range(services.partitions)]
        await producer.send(settings.topic_prefix + REQUESTS.name, messages)
    finally:
        await producer.stop()


def _heard(*, follow: bool) -> AsyncIterator[Heard | None]:
    settings = load()
    services = burst_services(settings)
    security = kafka_security(settings)
    return heard(services.bootstrap, security, settings.topic_prefix, TOPICS, services.partitions, follow=follow)


async def _overview() -> Overview:
    out = Overview()
    async for one in _heard(follow=False):
        if one is not None:
            out.hear(*one)
    return out


async def _follow(*, as_json: bool) -> None:
    """Until Ctrl-C: a line a change, or a bar a request."""
    seen = Overview()
    if as_json:
        told: dict[str, bytes] = {}
        async for one in _heard(follow=True):
            if one is not None:
                seen.hear(*one)
                continue
            for row in seen.rows():
                line = msgspec.json.encode(row)
                if told.get(row.request) != line:
                    told[row.request] = line
                    sys.stdout.write(line.decode() + "\n")
            sys.stdout.flush()
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    name, said = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[said]}"))
    with Progress(name, BarColumn(), TextColumn("{task.percentage:>3.0f} %"), said) as bars:
        known: dict[str, TaskID] = {}
        first = True
        async for one in _heard(follow=True):
            if one is not None:
                seen.hear(*one)
                continue
            # What was over before is not followed.
            for row in seen.rows(open_only=first):
                if row.request not in known and (first or row.status in OPEN):
                    known[row.request] = bars.add_task(row.request, total=100, said="")
                if row.request in known:
                    bars.update(known[row.request], completed=row.percent, said=_said(row))
            first = False


def _said(row: Seen) -> str:
    where = row.stage if row.status == "IN_PROGRESS" else row.status.lower()
    return f"{where}, {row.seconds:.0f} s {'; '.join(filter(None, (row.detail, row.verdict)))}"
