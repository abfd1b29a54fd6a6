"""The dashboard, as somebody who looks at a network uses it."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

import pytest
from api_stand import Stand, api, wait_ready
from asking import Open, a_cell, report
from playwright.sync_api import Route, expect

PAGES = ("", "alarms", "assets", "timeline", "bursts", "coverage", "models")

NAMELESS = """() => {
  const named = (each) => each.getAttribute('aria-label') || each.textContent.trim() || each.closest('label')
    || (each.id && document.querySelector(`label[for="${each.id}"]`));
  return [...document.querySelectorAll('a, button, input, select, canvas:not([aria-hidden])')]
    .filter((each) => !named(each)).map((each) => each.outerHTML);
}"""
"""Controls that nobody who can't see them could tell from others."""


@pytest.mark.parametrize("page_name", PAGES, ids=lambda name: name or "overview")
def test_every_page_opens_and_every_control_has_a_name(stand: Stand, new_page: Open, page_name: str) -> None:
    page = new_page(f"{stand.url}/#/{page_name}")
    nameless = page.evaluate(NAMELESS)
    assert nameless == []
    assert page.locator("h1").count() == 1
    current = page.locator("nav [aria-current=page]")
    expect(current).to_have_count(1)


@pytest.mark.parametrize("width", [400, 1280, 3840])
def test_nothing_lies_beside_the_page(stand: Stand, new_page: Open, width: int) -> None:
    page = new_page(stand.url, viewport={"width": width, "height": 900})
    for name in PAGES:
        page.goto(f"{stand.url}/#/{name}")
        page.wait_for_selector("main:not([aria-busy]) h1")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_what_is_measured_is_shown_without_being_asked_for(stand: Stand, new_page: Open) -> None:
    cell = a_cell(stand)
    page = new_page(stand.url)
    row = page.locator("tr", has=page.locator(f'a[title="{cell}"]'))
    # Playwright has an event loop of its own in this thread.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(stand.pipe.send, "telemetry.reports", [report(stand, cell, 99.0)]).result()
    expect(row.last).to_contain_text("99")


def test_the_whole_page_moves_to_the_past_and_back(stand: Stand, new_page: Open) -> None:
    page = new_page(stand.url)
    slider = page.get_by_role("slider", name="Time that is shown")
    slider.focus()
    for _ in range(12):  # of 288 steps a day: an hour
        slider.press("ArrowLeft")
    page.wait_for_url(re.compile("at="))
    page.wait_for_selector("main:not([aria-busy]) h1")
    expect(page.locator("#time output")).to_contain_text("as it was at")
    expect(page.locator("h1")).to_contain_text("The network at")
    expect(page.locator("#summary")).to_contain_text("then")
    at = re.search(r"at=([^&]+)", page.url)
    assert at is not None
    then = stand.client.get("/columns", params={"kind": "cell", "counter": "RRU.PrbTotDl", "at": unquote(at[1])}).json()
    shown = page.locator("table", has_text="All cells").locator("tbody tr")
    first = max(value for value in then["values"]["RRU.PrbTotDl"] if value is not None)
    expect(shown.first).to_contain_text(f"{first:.0f}")
    # Another page keeps the time.
    page.get_by_role("link", name="Timeline").click()
    expect(page.locator("h1")).to_contain_text("What had happened by")
    page.get_by_role("button", name="Live").click()
    expect(page.locator("h1")).to_have_text("What has happened")
    assert "at=" not in page.url


def test_an_api_that_is_down_is_said_and_comes_back(stand: Stand, new_page: Open, quiet: list[str]) -> None:
    quiet += ["ERR_", "Failed to load resource"]
    with api(stand.pipe) as url:
        wait_ready(url)
        port = url.rpartition(":")[2]
        page = new_page(url)
        expect(page.locator("#notice")).to_be_hidden()
    expect(page.locator("#notice")).to_contain_text("what is shown is from before")
    # What is there stays there.
    expect(page.locator("table", has_text="All cells").locator("tbody tr").first).to_be_visible()
    with api(stand.pipe, f"127.0.0.1:{port}") as url:
        assert url.endswith(port)
        wait_ready(url)
        expect(page.locator("#notice")).to_be_hidden()


def away(route: Route) -> None:
    """Answer as the API does where it can't just now."""
    body = json.dumps({"status": 503, "detail": "the database is being moved"})
    route.fulfill(status=503, body=body, content_type="application/problem+json")


def test_a_page_that_can_not_be_read_again_says_so_until_it_can(stand: Stand, new_page: Open, quiet: list[str]) -> None:
    quiet += ["503"]
    cell = a_cell(stand)
    page = new_page(stand.url)
    row = page.locator("tr", has=page.locator(f'a[title="{cell}"]')).last
    expect(page.locator("#notice")).to_be_hidden()
    page.route("**/api/v1/columns?*", away)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(stand.pipe.send, "telemetry.reports", [report(stand, cell, 98.0)]).result()
    told = "this page could not be read again: the database is being moved; what is shown is from before"
    expect(page.locator("#notice")).to_contain_text(told)
    expect(row).to_be_visible()
    # The head, which is well, doesn't take it back, nor does anything have to happen first.
    with page.expect_response("**/api/v1/summary"):
        pass
    expect(page.locator("#notice")).to_contain_text(told)
    page.unroute("**/api/v1/columns?*")
    expect(page.locator("#notice")).to_be_hidden()
    expect(row).to_contain_text("98")


def test_a_page_that_can_not_be_opened_just_now_opens_by_itself(stand: Stand, new_page: Open, quiet: list[str]) -> None:
    quiet += ["503"]
    page = new_page(stand.url)
    page.route("**/api/v1/alarms?*", away)
    page.get_by_role("link", name="Alarms", exact=True).click()
    expect(page.locator("main")).to_contain_text("the database is being moved. Trying again.")
    page.unroute("**/api/v1/alarms?*")
    expect(page.locator("h1")).to_have_text("Alarms")


def test_a_cell_has_a_page_with_everything(stand: Stand, new_page: Open) -> None:
    cell = a_cell(stand)
    page = new_page(stand.url)
    page.locator("table", has_text="All cells").locator(f'a[title="{cell}"]').click()
    page.wait_for_selector(".chart .main-svg")
    expect(page.get_by_role("region", name="Last known values")).to_contain_text("RRU.PrbTotDl")
    expect(page.get_by_role("region", name="Declared and reported")).to_contain_text("azimuth_deg")
    assert page.locator(".chart .legendtext").count() >= 1


def test_by_keyboard_alone(stand: Stand, new_page: Open) -> None:
    page = new_page(stand.url)
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("To the content")
    canvas = page.locator(".map canvas")
    canvas.focus()
    before = page.evaluate("({...document.querySelector('main').map.view})")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("+")
    after = page.evaluate("({...document.querySelector('main').map.view})")
    assert after["x"] > before["x"]
    assert after["zoom"] > before["zoom"]
    head = page.get_by_role("button", name="Condition", exact=True)
    head.focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_count(1)


def test_the_theme_is_the_systems_until_somebody_chooses(stand: Stand, new_page: Open) -> None:
    page = new_page(stand.url, color_scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.get_by_role("button", name="Light").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.reload()
    page.wait_for_selector("main:not([aria-busy]) h1")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
