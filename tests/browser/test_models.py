"""The models' page: every version in whatever state, none behind another."""

from __future__ import annotations

import json
from typing import Any

from api_stand import Stand
from asking import Open
from playwright.sync_api import Locator, Page

TARGET, FAILURE = "RRU.PrbTotDl>70@1h", "alarm:EQUIPMENT_ALARM@1d"
STATES = ["retired", "champion", "shadow", "candidate"]
"""Of versions, in the order they came."""


def version(number: int) -> str:
    return f"batch-congestion@b3-{number:012x}"


def day(number: int) -> str:
    return f"2026-01-{number:02d}T08:00:00Z"


def row(number: int, state: str, target: str) -> dict[str, Any]:
    return {
        "model": version(number), "target": target, "state": state, "since": day(number + 2),
        "trained_to": day(number + 1), "against": "online" if state in ("champion", "shadow") else "",
        "gain": 0.12 if state == "champion" else None, "events": 9000 if state == "champion" else 0, "reason": "why",
        "verdict": "", "scores": {"averagePrecision": 0.5 + number / 10, "logLoss": 0.2, "calibrationLoss": 0.01},
    }  # fmt: skip


def monitored(model: str, number: int, target: str) -> dict[str, Any]:
    figures = {"precision": number / 10, "n": 1000.0}
    body = {
        "id": f"monitoring/{target}/{model}/all/p0/{number}", "time": day(number), "target": target, "group": "all",
        "model_version": model, "partition": 0, "granularity_s": 900, "days": 7, "figures": figures,
    }  # fmt: skip
    return {"id": body["id"], "kind": "monitoring", "key": target, "time": day(number), "body": body}


def answer(page: Page, path: str, items: list[dict[str, Any]]) -> None:
    body = json.dumps({"items": items, "next": None})
    page.route(f"**/api/v1/{path}", lambda route: route.fulfill(body=body, content_type="application/json"))


def opened(stand: Stand, new_page: Open) -> Page:
    models = [row(number, state, TARGET) for number, state in enumerate(STATES)]
    models[1:1] = [row(1, "champion", FAILURE)]
    events = [
        monitored(version(1), 7, TARGET),
        monitored(version(1), 7, f"{FAILURE} cell"),
        monitored("online", 6, TARGET),
    ]
    events += [monitored(version(0), 5, TARGET), monitored(version(1), 4, TARGET)]
    page = new_page(f"{stand.url}/#/alarms")
    answer(page, "models?*", models)
    answer(page, "events?kind=monitoring*", events)
    page.get_by_role("link", name="Models", exact=True).click()
    page.get_by_role("heading", name="Champion and challengers").wait_for()
    page.wait_for_selector("main:not([aria-busy]) h1")
    return page


def shown(table: Locator, *titles: str) -> list[tuple[str, ...]]:
    """What stands in some columns, row by row."""
    heads = table.locator("th").all_inner_texts()
    rows = [line.locator("td").all_inner_texts() for line in table.locator("tbody tr").all()]
    return [tuple(cells[heads.index(title)] for title in titles) for cells in rows]


def test_every_version_stands_there_with_state_and_scores_newest_first(stand: Stand, new_page: Open) -> None:
    page = opened(stand, new_page)
    table = page.locator("table", has_text="Every version, newest first")
    assert shown(table, "Model", "Target", "State", "Precision", "Saves") == [
        (version(3), TARGET, "candidate", "0.8", "–"),
        (version(2), TARGET, "shadow", "0.7", "nothing yet"),
        (version(1), TARGET, "champion", "0.6", "12 % on 9,000"),
        (version(1), FAILURE, "champion", "0.6", "12 % on 9,000"),
        (version(0), TARGET, "retired", "0.5", "–"),
    ]


def test_figures_of_one_version_do_not_hide_those_of_another(stand: Stand, new_page: Open) -> None:
    page = opened(stand, new_page)
    table = page.locator("table", has_text="from labels that have matured")
    assert shown(table, "Target", "Model", "State", "Warnings that came true") == [
        (TARGET, version(1), "champion", "70 %"),
        (f"{FAILURE} cell", version(1), "champion", "70 %"),
        (TARGET, "online", "–", "60 %"),
        (TARGET, version(0), "retired", "50 %"),
    ]
