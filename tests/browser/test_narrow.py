"""A telephone's screen, and names longer than it: whatever is wide scrolls in its own box, the page doesn't."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_stand import Stand
from asking import Open
from playwright.sync_api import Page, expect

WIDTH = 400
REGION = "SubNetwork=" + "a-region-whose-name-has-no-place-to-break" * 3
CELL = f"{REGION},ManagedElement=gnb-1,GNBDUFunction=1,NRCellDU=1"
TIME = "2026-01-06T08:00:00Z"
BURST: dict[str, Any] = {
    "request": f"burst/{REGION}/1767686400000/1", "region": REGION, "reason": "no map yet", "time": TIME,
    "partition": 0, "status": "CANCELLED", "stage": "", "percent": 100, "attempt": 1, "worker": "w", "seconds": 54,
    "finding": "", "detail": f"superseded by burst/{REGION}/1767686400001/1",
    "verdict": "refused: no answer came in time", "before": 6.3, "after": 0.8, "parameters": [],
}  # fmt: skip
MODEL: dict[str, Any] = {
    "model": f"batch@{'0123456789abcdef' * 4}", "target": "RRU.PrbTotDl>70@1h", "state": "shadow", "since": TIME,
    "trained_to": TIME, "against": "online", "gain": 0.1, "events": 9000, "reason": "",
    "verdict": "wait: " + "not enough labels have matured yet " * 4,
}  # fmt: skip
ALARM: dict[str, Any] = {
    "id": "1", "perceivedSeverity": "MAJOR", "objectInstance": CELL, "probableCause": "lossOfSignal", "raised": TIME,
    "specificProblem": "a sentence that its vendor has written " * 4, "held": [], "rootCause": None, "correlated": 3,
    "ackState": "UNACKNOWLEDGED",
}  # fmt: skip
SHAPE = (20, 60)
RADIO: dict[str, Any] = {
    "region": REGION, "scene": "a", "tier": "ray-traced", "version": 1, "cells": [CELL], "error_db": 1.0, "map": True
}  # fmt: skip
MAP = {
    "region": REGION, "scene": "a", "version": 1, "cells": [CELL], "origin": [-100.0, -30.0], "step": 4.0,
    "shape": SHAPE, "height": 1.5, "strongest": None,
    "antennas": [
        {"cell": CELL, "site": f"{REGION},Site=1", "x": 0.0, "y": 0.0, "z": 25.0, "azimuth_deg": 90.0, "tilt_deg": 4.0}
    ],
    "rsrp": [[None if column < 5 else -60.0 - column for column in range(SHAPE[1])] for _ in range(SHAPE[0])],
}  # fmt: skip
LISTS = {"bursts": [BURST] * 3, "models": [MODEL] * 3, "alarms": [ALARM] * 3, "radio": [RADIO]}


def pretend(page: Page) -> None:
    """Answer with long names; everything else the real API answers."""

    def answer(data: Any) -> Any:
        body = json.dumps(data)
        return lambda route: route.fulfill(body=body, content_type="application/json")

    for name, items in LISTS.items():
        page.route(f"**/api/v1/{name}?*", answer({"items": items, "next": None, "counts": {}}))
        page.route(f"**/api/v1/{name}", answer({"items": items, "next": None, "counts": {}}))
    page.route("**/api/v1/radio/maps/**", answer(MAP))


def opened(stand: Stand, new_page: Open, name: str, **context: Any) -> Page:
    page = new_page(f"{stand.url}/#/assets", **context)
    pretend(page)
    page.goto(f"{stand.url}/#/{name}")
    page.wait_for_selector(f"nav a[aria-current][href='#/{name}']")
    page.wait_for_selector("main:not([aria-busy]) h1")
    return page


BESIDE = """(width) => [...document.querySelectorAll('main, main *')]
  .filter((each) => !each.parentElement.closest('.scroll, .chart, option, select'))
  .filter((each) => each.getBoundingClientRect().right > width + 0.5)
  .map((each) => `${each.tagName} ${each.className} ${each.textContent.slice(0, 40)}`)"""
"""What reaches beyond the screen and can't be scrolled to in a box of its own."""


@pytest.mark.parametrize("name", ["alarms", "bursts", "timeline", "coverage", "models"])
def test_long_names_break_and_wide_tables_scroll_in_their_box(stand: Stand, new_page: Open, name: str) -> None:
    page = opened(stand, new_page, name, viewport={"width": WIDTH, "height": 800}, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTH
    assert page.evaluate(BESIDE, WIDTH) == []
    if name in LISTS and name != "radio":
        box = page.locator(".scroll").first
        assert box.evaluate("(each) => each.scrollWidth > each.clientWidth"), "there is something to scroll"
        box.evaluate("(each) => { each.scrollLeft = 1e6; }")
        assert box.evaluate("(each) => each.scrollLeft") > 0
        # A sentence has room, and no word of it makes its column as wide as itself.
        widths = box.locator("td.words").evaluate_all("(all) => all.map((each) => each.clientWidth)")
        assert widths
        assert all(200 <= width <= 2 * WIDTH for width in widths)


def layout(page: Page) -> Any:
    page.wait_for_selector(".heatmaplayer image")
    return page.evaluate("document.querySelector('.chart')._fullLayout.xaxis.range")


@pytest.mark.parametrize("width", [WIDTH, 1440])
def test_a_radio_map_fills_its_place(stand: Stand, new_page: Open, width: int) -> None:
    page = opened(stand, new_page, "coverage", viewport={"width": width, "height": 900})
    west, east = layout(page)
    # Half a square beyond the first and last places, and no empty ground beside.
    assert west >= -100 - 2 * 4
    assert east <= -100 + 4 * SHAPE[1] + 4
    box = page.locator(".chart").bounding_box()
    plot = page.locator(".chart .bglayer .bg, .chart .plot").first.bounding_box()
    assert box is not None
    assert plot is not None
    assert plot["width"] > 0.6 * box["width"]


LIVE = """(() => {
  const real = window.fetch;
  const stream = () => new ReadableStream({ start(out) {
    window.say = (kind, data) =>
      out.enqueue(new TextEncoder().encode(`event: ${kind}\\ndata: ${JSON.stringify(data)}\\n\\n`));
  } });
  window.fetch = (url, how) =>
    String(url).includes("/api/v1/live") ? Promise.resolve(new Response(stream())) : real(url, how);
})();"""
"""Live changes as the test says them."""


def test_the_first_map_appears_without_opening_the_page_again(stand: Stand, new_page: Open) -> None:
    page = new_page(f"{stand.url}/#/coverage")
    pretend(page)
    found = [RADIO | {"map": False, "tier": "empirical", "version": 0}]
    page.route("**/api/v1/radio", lambda route: route.fulfill(body=json.dumps({"items": found})))
    page.add_init_script(LIVE)
    page.reload()
    told = page.locator("main [role=status]")
    expect(told).to_contain_text("a burst makes one")
    expect(page.locator(".chart")).to_be_hidden()
    found[0] = RADIO
    page.evaluate("window.say('updates', { change: 'calibrated' })")
    page.wait_for_selector(".heatmaplayer image")
    expect(told).to_contain_text("tier ray-traced, version 1")


def test_a_chart_is_drawn_anew_in_another_theme(stand: Stand, new_page: Open) -> None:
    page = opened(stand, new_page, "coverage", color_scheme="light")
    layout(page)
    ground = "document.querySelector('.chart')._fullLayout.plot_bgcolor"
    assert page.evaluate(ground) == "#e6ebef"
    page.locator("#theme").click()
    page.wait_for_function(f"{ground} === '#0c1116'")


def test_a_picture_that_can_not_be_drawn_is_said(stand: Stand, new_page: Open, quiet: list[str]) -> None:
    quiet += ["501"]
    page = opened(stand, new_page, "coverage")
    body = json.dumps({"detail": "nothing here draws pictures", "status": 501})
    page.route("**/api/v1/radio/pictures/**", lambda route: route.fulfill(status=501, body=body))
    page.get_by_role("link", name="Save it as a picture").click()
    expect(page.locator("main [role=status]")).to_contain_text("nothing here draws pictures")
