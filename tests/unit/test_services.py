"""Decision services: the catalogue says what each is asked and answers, and each answers so; one contract for all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import jsonschema
import pytest

from infra.api.app import create_app
from infra.api.hub import Hub
from infra.api.ports import Listed, Ports
from infra.api.services import CATALOGUE
from infra.api.services_advice import advised
from infra.api.shapes_services import CostAsked, Kind

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ELEMENT, CELL, ROUTER = "ManagedElement=1", "ManagedElement=1,NRCellDU=1", "ManagedElement=router"


def an_alarm(number: str, name: str, **more: Any) -> dict[str, Any]:
    told = {"id": number, "objectInstance": name, "notificationId": number, "perceivedSeverity": "MAJOR"}
    told |= {"raised": NOW, "held": [], "rootCause": None, "correlated": 0, "flaps": 0, "inDoubt": False}
    return told | {"escalates": None, "probableCause": "lossOfSignal"} | more


def congestion(cell: str, probability: float, **more: Any) -> dict[str, Any]:
    told = {"cell": cell, "target": "RRU.PrbTotDl>70@1h", "counter": "RRU.PrbTotDl", "threshold": 70.0, "time": NOW}
    told |= {"speaks_of": NOW, "horizon_s": 3600, "probability": probability, "value": 60.0, "expected": 75.5}
    told |= {"sigma": 4.0, "drivers": ["now"], "contributions": [1.0], "model": "online", "model_version": "3"}
    return told | {"tier": "statistical", "revision": 1} | more


def failure(name: str, probability: float, **more: Any) -> dict[str, Any]:
    told = {"object": name, "kind": "element", "target": "failure@24h", "time": NOW, "horizon_s": 86_400}
    told |= {"probability": probability, "base_rate": 0.01, "health": 40.0, "wears": None, "remaining_life_s": None}
    told |= {"remaining_life_low_s": None, "remaining_life_high_s": None, "drivers": ["fan"], "contributions": [2.0]}
    told |= {"fault": 5, "fault_name": "Cooling fan broken", "note": "", "model": "online-failure"}
    return told | {"model_version": "7", "tier": "statistical", "revision": 1} | more


class Twin:
    """A network of a cell, in the ports' own shapes."""

    alarms_known = (
        an_alarm("a", CELL, rootCause={"objectInstance": ROUTER, "alarmId": "b"}, held=["planned-outage"]),
        an_alarm("c", ROUTER),
        an_alarm("b", ROUTER, correlated=1),
    )

    def ready(self) -> list[str]:
        return []

    def summary(self) -> dict[str, Any]:
        return {"event_time": NOW}

    def state(self, dn: str, *, subtree: bool, most: int) -> list[dict[str, Any]]:
        assert (subtree, most) == (False, 1)
        deviations = {"tilt_deg": {"desired": 4.0, "reported": 6.0}}
        return [{"dn": dn, "kind": "element", "deviations": deviations}] if dn == ELEMENT else []

    def columns(self, which: Any, counters: Sequence[str]) -> dict[str, Any]:
        assert (which.kinds, which.below, list(counters)) == (("cell",), ELEMENT, [])
        return {"condition": ["up", "asleep", "up"]}

    def congestion(self, target: str, below: str, least: float, after: Any, limit: int) -> Listed:
        known = [congestion(CELL, 0.8), congestion("ManagedElement=2,NRCellDU=1", 0.3)]
        return Listed([one for one in known if one["probability"] >= least][:limit], None)

    def failures(self, target: str, below: str, least: float, after: Any, limit: int) -> Listed:
        known = [failure(ELEMENT, 0.5), failure("ManagedElement=2", 0.2), failure("ManagedElement=3", 0.01)]
        found = [one for one in known if one["probability"] >= least]
        # In pages, as the real one.
        start = after[0] if after else 0
        return Listed(found[start : start + 1], (start + 1,) if start + 1 < len(found) else None)

    def alarm(self, number: str) -> dict[str, Any] | None:
        return next((one for one in self.alarms_known if one["id"] == number), None)

    def alarms(self, severities: Any, below: str, held: Any, after: Any, limit: int) -> tuple[Listed, dict[str, int]]:
        """One a page, whatever the limit."""
        found = [one for one in self.alarms_known if one["objectInstance"].startswith(below)]
        at = after[0] if after else 0
        return Listed(found[at : at + 1], (at + 1,) if at + 1 < len(found) else None), {}

    def fidelity(self) -> list[dict[str, Any]]:
        told = {"counter": "RRU.PrbTotDl", "context": "", "score": 0.81, "num_objects": 3, "time": NOW}
        return [told, told | {"context": "los"}]

    def scores(self) -> list[dict[str, Any]]:
        def one(target: str, **metrics: float) -> dict[str, Any]:
            return {"target": target, "time": NOW, "metrics": metrics}

        return [
            one("RRU.PrbTotDl>70@1h", n=100, ap=0.6, ap_persistence=0.4, brier=0.05),
            one("failure@24h element", n=50, ap=0.3, brier=0.02, brier_base=0.03, foretold=0.5),
            one("alarms", raised=20, correlation_ratio=0.7),
        ]

    def bursts(self, *, open_only: bool) -> list[dict[str, Any]]:
        done = {"region": "SubNetwork=1", "verdict": "adopted", "before": 6.0, "after": 2.0}
        return [done, done | {"verdict": "refused: worse", "before": None}, done | {"verdict": ""}]

    def radio(self) -> list[dict[str, Any]]:
        return [{"region": "SubNetwork=1"}]


class History:
    """Its database."""

    async def events(self, kinds: Sequence[str], key: str, *_: Any) -> Listed:
        if list(kinds) == ["drift"]:
            body = {"object": key, "kind": "equipment", "reasons": ["its neighbours didn't move"]}
            return Listed(
                [{"time": NOW, "id": "d", "kind": "drift", "key": key, "body": body}] if key == ELEMENT else [], None
            )
        figures = {
            "n": 900.0,
            "calibration_error": 0.02,
            "episode_recall": 0.7,
            "precision": 0.5,
            "lead_time_s": 2700.0,
        }
        body = {
            "target": "RRU.PrbTotDl>70@1h",
            "partition": 0,
            "granularity_s": 900,
            "group": "all",
            "figures": figures,
        }
        old = body | {"figures": figures | {"calibration_error": 0.4}}
        rows = [body | {"group": "city=x"}, body, old]
        return Listed([{"time": NOW, "id": "m", "kind": "monitoring", "key": "", "body": one} for one in rows], None)


class Commands:
    """What has been ordered."""

    def __init__(self) -> None:
        self.ordered: list[tuple[str, str, str]] = []

    async def order_burst(self, region: str, reason: str, who: str) -> str:
        self.ordered.append((region, reason, who))
        return "order-1"


COSTS = {"action_cost": 10, "event_cost": 100, "prevented": 0.8}
ASKED: dict[str, Any] = {
    "element-state": {"dn": ELEMENT},
    "alarm-cause": {"alarm": "a"},
    "drift-cause": {"dn": ELEMENT},
    "congestion-forecast": {"least": 0.5},
    "failure-forecast": {"below": ELEMENT},
    "where-acting-pays": {"event": "failure"} | COSTS,
    "radio-burst": {"region": "SubNetwork=1", "reason": "after the storm"},
}


@pytest.fixture
def commands() -> Commands:
    return Commands()


@pytest.fixture
async def client(commands: Commands) -> Any:
    ports = Ports(Twin(), None, History(), commands)  # type: ignore[arg-type]
    app = create_app(ports, Hub(), None, owner="radio planning")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/api/v1") as made:
        yield made


async def invoked(client: httpx.AsyncClient, id_: str, status: int = 200, **body: Any) -> Any:
    answer = await client.post(f"/services/{id_}/invoke", json=ASKED[id_] | body)
    assert answer.status_code == status, answer.text
    return answer.json()["output"] if status < 300 else answer.json()


async def test_there_is_a_service_of_each_kind_and_the_catalogue_has_them_all(client: httpx.AsyncClient) -> None:
    items = (await client.get("/services")).json()["items"]
    assert [one["id"] for one in items] == [one.id for one in CATALOGUE]
    assert {one["kind"] for one in items} == set(get_args(Kind))
    for one in items:
        assert one["owner"] == "radio planning"
        assert one["version"]
        assert (await client.get(f"/services/{one['id']}")).json() == one
    only = (await client.get("/services", params={"kind": ["prescriptive", "simulation"]})).json()["items"]
    assert [one["id"] for one in only] == ["where-acting-pays", "radio-burst"]
    assert (await client.get("/services/none")).status_code == 404
    assert (await client.get("/services", params={"kind": "psychic"})).status_code == 422
    assert (await client.post("/services/none/invoke", json={})).status_code == 404


@pytest.mark.parametrize("service", CATALOGUE, ids=lambda service: service.id)
async def test_each_answers_as_its_schemas_and_the_document_say(client: httpx.AsyncClient, service: Any) -> None:
    told = (await client.get(f"/services/{service.id}")).json()
    for schema in (told["input_schema"], told["output_schema"]):
        jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(ASKED[service.id], told["input_schema"])
    answer = await client.post(told["invoke"].removeprefix("/api/v1"), json=ASKED[service.id])
    assert answer.status_code == (202 if service.asynchronous else 200), answer.text
    decided = answer.json()
    jsonschema.validate(decided, told["output_schema"])
    service.said.model_validate(decided)
    assert (decided["service"], decided["kind"], decided["version"]) == (service.id, service.kind, service.version)
    operation = (await client.get("/openapi.json")).json()["paths"][told["invoke"]]["post"]
    assert operation["x-kind"] == service.kind
    # What a service doesn't know is refused, not passed over.
    wrong = await client.post(told["invoke"].removeprefix("/api/v1"), json=ASKED[service.id] | {"colour": "red"})
    assert wrong.status_code == 422
    assert wrong.headers["content-type"] == "application/problem+json"
    assert (await client.get(f"/services/{service.id}")).json()["answered"]["count"] == 1


async def test_an_element_is_described_with_its_cells(client: httpx.AsyncClient) -> None:
    said = await invoked(client, "element-state")
    assert said["object"]["deviations"]["tilt_deg"] == {"desired": 4.0, "reported": 6.0}
    assert said["cells"] == {"up": 2, "asleep": 1}
    assert (await invoked(client, "element-state", 404, dn="ManagedElement=nobody"))["status"] == 404
    await invoked(client, "element-state", 422, dn="no-name")
    await invoked(client, "element-state", 422, at="2026-01-01T00:00:00")


async def test_an_alarm_is_traced_to_its_root(client: httpx.AsyncClient) -> None:
    said = await invoked(client, "alarm-cause")
    assert said["root"]["objectInstance"] == ROUTER
    assert said["kept_back"] == ["planned-outage"]
    assert any(ROUTER in reason for reason in said["reasons"])
    root = await invoked(client, "alarm-cause", alarm="b")
    assert (root["root"], root["caused"]) == (None, 1)
    await invoked(client, "alarm-cause", 404, alarm="none")


async def test_a_drift_is_explained_by_what_the_twin_has_said_of_it(client: httpx.AsyncClient) -> None:
    said = await invoked(client, "drift-cause")
    assert [one["kind"] for one in said["drifts"]] == ["equipment"]
    assert "tilt_deg" in said["deviations"]
    await invoked(client, "drift-cause", 404, dn="ManagedElement=nobody")


async def test_forecasts_are_those_of_the_twin(client: httpx.AsyncClient) -> None:
    answer = await client.post("/services/congestion-forecast/invoke", json={"least": 0.5})
    assert [one["cell"] for one in answer.json()["output"]["items"]] == [CELL]
    assert answer.json()["model_versions"] == ["online@3"]


async def test_acting_pays_where_it_costs_less_than_waiting(client: httpx.AsyncClient) -> None:
    said = await invoked(client, "where-acting-pays")
    assert said["break_even"] == pytest.approx(10 / 80)
    assert said["considered"] == 2
    assert [(one["object"], one["gain"]) for one in said["advised"]] == [
        (ELEMENT, pytest.approx(0.5 * 80 - 10)),
        ("ManagedElement=2", pytest.approx(0.2 * 80 - 10)),
    ]
    assert said["advised"][0]["expected"] == "O-RAN fault 5: Cooling fan broken"
    # Dearer to act than what can be saved: never.
    never = await invoked(client, "where-acting-pays", action_cost=90)
    assert (never["advised"], never["considered"]) == ([], 0)
    cells = await invoked(client, "where-acting-pays", event="congestion", most=1)
    assert [(one["object"], one["action"]) for one in cells["advised"]] == [(CELL, "relieve")]
    for wrong in ({"action_cost": 0}, {"event_cost": 1e-300}, {"prevented": 1e-300}, {"prevented": 1.5}):
        await invoked(client, "where-acting-pays", 422, **wrong)


def test_nothing_is_advised_where_acting_costs_what_it_saves() -> None:
    one = {"object": ELEMENT, "target": "t", "horizon_s": 60, "drivers": [], "fault": None}
    asked = CostAsked(action_cost=1, event_cost=2)
    at = [one | {"probability": probability} for probability in (0.25, 0.5, 0.75)]
    assert [advice["probability"] for advice in advised(asked, at)] == [0.75]


async def test_a_simulation_is_ordered_where_there_is_a_scene(client: httpx.AsyncClient, commands: Commands) -> None:
    said = await invoked(client, "radio-burst", 202)
    assert said["order"] == "order-1"
    assert commands.ordered == [("SubNetwork=1", "after the storm", "")]
    await invoked(client, "radio-burst", 404, region="SubNetwork=2")
    assert len(commands.ordered) == 1


async def test_how_good_each_is_has_been_measured(client: httpx.AsyncClient) -> None:
    items = {one["id"]: one for one in (await client.get("/services")).json()["items"]}

    def figures(id_: str) -> dict[str, float]:
        return {one["measure"]: one["value"] for one in items[id_]["quality"]}

    assert figures("element-state") == {"fidelity": 0.81}
    assert figures("alarm-cause") == {"correlation_ratio": 0.7}
    assert figures("congestion-forecast") == {
        "ap": 0.6, "ap_persistence": 0.4, "brier": 0.05,
        "episode_recall": 0.7, "precision": 0.5, "lead_time_s": 2700.0, "calibration_error": 0.02,
    }  # fmt: skip
    assert figures("failure-forecast") == {"ap": 0.3, "brier": 0.02, "brier_base": 0.03, "foretold": 0.5}
    assert figures("where-acting-pays") == {"calibration_error": 0.02}
    assert figures("radio-burst") == {"adopted": 0.5, "error_saved_db": 4.0}
    assert figures("drift-cause") == {}
    assert "docs/drift-kinds.md" in items["drift-cause"]["quality_note"]
    assert items["where-acting-pays"]["model_versions"] == ["online-failure@7", "online@3"]
