"""A burst, asked for and given up by hand, with a real burst worker whose job never ends."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from asking import Open
from playwright.sync_api import expect
from test_narrow import BURST

from tests.chaos.sounded import region


def test_a_burst_is_ordered_and_given_up(radio_url: str, new_page: Open) -> None:
    page = new_page(f"{radio_url}/#/bursts")
    rows = page.locator("table", has_text="Bursts, newest first").locator("tbody tr")
    name = region(3)
    # The twin has asked for one by itself; while that is open it asks for no other.
    own = rows.filter(has_text=name)
    own.first.get_by_role("button", name="Cancel").click()
    expect(own.first).to_contain_text("cancelled")
    expect(own.first.get_by_role("button")).to_have_count(0)
    page.get_by_role("button", name=f"Look again at {name}", exact=True).click()
    expect(page.locator("main [role=status]").first).to_have_text(f"asked for a burst of {name}")
    ordered = own.filter(has_text="ordered by")
    expect(ordered.first).to_contain_text("not started")
    ordered.first.get_by_role("button", name="Cancel").click()
    expect(ordered.first).to_contain_text("cancelled")


def test_what_could_not_be_read_after_an_order_is_read_again(radio_url: str, new_page: Open, quiet: list[str]) -> None:
    quiet += ["503"]
    page = new_page(f"{radio_url}/#/bursts")
    page.route("**/api/v1/bursts?*", lambda route: route.fulfill(status=503, body='{"detail": "too many at once"}'))
    page.get_by_role("button", name=re.compile("Look again at")).last.click()
    expect(page.locator("#notice")).to_contain_text("this page could not be read again: too many at once")
    # However far down somebody is.
    page.locator("tbody tr").last.scroll_into_view_if_needed()
    expect(page.locator("#notice")).to_be_in_viewport()
    expect(page.locator("main [role=status]").first).to_contain_text("asked for a burst of")
    page.unroute("**/api/v1/bursts?*")
    expect(page.locator("#notice")).to_be_hidden()


def test_one_that_runs_shows_how_far_it_is(radio_url: str, new_page: Open) -> None:
    page = new_page(f"{radio_url}/#/bursts")
    running = page.locator("tbody tr", has_text="in progress")
    expect(running.first).to_contain_text("trace")
    assert running.first.locator("progress").get_attribute("value") == "10"
    expect(running.first).to_contain_text(re.compile(r"since \d+\s\w+\s\d{4},\s\d\d:\d\d\sUTC"))
    expect(page.locator("#summary")).to_contain_text("Bursts open")


BEGUN, ENDED = "2026-01-06T08:00:00Z", "2026-01-06T08:01:00Z"


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({"status": "FINISHED", "begun": BEGUN, "heard": ENDED, "seconds": 60}, "60 s"),
        ({"status": "FAILED", "begun": None, "heard": ENDED, "seconds": 0}, "ended 6 Jan 2026, 08:01 UTC"),
        ({"status": "IN_PROGRESS", "begun": BEGUN, "heard": ENDED, "seconds": 60}, "since 6 Jan 2026, 08:00 UTC"),
        ({"status": "NOT_STARTED", "begun": None, "heard": None, "seconds": 0}, ""),
    ],
    ids=["over", "only its end was heard", "under way", "asked for"],
)
def test_how_long_it_took_or_what_is_known_instead(
    radio_url: str, new_page: Open, known: dict[str, Any], told: str
) -> None:
    page = new_page(f"{radio_url}/#/alarms")
    body = json.dumps({"items": [BURST | known], "next": None})
    page.route("**/api/v1/bursts?*", lambda route: route.fulfill(body=body, content_type="application/json"))
    page.get_by_role("link", name="Bursts", exact=True).click()
    table = page.locator("table", has_text="Bursts, newest first")
    table.wait_for()
    place = table.locator("th").all_inner_texts().index("Took")
    expect(table.locator("tbody tr td").nth(place)).to_have_text(told)


def test_the_timeline_has_them_too(radio_url: str, new_page: Open) -> None:
    page = new_page(f"{radio_url}/#/timeline")
    expect(page.get_by_role("region", name="Simulation bursts").first).to_contain_text("SubNetwork=radio-")
