"""The radio map's antennas: drawn where they stand, and told by name to pointer and keyboard alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from api_stand import Stand
from asking import Open
from playwright.sync_api import Locator, Page, expect

REGION = "SubNetwork=1"
ORIGIN, STEP, SHAPE = (-100.0, -30.0), 4.0, (50, 60)
"""Rows to the north, columns to the east: the map's ground is 240 m wide and 200 m high."""
MASTS = {"Site=west": (-40.0, 20.0), "Site=<b>east</b>": (100.0, 130.0)}


def antenna(number: int, site: str, place: tuple[float, float], azimuth: float) -> dict[str, Any]:
    x, y = place
    cell = f"{REGION},ManagedElement=gnb-{number},NRCellDU={number}"
    more = {"azimuth_deg": azimuth, "tilt_deg": 4.0}
    return {"cell": cell, "site": f"{REGION},{site}", "x": x, "y": y, "z": 25.0, **more}


ANTENNAS = [antenna(at, site, MASTS[site], 120.0 * (at % 3)) for at, site in enumerate(s for s in MASTS for _ in "abc")]
OFF = antenna(6, "Site=off", (900.0, 0.0), 45.0)


def opened(stand: Stand, new_page: Open, query: str = "", **context: Any) -> Page:
    cells = [each["cell"] for each in [*ANTENNAS, OFF]]
    known = {"region": REGION, "scene": "a", "version": 1, "cells": cells}
    region = known | {"tier": "ray-traced", "error_db": 1.0, "map": True}
    level = [[-60.0 - abs(column - 15) - abs(row - 12) for column in range(SHAPE[1])] for row in range(SHAPE[0])]
    ground = {"origin": ORIGIN, "step": STEP, "shape": SHAPE, "height": 1.5, "strongest": None, "rsrp": level}
    page = new_page(f"{stand.url}/#/alarms", **context)
    answer(page, "**/api/v1/radio", {"items": [region]})
    answer(page, "**/api/v1/radio/maps/**", known | ground | {"antennas": [*ANTENNAS, OFF]})
    page.goto(f"{stand.url}/#/coverage{query}")
    page.wait_for_selector(".heatmaplayer image")
    return page


def answer(page: Page, path: str, data: Any) -> None:
    body = json.dumps(data)
    page.route(path, lambda route: route.fulfill(body=body, content_type="application/json"))


def middle(one: Locator) -> tuple[float, float]:
    box = one.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def dots(page: Page) -> Locator:
    """Masts: the last trace."""
    return page.locator(".scatterlayer .trace").last.locator(".point")


def settles(page: Page, check: Callable[[], None]) -> None:
    """What comes later above the map moves it, even between two looks at it: look again until all agrees."""
    for _ in range(60):
        try:
            return check()
        except AssertionError:
            page.wait_for_timeout(500)
    return check()


@pytest.mark.parametrize("width", [400, 1440])
def test_masts_stand_where_the_map_has_their_metres(stand: Stand, new_page: Open, width: int) -> None:
    page = opened(stand, new_page, viewport={"width": width, "height": 900})
    expect(dots(page)).to_have_count(len(MASTS))

    def check() -> None:
        ground = page.locator(".heatmaplayer image").bounding_box()
        assert ground is not None
        # Half a square lies beyond the first and the last middle.
        west, south = (each - STEP / 2 for each in ORIGIN)
        for number, (x, y) in enumerate(MASTS.values()):
            across, up = (x - west) / (STEP * SHAPE[1]), (y - south) / (STEP * SHAPE[0])
            place = ground["x"] + across * ground["width"], ground["y"] + (1 - up) * ground["height"]
            assert middle(dots(page).nth(number)) == pytest.approx(place, abs=2)

    settles(page, check)


def test_who_points_at_a_mast_is_told_its_name_and_where_its_cells_look(stand: Stand, new_page: Open) -> None:
    page = opened(stand, new_page)
    told = page.locator(".hoverlayer .hovertext")

    def check() -> None:
        page.mouse.move(*middle(dots(page).last))
        expect(told).to_contain_text("<b>east</b>", timeout=1000)
        expect(told).to_contain_text("120°", timeout=1000)
        expect(told).to_contain_text("gnb-5 · 5 240°", timeout=1000)

    settles(page, check)


def test_who_comes_to_a_name_by_keyboard_sees_it_on_the_map(stand: Stand, new_page: Open) -> None:
    page = opened(stand, new_page)
    told = page.locator(".hoverlayer .hovertext")
    row = page.get_by_role("region", name="Antennas of the map").get_by_role("row")

    def check() -> None:
        row.nth(1).get_by_role("link").first.focus()
        row.nth(2).get_by_role("link").first.focus()
        expect(told).to_contain_text("gnb-1 · 1: azimuth 120°, 25 m up", timeout=1000)
        # One that is off the map isn't shown there.
        row.nth(7).get_by_role("link").first.focus()
        expect(told).to_have_count(0, timeout=1000)

    settles(page, check)


def test_the_chosen_cells_wedge_stands_out_and_what_is_off_the_map_is_only_listed(stand: Stand, new_page: Open) -> None:
    chosen = ANTENNAS[4]["cell"]
    page = opened(stand, new_page, f"?cell={chosen}".replace(",", "%2C"))
    wedges = page.locator(".scatterlayer .fills path")

    def check() -> None:
        assert len({one.get_attribute("style", timeout=1000) for one in wedges.all()}) == 2

    settles(page, check)
    expect(page.get_by_role("region", name="Antennas of the map").locator("tbody tr")).to_have_count(7)
    expect(dots(page)).to_have_count(len(MASTS))
