"""The assets' page: what is told of the remaining life."""

from __future__ import annotations

import json

import pytest
from api_stand import Stand
from asking import Open

HOUR_S, YEAR_S = 3600, 365 * 86400


@pytest.mark.parametrize(
    ("low", "life", "high", "told"),
    [
        (8 * HOUR_S, 20 * HOUR_S, 30 * HOUR_S, "20 h (8 h to 30 h)"),
        (8 * HOUR_S, 20 * HOUR_S, YEAR_S, "20 h (8 h or later, open)"),
        (None, None, None, "no wear seen"),
    ],
    ids=["closed", "open", "none"],
)
def test_an_interval_without_an_end_is_not_said_to_end_in_a_year(
    stand: Stand, new_page: Open, low: int | None, life: int | None, high: int | None, told: str
) -> None:
    said = {
        "object": "SubNetwork=a,ManagedElement=1", "health": 60.0, "probability": 0.4, "base_rate": 0.01,
        "horizon_s": 86400, "remaining_life_s": life, "remaining_life_low_s": low, "remaining_life_high_s": high,
        "fault": None, "fault_name": "", "drivers": ["fan"], "time": "2026-01-06T08:00:00Z",
    }  # fmt: skip
    page = new_page(f"{stand.url}/#/alarms")
    body = json.dumps({"items": [said], "next": None})
    page.route("**/predictions/failure*", lambda route: route.fulfill(body=body, content_type="application/json"))
    page.get_by_role("link", name="Assets", exact=True).click()
    page.get_by_role("cell", name=told, exact=True).wait_for()
