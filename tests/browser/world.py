"""A network that is as large as a test wants, in the API's own shapes: what the map is tried with."""

from __future__ import annotations

import json
from math import cos, sin
from typing import Any

from playwright.sync_api import Page, Route


def layout(names: list[str]) -> dict[str, Any]:
    """Sites on a spiral, three cells each."""
    count = len(names)
    sites = [number // 3 for number in range(count)]
    return {
        "frame": "local",
        "dn": names,
        "kind": ["cell"] * count,
        "site": [f"Site={site}" for site in sites],
        "azimuth_deg": [120.0 * (number % 3) for number in range(count)],
        "x": [500 * site**0.5 * cos(site * 2.4) for site in sites],
        "y": [500 * site**0.5 * sin(site * 2.4) for site in sites],
    }


def columns(names: list[str], counter: str) -> dict[str, Any]:
    """Every cell with a value; one sleeps, one has failed."""
    conditions = ["up"] * len(names)
    conditions[:2] = ["asleep", "failed"]
    return {
        "at": None,
        "event_time": "2026-01-01T00:00:00Z",
        "revisions": {"0": 1},
        "dn": names,
        "kind": ["cell"] * len(names),
        "condition": conditions,
        "severity": [None] * len(names),
        "values": {counter: [float(number % 101) for number in range(len(names))]},
        "as_of": {counter: [0] * len(names)},
        "probability": {},
    }


def cells(count: int) -> list[str]:
    """Names of cells."""
    return [f"ManagedElement={number // 3},GNBDUFunction=1,NRCellDU={number % 3}" for number in range(count)]


def pretend(page: Page, names: list[str]) -> None:
    """Answer for a network of these cells; everything else the real API answers."""

    def answer(data: Any) -> Any:
        body = json.dumps(data)
        return lambda route: route.fulfill(body=body, content_type="application/json")

    def of_columns(route: Route) -> None:
        route.fulfill(body=json.dumps(columns(names, "RRU.PrbTotDl")), content_type="application/json")

    page.route("**/api/v1/layout*", answer(layout(names)))
    page.route("**/api/v1/columns*", of_columns)
