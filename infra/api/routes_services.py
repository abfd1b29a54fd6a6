"""Decision services: what there is, how good it is, and one operation for each. None acts by itself."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from infra.api import answering as a
from infra.api import services
from infra.api import shapes_services as shapes
from infra.api.ports import Listed, Plain, Ports, TopologyFilter
from infra.api.problem import RESPONSES, Problem
from infra.api.services import CATALOGUE, Service, Times
from infra.api.services_advice import advised, break_even
from infra.api.services_quality import Measured, measured
from twin import dn as names

router = APIRouter(tags=["services"], responses=RESPONSES)

MOST_PREDICTIONS = 10_000
"""That advice looks at, the most probable first."""
MOST_ALARMS = 20
PAGE = 1000


def _operation(service: Service, status: int = 200) -> dict[str, Any]:
    """How one is declared: OpenAPI has its kind."""
    return {
        "path": f"/services/{service.id}/invoke",
        "response_model": service.said,
        "status_code": status,
        "summary": service.title,
        "description": f"{service.description} Kind: {service.kind}.",
        "openapi_extra": {"x-kind": service.kind, "x-asynchronous": service.asynchronous},
    }


@router.get("/services", response_model=shapes.ServiceShapes, summary="Decision services")
async def catalogue(
    request: Request,
    ports: a.Given,
    kind: Annotated[list[shapes.Kind], Query(max_length=5, description="None: all.")] = [],  # noqa: B006
) -> Response:
    """What each is asked and answers, which models speak in it, and how good it is here."""
    known, speak = await measured(ports, a.blocking), await a.blocking(_versions, ports)
    chosen = [one for one in CATALOGUE if not kind or one.kind in kind]
    return a.json({"items": [_told(request, one, known, speak) for one in chosen]})


@router.get("/services/{id}", response_model=shapes.ServiceShape, summary="One decision service")
async def one(request: Request, ports: a.Given, id: Annotated[str, Path(min_length=1, max_length=64)]) -> Response:
    """As in the catalogue."""
    service = a.found(next((each for each in CATALOGUE if each.id == id), None), f"a service {id}")
    known, speak = await measured(ports, a.blocking), await a.blocking(_versions, ports)
    return a.json(_told(request, service, known, speak))


def _told(request: Request, service: Service, known: Measured, speak: dict[str, list[str]]) -> Plain:
    return {
        "id": service.id,
        "kind": service.kind,
        "version": service.version,
        "title": service.title,
        "description": service.description,
        "owner": request.app.state.owner or None,
        "asynchronous": service.asynchronous,
        "invoke": f"/api/v1/services/{service.id}/invoke",
        "input_schema": service.asked.model_json_schema(),
        "output_schema": service.said.model_json_schema(),
        "model_versions": speak.get(service.id, []),
        "quality": known.of(service),
        "quality_note": service.unmeasured,
        "answered": _times(request).of(service),
    }


def _versions(ports: Ports) -> dict[str, list[str]]:
    """Which versions speak in what is newest."""
    said = {
        services.CONGESTION.id: ports.live.congestion("", "", 0, None, PAGE),
        services.FAILURE.id: ports.live.failures("", "", 0, None, PAGE),
    }
    found = {id_: _speakers(listed.items) for id_, listed in said.items()}
    found[services.ADVICE.id] = sorted({each for some in found.values() for each in some})
    return found


def _speakers(items: list[Plain]) -> list[str]:
    return sorted({f"{one['model']}@{one['model_version']}" for one in items})


def _times(request: Request) -> Times:
    found: Times = request.app.state.times
    return found


async def _decided(ports: Ports, service: Service, output: Plain, items: list[Plain] | None = None) -> Plain:
    head = {"service": service.id, "kind": service.kind, "version": service.version}
    time = (await a.blocking(ports.live.summary))["event_time"]
    return head | {"event_time": time, "model_versions": _speakers(items or []), "output": output}


@router.post(**_operation(services.STATE))
async def element_state(request: Request, ports: a.Given, body: shapes.StateAsked) -> Response:
    with _times(request).measured(services.STATE):
        names.check(body.dn)
        time = a.zoned(body.at, "at")
        cells: Counter[str] = Counter()
        if time is None:
            found = await a.blocking(ports.live.state, body.dn, subtree=False, most=1)
            a.found(found or None, body.dn)
            columns = await a.blocking(ports.live.columns, TopologyFilter(("cell",), body.dn), [])
            cells.update(columns["condition"])
        else:
            found = (await a.blocking(ports.past.state, time, body.dn, subtree=False))["objects"]
        one = a.found(found[0] if found else None, body.dn)
        decided = await _decided(ports, services.STATE, {"object": one, "cells": dict(cells)})
        return a.json(decided if time is None else decided | {"event_time": time})


@router.post(**_operation(services.ALARM))
async def alarm_cause(request: Request, ports: a.Given, body: shapes.AlarmAsked) -> Response:
    with _times(request).measured(services.ALARM):
        known = a.found(await a.blocking(ports.live.alarm, body.alarm), f"a standing alarm {body.alarm}")
        root = await a.blocking(_root, ports, known)
        output = {
            "alarm": known,
            "root": root,
            "caused": known["correlated"],
            "kept_back": known["held"],
            "reasons": _why(known, root),
        }
        return a.json(await _decided(ports, services.ALARM, output))


def _root(ports: Ports, alarm: Plain) -> Plain | None:
    """The alarm that one comes from, as far as it still stands."""
    cause = alarm["rootCause"]
    if cause is None:
        return None
    after: tuple[Any, ...] | None = None
    while True:
        found, _ = ports.live.alarms((), cause["objectInstance"], None, after, PAGE)
        for one in found.items:
            name = one.get("alarmId") or one["notificationId"]
            if (one["objectInstance"], name) == (cause["objectInstance"], cause["alarmId"]):
                return one
        after = found.next
        if after is None:
            return None


def _why(alarm: Plain, root: Plain | None) -> list[str]:
    told = []
    if (cause := alarm["rootCause"]) is not None:
        stands = "" if root is not None else ", which stands no more"
        told.append(f"{alarm['objectInstance']} stands on {cause['objectInstance']}, alarm {cause['alarmId']}{stands}")
    if alarm["correlated"]:
        told.append(f"{alarm['correlated']} alarms come from it")
    told += [f"kept back: {reason}" for reason in alarm["held"]]
    if alarm["inDoubt"]:
        told.append("its source has said that its list is to be read again")
    return told or ["no alarm on anything that it stands on explains it: it is a cause itself, or its cause is unseen"]


@router.post(**_operation(services.DRIFT))
async def drift_cause(request: Request, ports: a.Given, body: shapes.DriftAsked) -> Response:
    with _times(request).measured(services.DRIFT):
        names.check(body.dn)
        state = await a.blocking(ports.live.state, body.dn, subtree=False, most=1)
        drifts = await ports.history.events(["drift"], body.dn, None, None, None, body.most)
        if not state and not drifts.items:
            raise Problem(404, f"the twin knows nothing of {body.dn}", "unknown-object")
        alarms, _ = await a.blocking(ports.live.alarms, (), body.dn, None, None, MOST_ALARMS)
        output = {
            "drifts": [each["body"] for each in drifts.items],
            "alarms": alarms.items,
            "deviations": state[0].get("deviations", {}) if state else {},
        }
        return a.json(await _decided(ports, services.DRIFT, output))


def _place(below: str) -> str:
    return names.check(below) if below else ""


@router.post(**_operation(services.CONGESTION))
async def congestion_forecast(request: Request, ports: a.Given, body: shapes.ForecastAsked) -> Response:
    with _times(request).measured(services.CONGESTION):
        how = (body.target, _place(body.below), body.least, None, body.most)
        items = (await a.blocking(ports.live.congestion, *how)).items
        return a.json(await _decided(ports, services.CONGESTION, {"items": items}, items))


@router.post(**_operation(services.FAILURE))
async def failure_forecast(request: Request, ports: a.Given, body: shapes.ForecastAsked) -> Response:
    with _times(request).measured(services.FAILURE):
        how = (body.target, _place(body.below), body.least, None, body.most)
        items = (await a.blocking(ports.live.failures, *how)).items
        return a.json(await _decided(ports, services.FAILURE, {"items": items}, items))


@router.post(**_operation(services.ADVICE))
async def where_acting_pays(request: Request, ports: a.Given, body: shapes.CostAsked) -> Response:
    with _times(request).measured(services.ADVICE):
        limit = break_even(body)
        items = await a.blocking(_predictions, ports, body, limit) if limit < 1 else []
        output = {"break_even": limit, "considered": len(items), "advised": advised(body, items)}
        return a.json(await _decided(ports, services.ADVICE, output, items))


def _predictions(ports: Ports, body: shapes.CostAsked, least: float) -> list[Plain]:
    ask = ports.live.failures if body.event == "failure" else ports.live.congestion
    found: list[Plain] = []
    after: tuple[Any, ...] | None = None
    while len(found) < MOST_PREDICTIONS:
        page: Listed = ask(body.target, _place(body.below), least, after, PAGE)
        found += page.items
        after = page.next
        if after is None:
            break
    return found


@router.post(**_operation(services.BURST, 202))
async def radio_burst(request: Request, ports: a.Given, who: a.Who, body: shapes.BurstAsked) -> Response:
    with _times(request).measured(services.BURST):
        known = await a.blocking(ports.live.radio)
        names.check(body.region)
        if not any(each["region"] == body.region for each in known):
            raise Problem(404, f"the radio twin doesn't cover {body.region}: see /radio", "unknown-object")
        order = await ports.commands.order_burst(body.region, body.reason, who)
        output = {"order": order, "region": body.region, "follow": "/api/v1/bursts?open_only=true"}
        return a.json(await _decided(ports, services.BURST, output), 202)
