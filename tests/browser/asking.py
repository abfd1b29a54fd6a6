"""What browser tests share: how a page is opened, a cell, and one more report of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from api_stand import Stand
from playwright.sync_api import Page

from stream.broker import Message
from stream.decode import REPORT
from stream.topics import headers

Open = Callable[..., Page]


def a_cell(stand: Stand) -> str:
    found: str = stand.client.get("/topology", params={"kind": "cell", "limit": 1}).json()["items"][0]["dn"]
    return found


def report(stand: Stand, cell: str, value: float) -> Message:
    """One more period of a cell."""
    element, _, rest = cell.partition(",GNBDUFunction=")
    newest = max(
        datetime.fromisoformat(each["as_of"])
        for one in stand.client.get(f"/state/{cell}").json()["objects"]
        for each in one["values"]
    )
    end = newest + timedelta(minutes=15)
    body = {
        "element": element,
        "begin": newest.isoformat(),
        "end": end.isoformat(),
        "objects": [f"GNBDUFunction={rest}"],
        "counters": ["RRU.PrbTotDl"],
        "values": [[value]],
    }
    time = int(end.timestamp() * 1000)
    head = headers(REPORT, f"browser-{value}", element, time)
    return Message(0, element, time, json.dumps(body).encode(), head)
