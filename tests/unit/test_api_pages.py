"""What the API serves besides its answers: the dashboard's files and its own metrics, and to whom."""

from __future__ import annotations

import tomllib
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from infra.access import Access, new_token
from infra.api.app import create_app
from infra.api.hub import Hub
from infra.api.pages import WEB

HOST = "http://127.0.0.1:8050"


def client(tokens: Path | None = None) -> httpx.AsyncClient:
    ports = SimpleNamespace(live=SimpleNamespace(ready=list, counters=list))
    app = create_app(ports, Hub(), Access(tokens) if tokens else None)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST)


@pytest.fixture
def tokens(tmp_path: Path) -> tuple[Path, str]:
    token, line = new_token("reader", "read")
    file = tmp_path / "tokens"
    file.write_text(line)
    return file, token


async def test_the_dashboard_is_served_under_a_policy_that_lets_nothing_else_in() -> None:
    async with client() as ask:
        page = await ask.get("/")
        assert page.status_code == 200
        assert "<title>Lockstep</title>" in page.text
        policy = page.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "default-src 'self'" in policy
        script = await ask.get("/vendor/plotly.min.js")
        assert script.status_code == 200
        assert "plotly.js" in script.text[:200]


@pytest.mark.parametrize("file", sorted(WEB.rglob("*.js")), ids=lambda file: file.name)
async def test_every_script_comes_and_imports_only_what_is_there(file: Path) -> None:
    async with client() as ask:
        answer = await ask.get(f"/{file.relative_to(WEB)}")
    assert answer.status_code == 200
    assert "javascript" in answer.headers["content-type"]
    assert answer.text.startswith("// @ts-check\n")
    for line in answer.text.splitlines():
        if line.startswith("import ") and " from " in line:
            name = line.rpartition(" from ")[2].strip('";')
            assert (file.parent / name).is_file(), line


async def test_pages_need_no_token_and_tell_nothing(tokens: tuple[Path, str]) -> None:
    file, token = tokens
    async with client(file) as ask:
        assert (await ask.get("/")).status_code == 200
        assert (await ask.get("/js/main.js")).status_code == 200
        assert (await ask.get("/metrics")).status_code == 401
        assert (await ask.get("/api/v1/counters")).status_code == 401
        assert (await ask.get("/metrics", headers={"Authorization": f"Bearer {token}"})).status_code == 200


@pytest.mark.parametrize("path", ["/../pages.py", "/%2e%2e/pages.py", "/js/../../pages.py", "/js/..%2f..%2fpages.py"])
async def test_nothing_outside_the_folder_is_served(path: str) -> None:
    async with client() as ask:
        assert (await ask.get(path)).status_code == 404


async def test_answers_are_counted_and_timed() -> None:
    async with client() as ask:
        await ask.get("/api/v1/counters")
        await ask.get("/api/v1/nothing")
        await ask.get("/")
        text = (await ask.get("/metrics")).text
    assert 'lockstep_api_answers_total{status="2xx"} 1.0' in text
    assert 'lockstep_api_answers_total{status="4xx"} 1.0' in text
    assert "lockstep_api_answer_seconds_count 2.0" in text
    assert "lockstep_api_subscribers 0.0" in text
    assert "lockstep_ready 1.0" in text


def test_all_of_the_dashboard_is_installed_with_the_package() -> None:
    declared = tomllib.loads((WEB.parents[1] / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    installed = {file for pattern in declared["infra"] for file in WEB.parent.glob(pattern) if file.is_file()}
    assert installed == {file for file in WEB.rglob("*") if file.is_file()}
