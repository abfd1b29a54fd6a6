"""The health server, over HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import folding
import pytest
from aiohttp import ClientSession
from folding import A, B, log, new_shard, report
from prometheus_client.parser import text_string_to_metric_families
from watching import LIMITS, Watched

from infra import metrics as m
from infra.access import Access, Verdict, new_token
from stream.engine.patience import WRITE
from stream.health import server as health
from stream.health import status
from stream.health.progress import Phase
from stream.health.server import HealthServer, by_token, from_this_machine, split_bind
from stream.shard import Shard
from twin.errors import ConfigurationError, Unavailable

Serve = Callable[..., HealthServer]


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts health servers and stops them."""
    made: list[HealthServer] = []

    def start(watched: Watched, **more: Any) -> HealthServer:
        about = {"worker": "here:1", "pid": 1, "version": "0", "roles": ["fold"], "started": "now"}
        more.setdefault("bind", "127.0.0.1:0")
        made.append(HealthServer(watched.board, asyncio.get_running_loop(), about=about, **more))
        made[-1].start()
        return made[-1]

    yield start
    for server in made:
        server.stop()


async def get(url: str) -> tuple[int, Any, Any]:
    async with ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
        is_json = answer.content_type == "application/json"
        return answer.status, json.loads(text) if is_json else text, answer.headers


def silent_shard() -> Shard:
    """One of two elements has stopped reporting."""
    shard = new_shard()
    folding.fold(shard, log([report(A, 0, 1.0), report(B, 0, 1.0), *(report(A, n, 1.0) for n in range(1, 60))]))
    return shard


# The pages -----------------------------------------------------------------------------------------------------------


async def test_a_worker_at_work(watched: Watched, serve: Serve) -> None:
    watched.working(2, at=10, log_end=12)
    server = serve(watched)
    assert (await get(f"{server.url}/livez"))[:2] == (200, "the event loop runs\n")
    code, said, headers = await get(f"{server.url}/readyz")
    assert (code, said) == (200, {"ready": True, "reasons": []})
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Server"] == "lockstep"
    code, said, _ = await get(f"{server.url}/status")
    assert code == 200
    (one,) = said["partitions"]
    assert (one["partition"], one["state"], one["phase"]) == (2, "working", "working")
    assert (one["position"], one["committed"], one["log_end"]) == (10, 10, 12)
    assert (one["position_lag"], one["committed_lag"]) == (2, 2)
    assert [service["answers"] for service in said["services"]] == [True, True]
    assert said["worker"] == "here:1"


async def test_a_stuck_partition_is_named_and_forgotten_when_it_goes_on(watched: Watched, serve: Serve) -> None:
    progress = watched.working(2, log_end=12)
    server = serve(watched)
    with progress.doing(WRITE) as wait:
        progress.failed(wait, Unavailable("the database at 10.9.8.7 does not answer"))
        watched.pass_s(61)
        code, said, _ = await get(f"{server.url}/readyz")
        assert code == 503
        assert said["ready"] is False
        assert said["reasons"][0].startswith("partition 2: no progress for 61 s: working at offset 0 of 12, writing")
        assert "10.9.8.7" not in json.dumps(said), "what services say may name hosts: not on an open page"
        _, said, _ = await get(f"{server.url}/status")
        assert said["partitions"][0]["waits"][0]["error"] == "the database at 10.9.8.7 does not answer"
    progress.landed(0, 12, None, 0.1)
    assert (await get(f"{server.url}/readyz"))[0] == 200


async def test_stale_elements_come_in_pages(watched: Watched, serve: Serve) -> None:
    progress = watched.working()
    progress.shard = silent_shard()
    server = serve(watched)
    _, said, _ = await get(f"{server.url}/status?limit=1")
    page = said["stale_elements"]
    assert (page["total"], page["next"]) == (1, None)
    (stale,) = page["items"]
    assert (stale["element"], stale["granularity_s"]) == (B, 900)
    assert stale["last_period"] == "2026-01-05T00:15:00+00:00"
    _, said, _ = await get(f"{server.url}/status?first=1")
    assert said["stale_elements"]["items"] == []
    assert (await get(f"{server.url}/status?limit=1001"))[0] == 400
    assert (await get(f"{server.url}/status?first=-1"))[0] == 400


async def test_metrics_are_those_of_the_catalogue(watched: Watched, serve: Serve) -> None:
    progress = watched.working(3, at=10, log_end=15)
    progress.shard = silent_shard()
    server = serve(watched)
    code, text, headers = await get(f"{server.url}/metrics")
    assert code == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {
        (s.name, s.labels.get("partition")): s.value for f in text_string_to_metric_families(text) for s in f.samples
    }
    assert samples["lockstep_committed_lag_records", "3"] == 5
    assert samples["lockstep_stale_elements", "3"] == 1
    assert samples["lockstep_ready", None] == 1
    watched.board.gone(3)
    _, text, _ = await get(f"{server.url}/metrics")
    gauges = [metric for metric in m.CATALOGUE if metric.kind == "gauge" and metric.labels == ("partition",)]
    for metric in gauges:
        assert f'{m.PREFIX}{metric.name}{{partition="3"}}' not in text, (
            "a partition that is gone leaves no gauge behind"
        )


# Who may read --------------------------------------------------------------------------------------------------------


async def test_without_a_token_only_livez_and_readyz_are_open(watched: Watched, serve: Serve, tmp_path: Path) -> None:
    token, line = new_token("grafana", "read")
    file = tmp_path / "tokens"
    file.write_text(line)
    server = serve(watched, authorised=by_token(Access(file)))
    codes = {path: (await get(f"{server.url}/{path}"))[0] for path in ("livez", "readyz", "metrics", "status", "else")}
    assert codes == {"livez": 200, "readyz": 200, "metrics": 401, "status": 401, "else": 404}
    _, text, headers = await get(f"{server.url}/status")
    assert headers["WWW-Authenticate"] == "Bearer"
    assert "token" in text
    async with ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        assert (await session.get(f"{server.url}/status")).status == 200
    async with ClientSession(headers={"Authorization": "Bearer wrong"}) as session:
        codes = [(await session.get(f"{server.url}/metrics")).status for _ in range(20)]
    assert codes[0] == 401
    assert codes[-1] == 429
    assert (await get(f"{server.url}/livez"))[0] == 200
    secret = tmp_path / "secret"
    secret.write_text(token)
    with pytest.raises(Unavailable, match="answers 429"):
        await asyncio.to_thread(status.status, server.url, secret)


async def test_nobody_can_write(watched: Watched, serve: Serve) -> None:
    server = serve(watched)
    async with ClientSession() as session:
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert (await session.request(method, f"{server.url}/status", data=b"x" * 10_000)).status == 405


@pytest.mark.parametrize(("remote", "may"), [("127.0.0.1", True), ("::1", True), ("10.0.0.7", False), (None, False)])
def test_by_default_only_this_machine_may_read_everything(remote: str | None, may: bool) -> None:
    class Request:
        pass

    request = Request()
    request.remote = remote  # type: ignore[attr-defined]
    assert from_this_machine(request).ok is may  # type: ignore[arg-type]


# When things stand still ---------------------------------------------------------------------------------------------


async def test_a_frozen_event_loop_fails_livez_and_says_so(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "EVERY_S", 0.02)
    monkeypatch.setattr(health, "ASK_S", 0.1)
    watched = Watched(LIMITS._replace(stall_s=0.2))
    watched.working()
    server = serve(watched)
    watched.board.heartbeat.beat()
    answers: dict[str, tuple[int, str]] = {}

    def ask_from_outside() -> None:
        time.sleep(0.5)
        for page in ("livez", "readyz", "status"):
            try:
                with urllib.request.urlopen(f"{server.url}/{page}", timeout=5) as answer:
                    answers[page] = answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                answers[page] = error.code, error.read().decode()

    asker = threading.Thread(target=ask_from_outside)
    asker.start()
    asker.join()  # the loop stands still for as long
    assert answers["livez"][0] == 503
    assert answers["livez"][1].startswith("the event loop has not run for ")
    assert answers["readyz"][0] == 503
    assert "the event loop has not run" in answers["readyz"][1]
    code, text = answers["status"]
    assert code == 200
    assert json.loads(text)["stale_elements"]["total"] is None
    assert "asker.join()" in caplog.text, "the log shows where the loop stands"
    for _ in range(100):  # on a busy machine an answer may take longer than a loop may stand
        watched.board.heartbeat.beat()
        if (await get(f"{server.url}/livez"))[0] == 200:
            break
    else:
        pytest.fail("the loop runs again, and /livez doesn't say so")


async def test_an_empty_address_serves_nothing_but_still_looks(watched: Watched, serve: Serve) -> None:
    looked = threading.Event()
    server = serve(watched, bind="", on_look=lambda _seconds: looked.set())
    assert server.url == ""
    assert looked.wait(2)


async def test_an_address_in_use_is_said_at_once(watched: Watched, serve: Serve) -> None:
    taken = serve(watched).url.removeprefix("http://")
    with pytest.raises(ConfigurationError, match=r"HEALTH_BIND.*port 0"):
        serve(watched, bind=taken)


async def test_one_that_never_listened_is_stopped_though_its_loop_has_gone(
    watched: Watched, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = serve(watched).url.removeprefix("http://")
    about = {"worker": "here:1", "pid": 1, "version": "0", "roles": ["fold"], "started": "now"}
    failed = HealthServer(watched.board, asyncio.get_running_loop(), taken, about)
    with pytest.raises(ConfigurationError, match="HEALTH_BIND"):
        failed.start()
    failed._thread.join(5)
    # A thread is alive for a moment after its loop has closed.
    monkeypatch.setattr(failed._thread, "is_alive", lambda: True)
    failed.stop()


@pytest.mark.parametrize("bind", ["8080", "host:", ":8080", "host:99999", "host:-1", "nothing"])
def test_a_wrong_address_is_refused(bind: str) -> None:
    with pytest.raises(ConfigurationError, match="host:port"):
        split_bind(bind)


def test_addresses_that_are_understood() -> None:
    assert split_bind("0.0.0.0:8080") == ("0.0.0.0", 8080)
    assert split_bind("[::1]:0") == ("::1", 0)


# The command ---------------------------------------------------------------------------------------------------------


async def test_the_command_shows_what_the_server_says(
    watched: Watched, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = watched.working(2, log_end=12)
    progress.shard = silent_shard()
    server = serve(watched)
    watched.pass_s(61)
    ready, reasons = await asyncio.to_thread(status.is_ready, server.url)
    assert not ready
    assert reasons[0].startswith("partition 2: no progress")
    said = await asyncio.to_thread(status.status, server.url)
    status.show(said)
    shown = capsys.readouterr().out
    for word in ("not ready", "stuck", "partition 2", B):
        assert word in shown
    with pytest.raises(Unavailable, match="does not answer"):
        await asyncio.to_thread(status.status, "http://127.0.0.1:1")


async def test_the_command_asks_for_a_token(watched: Watched, serve: Serve) -> None:
    server = serve(watched, authorised=lambda _request: Verdict(403))
    with pytest.raises(Unavailable, match="--token-file"):
        await asyncio.to_thread(status.status, server.url)


def test_starting_partitions_are_shown_without_numbers(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    from stream.health import pages

    progress = watched.board.partition(0)
    assert progress.phase is Phase.CLAIMING
    about = {"worker": "w", "pid": 1, "version": "0", "roles": [], "started": "now", "url": "u"}
    status.show(pages.status(watched.board, 0.0, about) | {"stale_elements": pages.page([], 0, 10)})
    assert "claiming" in capsys.readouterr().out
