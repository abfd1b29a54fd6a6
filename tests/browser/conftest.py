"""A real Chromium before a real API: whatever it says on its console, or asks of another host, fails the test."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

sys.path.append(str(Path(__file__).parents[1] / "integration"))
from a_chromium import ARGUMENTS, chromium
from api_stand import Stand, api, stood, wait_ready
from asking import Open
from pipeline import Pipeline

from infra.embedded import Embedded
from stream.topics import INBOX
from tests.chaos.faults.bursts import SETTINGS
from tests.chaos.sounded import sounded_log
from tests.unit.burst_jobs import MODULE

WAIT_MS = 60_000


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Broker and database."""
    with Embedded(tmp_path_factory.mktemp("services")) as embedded:
        started = embedded.start()
        yield started.bootstrap, started.dsn


@pytest.fixture(scope="session")
def stand(services: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A worker that has folded some hours of a network, and `lockstep api` beside it."""
    with stood(*services, tmp_path_factory.mktemp("stand")) as made:
        yield made


@pytest.fixture(scope="session")
def radio_url(services: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An API beside regions with a scene, a worker, and a burst worker whose job never ends."""
    pipe = Pipeline(*services, tmp_path_factory.mktemp("bursts"), **(SETTINGS | {"burst_budget_s": "600"}))
    try:
        pipe.start()
        pipe.start_bursts(f"{MODULE}:hang")
        pipe.send(INBOX.name, [one.message for one in islice(sounded_log(1), 600)])
        pipe.until_folded()
        with api(pipe) as address:
            wait_ready(address)
            yield address
    finally:
        pipe.close()


@pytest.fixture(scope="session")
def browser(stand: Stand, radio_url: str) -> Iterator[Browser]:
    """One browser for all tests; after the services, since Playwright keeps an event loop of its own in this thread."""
    assert stand
    assert radio_url
    where = chromium()
    if where is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium, and CI must not skip these tests")
        pytest.skip("there is no Chromium: install Debian's package chromium")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=where, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture
def quiet() -> list[str]:
    """What a page may say on its console: parts of messages; a test that provokes some adds them."""
    return []


@pytest.fixture
def new_page(browser: Browser, quiet: list[str]) -> Iterator[Open]:
    """Opens pages, and at the end holds against them what they said and where they went."""
    said: list[str] = []
    hosts: set[str] = set()
    allowed: set[str] = set()
    contexts: list[Any] = []

    def open_page(url: str, **context: Any) -> Page:
        allowed.add(urlsplit(url).netloc)
        contexts.append(browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | context)))
        page: Page = contexts[-1].new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        page.goto(url)
        page.wait_for_selector("main:not([aria-busy]) h1")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [line for line in said if not any(part in line for part in quiet)] == []
    assert hosts - {""} <= allowed
