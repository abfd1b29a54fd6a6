"""`lockstep api` as it is started: a worker folds, the API answers from its own fold of the same log."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from api_stand import SITES, Stand, api, wait_ready
from websockets.sync.client import connect

from stream.broker import Message
from stream.topics import SOURCES

COUNTER = "RRU.PrbTotDl"


def cells(stand: Stand) -> list[str]:
    return [item["dn"] for item in get(stand, "/topology", kind="cell")["items"]]


def get(stand: Stand, path: str, **params: Any) -> Any:
    answer = stand.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_topology_and_state_are_those_of_the_workers(stand: Stand) -> None:
    names = cells(stand)
    assert len(names) == 3 * SITES
    own = get(stand, f"/state/{names[0]}")["objects"][0]
    assert own["stale"] is False
    value = next(each for each in own["values"] if each["counter"] == COUNTER)
    with psycopg.connect(stand.pipe.dsn) as connection:
        newest = connection.execute(
            "SELECT time, value FROM measurement WHERE dn = %s AND counter = %s AND value IS NOT NULL "
            "ORDER BY time DESC, log_offset DESC LIMIT 1",
            [names[0], COUNTER],
        ).fetchone()
    assert newest is not None
    assert datetime.fromisoformat(value["as_of"]) == newest[0]
    assert value["value"] == pytest.approx(newest[1], rel=1e-6)
    assert value["unit"] == "%"


def test_lists_come_in_pages_that_make_the_whole(stand: Stand) -> None:
    whole = get(stand, "/topology", limit=1000)
    assert whole["next"] is None
    found, cursor = [], None
    while True:
        page = get(stand, "/topology", limit=4, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= 4
        found += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert found == whole["items"]
    below = get(stand, "/topology", below=whole["items"][0]["dn"].split(",")[0], q="NRCELL")
    assert {item["kind"] for item in below["items"]} == {"cell"}


def test_a_subgraph_grows_with_its_depth(stand: Stand) -> None:
    cell = cells(stand)[0]
    sizes = [len(get(stand, f"/subgraph/{cell}", depth=depth)["objects"]) for depth in (0, 1, 2)]
    assert sizes[0] == 1
    assert sizes[0] < sizes[1] <= sizes[2]
    only = get(stand, f"/subgraph/{cell}", depth=2, kind="cell")
    assert {each["kind"] for each in only["objects"]} == {"cell"}
    assert {each["kind"] for each in only["relations"]} == {"neighbour"}
    assert get(stand, f"/subgraph/{cell}", depth=3, limit=2)["cut"] is True


def test_who_has_the_newest_is_told_so(stand: Stand) -> None:
    path = f"/desired/{cells(stand)[0]}"
    tag = stand.client.get(path).headers["etag"]
    assert stand.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert stand.client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


def test_desired_values_change_by_way_of_the_log(stand: Stand) -> None:
    path = f"/desired/{cells(stand)[1]}"
    before = stand.client.get(path)
    headers = {"If-Match": before.headers["etag"]}
    done = stand.client.patch(path, params={"wait_s": 20}, json={"tilt_deg": 2.5, "area": None}, headers=headers)
    assert done.status_code == 200, done.text
    assert done.json()["status"] == "applied"
    assert done.json()["revision"] > done.json()["after_revision"]
    # Read your write: what was answered as applied is there.
    after = get(stand, path)["desired"]
    assert after == {key: value for key, value in before.json()["desired"].items() if key != "area"} | {"tilt_deg": 2.5}
    assert get(stand, f"/requests/{done.json()['id']}")["status"] == "applied"
    again = stand.client.patch(path, json={"tilt_deg": 3.5}, headers=headers)
    assert again.status_code == 412
    assert again.headers["content-type"] == "application/problem+json"
    same = stand.client.patch(path, params={"wait_s": 20}, json={"tilt_deg": 2.5})
    assert same.json()["status"] == "unchanged"
    # The workers have the same: it went through the log.
    stand.pipe.until_folded()
    assert any(b'"tilt_deg":2.5' in record.value for record in stand.pipe.log_records())


def test_history_is_what_the_database_has(stand: Stand) -> None:
    cell = cells(stand)[2]
    until = datetime.fromisoformat(get(stand, "/summary")["event_time"])
    asked = {
        "dn": cell,
        "counter": COUNTER,
        "until": until.isoformat(),
        "since": (until - timedelta(days=2)).isoformat(),
    }
    series = get(stand, "/history", **asked)["series"]
    raw = next(each for each in series if each["granularity_s"] == 900)
    with psycopg.connect(stand.pipe.dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT ON (time) time, value FROM measurement WHERE dn = %s AND counter = %s AND time <= %s "
            "ORDER BY time, log_offset DESC",
            [cell, COUNTER, until],
        ).fetchall()
    assert [datetime.fromisoformat(each) for each in raw["time"]] == [row[0] for row in rows]
    assert raw["value"] == [None if row[1] is None else pytest.approx(row[1], rel=1e-6) for row in rows]
    known = [value for value in raw["value"] if value is not None]
    hours = next(e for e in get(stand, "/history", **asked, bucket="1h")["series"] if e["granularity_s"] == 900)
    assert sum(hours["count"]) == len(known)
    assert max(hours["max"]) == pytest.approx(max(known))
    total = sum(mean * count for mean, count in zip(hours["mean"], hours["count"], strict=True) if count)
    assert total / len(known) == pytest.approx(sum(known) / len(known))
    short = next(e for e in get(stand, "/history", **asked, bucket="15min")["series"] if e["granularity_s"] == 900)
    assert sum(short["count"]) == len(known)
    paged, cursor = [], None
    while True:
        page = get(stand, "/history", **asked, limit=7, **({"cursor": cursor} if cursor else {}))
        paged += [value for each in page["series"] if each["granularity_s"] == 900 for value in each["value"]]
        if (cursor := page["next"]) is None:
            break
    assert paged == raw["value"]


def test_columns_say_the_same_as_the_objects(stand: Stand) -> None:
    table = get(stand, "/columns", counter=COUNTER)
    assert table["dn"] == cells(stand)
    for place, name in enumerate(table["dn"]):
        own = get(stand, f"/state/{name}")["objects"][0]["values"]
        newest = max((v for v in own if v["counter"] == COUNTER), key=lambda v: v["as_of"])
        assert table["values"][COUNTER][place] == newest["value"]
    assert set(table["condition"]) <= {"up", "asleep", "failed", "silent", "unknown"}
    assert list(table["probability"]) == ["RRU.PrbTotDl>40@1h", "RRU.PrbTotDl>70@1h"]


def test_predictions_are_the_newest_and_sorted(stand: Stand) -> None:
    items = get(stand, "/predictions/congestion", target="RRU.PrbTotDl>40@1h")["items"]
    assert len(items) == 3 * SITES
    probabilities = [item["probability"] for item in items]
    assert probabilities == sorted(probabilities, reverse=True)
    newest = {}
    for _, message in stand.pipe.messages("predictions.congestion"):
        told = json.loads(message.value)
        if told["target"] == "RRU.PrbTotDl>40@1h":
            newest.update(
                {f"{told['element']},{c}": p for c, p in zip(told["cells"], told["probability"], strict=True)}
            )
    assert {item["cell"]: item["probability"] for item in items} == newest


def test_the_past_is_what_was(stand: Stand) -> None:
    cell = cells(stand)[0]
    now = datetime.fromisoformat(get(stand, "/summary")["event_time"])
    at = (now - timedelta(hours=4)).isoformat()
    table = get(stand, "/columns", counter=COUNTER, at=at)
    raw = get(stand, "/history", dn=cell, counter=COUNTER, until=at)["series"]
    last = next(each for each in raw if each["granularity_s"] == 900)
    value = [v for v in last["value"] if v is not None][-1]
    assert table["values"][COUNTER][table["dn"].index(cell)] == pytest.approx(value)
    assert set(table["condition"]) <= {"up", "silent"}
    # What was predicted then, as its message told it.
    predicted = {}
    for _, message in stand.pipe.messages("predictions.congestion"):
        body = json.loads(message.value)
        if body["target"] == "RRU.PrbTotDl>40@1h" and body["time"] == table["event_time"].replace("Z", "+00:00"):
            predicted |= {f"{body['element']},{c}": p for c, p in zip(body["cells"], body["probability"], strict=True)}
    told = dict(zip(table["dn"], table["probability"]["RRU.PrbTotDl>40@1h"], strict=True))
    assert all(told[name] == pytest.approx(p, rel=1e-5) for name, p in predicted.items())
    assert get(stand, "/alarms", at=at)["items"] == []
    past = get(stand, f"/state/{cell}", at=at)
    assert past["source"]
    told = next(v for v in past["objects"][0]["values"] if v["counter"] == COUNTER)
    assert told["value"] == pytest.approx(value)


def test_an_alarm_is_told_at_once(stand: Stand) -> None:
    cell = cells(stand)[0]
    now = datetime.fromisoformat(get(stand, "/summary")["event_time"])
    alarm = {
        "objectInstance": cell,
        "notificationId": "7",
        "eventTime": now.isoformat(),
        "alarmType": "EQUIPMENT_ALARM",
        "probableCause": "powerProblem",
        "perceivedSeverity": "CRITICAL",
    }
    with stand.client.stream("GET", "/live", params={"kind": "updates"}) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: hello"
        message = Message(0, cell, int(now.timestamp() * 1000), json.dumps(alarm).encode(), [])
        stand.pipe.send(SOURCES["alarm"].name, [message])
        begun = time.monotonic()
        told = next(json.loads(line[6:]) for line in lines if line.startswith("data: {") and '"alarm"' in line)
        seconds = time.monotonic() - begun
    assert told["objects"] == [cell]
    # By way of ingest, log, fold and topic; how long it takes on an idle machine is measured in tests/bench/api.py.
    assert seconds < 5
    stand.pipe.until(lambda: get(stand, "/alarms", below=cell)["items"] != [], 10, "the alarm stands")
    standing = get(stand, "/alarms", below=cell)
    assert [each["probableCause"] for each in standing["items"]] == ["powerProblem"]
    assert standing["counts"]["CRITICAL"] == 1
    assert get(stand, "/columns", counter=COUNTER)["severity"][0] == "CRITICAL"
    time.sleep(0.6)
    assert get(stand, "/summary")["cells"]["failed"] == 1


def test_an_alarm_is_acknowledged_by_way_of_the_log(stand: Stand) -> None:
    known = get(stand, "/alarms")["items"][0]
    path = f"/alarms/{known['id']}"
    done = stand.client.post(f"{path}/acknowledge", json={"text": "on my way", "by": "ann"})
    assert done.status_code == 202, done.text
    stand.pipe.until(lambda: get(stand, path).get("ackState") == "ACKNOWLEDGED", 10, "it is acknowledged")
    own = get(stand, path)
    assert own["ackUserId"] == "ann"
    assert own["escalates"] is None
    tmf = get(stand, f"/tmf642/alarm/{known['id']}")
    assert tmf["ackState"] == "acknowledged"
    assert tmf["alarmedObject"]["id"] == known["objectInstance"]
    assert get(stand, "/tmf642/alarm")["items"] == [tmf]
    assert stand.client.post("/alarms/none/acknowledge", json={}).status_code == 404


def test_a_subscriber_goes_on_where_it_was(stand: Stand) -> None:
    path = f"/desired/{cells(stand)[3]}"
    address = stand.url.replace("http", "ws") + "/api/v1/live/socket?kind=updates"
    with connect(address) as socket:
        hello = json.loads(socket.recv(5))
        assert hello["event"] == "hello"
        stand.client.patch(path, json={"tilt_deg": 1.25}, params={"wait_s": 20})
        first = json.loads(socket.recv(5))
        assert first["event"] == "updates"
        assert first["data"]["change"] == "topology"
    stand.client.patch(path, json={"tilt_deg": 1.5}, params={"wait_s": 20})
    with stand.client.stream(
        "GET", "/live", params={"kind": "updates"}, headers={"Last-Event-ID": first["id"]}
    ) as stream:
        told = [line for line, _ in zip(stream.iter_lines(), range(7), strict=False)]
    assert "event: resync" not in told
    assert any('"topology"' in line for line in told)
    with stand.client.stream("GET", "/live", headers={"Last-Event-ID": "elsewhere-12"}) as stream:
        assert next(stream.iter_lines()) == "event: resync"


def test_what_is_rejected_can_be_read_and_fetched(stand: Stand) -> None:
    stand.pipe.send(SOURCES["report"].name, [Message(0, "x", int(time.time() * 1000), b"no report", [])])
    until = time.monotonic() + 10
    while not (items := get(stand, "/rejected")["items"]):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert items[0]["reason"] == "malformed"
    assert get(stand, f"/rejected/{items[0]['id']}") == items[0]
    content = stand.client.get(items[0]["original"].removeprefix("/api/v1"))
    assert content.content == b"no report"
    assert content.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/topology?limit=0", 422),
        ("GET", "/topology?cursor=%21%21", 422),
        ("GET", "/topology/ManagedElement=nobody", 404),
        ("GET", "/topology/no-name", 422),
        ("GET", "/state/ManagedElement=nobody", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/topology", 405),
        ("GET", "/history?dn=ManagedElement=1&counter=x&since=2026-01-01T00:00:00", 422),
        ("DELETE", "/bursts/none", 404),
        ("GET", "/models/none", 404),
    ],
)
def test_an_error_is_a_problem(stand: Stand, method: str, path: str, status: int) -> None:
    answer = stand.client.request(method, path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["title"]


def test_other_pages_and_names_are_turned_away(stand: Stand) -> None:
    path = f"/desired/{cells(stand)[0]}"
    assert stand.client.patch(path, json={"x": 1}, headers={"Origin": "https://evil.example"}).status_code == 403
    assert stand.client.get("/summary", headers={"Host": "evil.example"}).status_code == 403
    assert stand.client.patch(path, content=b"x" * (2 << 20)).status_code == 413
    assert "access-control-allow-origin" not in stand.client.get("/summary").headers


def test_tokens_decide_who_may_what(stand: Stand, tmp_path: Path) -> None:
    from infra.access import new_token

    (reads, line), (operates, other) = new_token("reader", "read"), new_token("boss", "operate")
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{line}\n{other}\n")
    with api(stand.pipe, tokens_file=str(tokens)) as url:
        assert httpx.get(f"{url}/livez").status_code == 200
        assert httpx.get(f"{url}/api/v1/summary").status_code == 401
        reader, boss = ({"Authorization": f"Bearer {token}"} for token in (reads, operates))
        assert httpx.get(f"{url}/api/v1/counters", headers=reader).status_code == 200
        path = f"{url}/api/v1/desired/ManagedElement=nobody"
        assert httpx.patch(path, json={"a": 1}, headers=reader).status_code == 403
        assert httpx.patch(path, json={"a": 1}, headers=boss).status_code == 404
        wait_ready(url)


def test_the_head_of_a_page_counts_what_is_there(stand: Stand) -> None:
    head = get(stand, "/summary")
    assert head["cells"]["total"] == len(cells(stand)) == head["objects"]["cell"]
    assert head["lag"]["records"] == 0
    assert head["ready"] is True
    assert 0 <= head["staleness_s"]["p50"] <= head["staleness_s"]["p95"]
