"""Decision services as they are started: one call of each kind, answered from what a worker has folded."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from api_stand import Stand

from stream.broker import Message
from stream.topics import SOURCES


def invoked(stand: Stand, service: str, status: int = 200, **body: Any) -> Any:
    answer = stand.client.post(f"/services/{service}/invoke", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_the_catalogue_says_what_speaks_and_how_good_it_is(stand: Stand) -> None:
    items = {one["id"]: one for one in stand.client.get("/services").json()["items"]}
    assert {one["kind"] for one in items.values()} == {
        "descriptive", "diagnostic", "predictive", "prescriptive", "simulation",
    }  # fmt: skip
    fidelity = {one["of"]: one["value"] for one in items["element-state"]["quality"]}
    told = stand.client.get("/fidelity").json()["items"]
    assert fidelity == {one["counter"]: pytest.approx(one["score"], abs=1e-6) for one in told if not one["context"]}
    newest = stand.client.get("/predictions/congestion").json()["items"]
    assert set(items["congestion-forecast"]["model_versions"]) == {
        f"{one['model']}@{one['model_version']}" for one in newest
    }


def test_described_and_foretold_as_everywhere_else(stand: Stand) -> None:
    cell = stand.client.get("/topology", params={"kind": "cell", "limit": 1}).json()["items"][0]["dn"]
    element = cell.partition(",GNBDUFunction=")[0]
    said = invoked(stand, "element-state", dn=element)
    assert said["output"]["object"]["dn"] == element
    assert sum(said["output"]["cells"].values()) == 3
    past = invoked(stand, "element-state", dn=element, at=said["event_time"])
    assert past["output"]["object"]["dn"] == element
    told = invoked(stand, "congestion-forecast", below=element)["output"]["items"]
    assert told == stand.client.get("/predictions/congestion", params={"below": element}).json()["items"]
    known = [one["sigma"] for one in told if one["sigma"] is not None]
    assert all(sigma > 0 for sigma in known)
    assert invoked(stand, "failure-forecast", least=1)["output"]["items"] == []


def test_advice_is_arithmetic_on_the_twin_s_probabilities(stand: Stand) -> None:
    costs = {"event": "congestion", "action_cost": 1, "event_cost": 1000}
    said = invoked(stand, "where-acting-pays", **costs)["output"]
    pays = [one for one in stand.client.get("/predictions/congestion").json()["items"] if one["probability"] > 0.001]
    assert len(said["advised"]) == min(len(pays), 20)
    for one in said["advised"]:
        assert one["gain"] == pytest.approx(1000 * one["probability"] - 1)


def test_an_alarm_has_a_cause_and_an_object_its_drifts(stand: Stand) -> None:
    element = stand.client.get("/topology", params={"kind": "element", "limit": 1}).json()["items"][0]["dn"]
    time = datetime.fromisoformat(stand.client.get("/summary").json()["event_time"])
    alarm = {
        "objectInstance": element, "notificationId": "service-1", "eventTime": time.isoformat(),
        "alarmType": "EQUIPMENT_ALARM", "probableCause": "fan", "perceivedSeverity": "WARNING",
    }  # fmt: skip
    stand.pipe.send(
        SOURCES["alarm"].name, [Message(0, element, int(time.timestamp() * 1000), json.dumps(alarm).encode(), [])]
    )

    def standing() -> list[Any]:
        found = stand.client.get("/alarms", params={"below": element, "severity": "WARNING"}).json()["items"]
        return [one for one in found if one["notificationId"] == "service-1"]

    stand.pipe.until(lambda: bool(standing()), 20, "the alarm stands")
    (known,) = standing()
    output = invoked(stand, "alarm-cause", alarm=known["id"])["output"]
    assert output["alarm"] == known
    assert output["root"] is None
    assert output["reasons"]
    drifts = invoked(stand, "drift-cause", dn=element)["output"]
    assert known["id"] in [one["id"] for one in drifts["alarms"]]
    # Whoever comes after finds the network as it was.
    stand.client.post(f"/alarms/{known['id']}/clear", json={})
    stand.pipe.until(lambda: not standing(), 20, "the alarm is cleared")


def test_where_nothing_can_be_traced_nothing_is_ordered(stand: Stand) -> None:
    told = invoked(stand, "radio-burst", 404, region="SubNetwork=1")
    assert told["type"] == "lockstep:unknown-object"
