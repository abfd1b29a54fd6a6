"""A burst as somebody orders it: over HTTP, traced by a real burst worker in Sionna's street canyon, and adopted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
from api_stand import api, wait_ready
from pipeline import Make, Pipeline

from stream.broker import Message
from stream.decode import to_ms
from stream.topics import SOURCES
from twin.events import Entity, TopologyChange
from twin.radio.events import Sounding

REGION = "SubNetwork=canyon"
ELEMENT = f"{REGION},ManagedElement=gnb-1"
CELL = f"{ELEMENT},GNBDUFunction=1,NRCellDU=1"
MAST = (-23.0, 4.0, 10.0)
BEGIN = datetime(2026, 3, 2, 6, tzinfo=UTC)
TRACE_S = 120
"""On an idle machine a burst takes some seconds, with imports and compilation."""


def declared() -> Message:
    attributes: dict[str, str | float | int | bool | None] = {
        "x_m": MAST[0],
        "y_m": MAST[1],
        "z_m": MAST[2],
        "azimuth_deg": 0.0,
        "tilt_deg": 0.0,
        "configuredMaxTxPower_dBm": 37.0,
        "frequency_Hz": 3.5e9,
        "antenna_pattern": "iso",
    }
    entities = [
        Entity(dn=REGION, kind="region", attributes={"radio_scene": "simple_street_canyon"}),
        Entity(dn=CELL, kind="cell", attributes=attributes),
    ]
    change = TopologyChange(id="canyon", time=BEGIN, entities=entities, source="test")
    return Message(0, "test", to_ms(BEGIN), msgspec.json.encode(change), [])


def heard(number: int, places: int) -> Message:
    """What terminals along the street hear in sight of the mast: free space, and 6 dB less than declared."""
    rng = np.random.default_rng(number)
    at = np.column_stack([rng.uniform(-60, 60, places), rng.uniform(-5, 5, places), np.full(places, 1.5)])
    distance = np.linalg.norm(at - MAST, axis=1)
    reference = 37.0 - 10 * np.log10(273 * 12)
    level = reference - 6.0 - 20 * np.log10(4 * np.pi * distance * 3.5e9 / 299_792_458) + rng.normal(0, 1, places)
    time = BEGIN + timedelta(minutes=15 * (number + 1))
    sounding = Sounding(
        id=f"sounding-{number}",
        time=time,
        element=ELEMENT,
        positions=[(round(x, 2), round(y, 2), z) for x, y, z in at.tolist()],
        cells=[CELL],
        rsrp=[[round(value, 2)] for value in level.tolist()],
        source="test",
    )
    return Message(0, ELEMENT, to_ms(time), msgspec.json.encode(sounding), [])


@pytest.fixture
def pipe(broker: str, make: Make) -> Pipeline:
    """A region that has been heard too little to ask by itself."""
    made = make(broker, burst_min_soundings="100000", burst_budget_s=str(TRACE_S))
    made.start()
    made.start_bursts()
    made.send(SOURCES["topology"].name, [declared()])
    made.until(lambda: sum(made.ends().values()) >= 2, 90, "every partition has the inventory")
    made.send(SOURCES["sounding"].name, [heard(number, 40) for number in range(4)])
    made.until(lambda: sum(made.ends().values()) >= 6, 90, "the log has what was heard")
    made.until_folded(90)
    return made


def test_it_is_ordered_traced_and_adopted(pipe: Pipeline) -> None:
    with api(pipe) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
        wait_ready(url)
        (before,) = client.get("/radio").json()["items"]
        assert (before["region"], before["cells"], before["map"]) == (REGION, [CELL], False)
        assert client.get(f"/radio/maps/{REGION}").status_code == 404
        asked = {"region": REGION, "reason": "after the storm"}
        answer = client.post("/services/radio-burst/invoke", json=asked)
        assert answer.status_code == 202, answer.text
        output = answer.json()["output"]
        assert output["region"] == REGION

        def over() -> Any:
            items = client.get("/bursts").json()["items"]
            assert len(items) <= 1
            # The result comes by the log, its progress by a topic of its own: either may be first.
            return items and items[0]["verdict"] and items[0]["status"] == "FINISHED"

        pipe.until(lambda: bool(over()), TRACE_S, "the twin has its answer, and the worker has said so")
        (burst,) = client.get("/bursts").json()["items"]
        assert burst["reason"] == "ordered by somebody; after the storm; no map yet"
        assert burst["verdict"] == "adopted", burst
        # Nobody had said that the amplifier is weak: it was found.
        assert burst["before"] > 4
        assert burst["after"] < 2
        made = client.get(f"/radio/maps/{REGION}").json()
        levels = np.array(made["rsrp"], dtype=float)
        rows, columns = np.unravel_index(np.nanargmax(levels), levels.shape)
        strongest = np.array(made["origin"]) + np.array([columns, rows]) * made["step"]
        assert np.linalg.norm(strongest - MAST[:2]) < 20
        (now,) = client.get("/radio").json()["items"]
        assert (now["tier"], now["map"]) == ("ray-traced", True)
        (told,) = [one for one in client.get("/services").json()["items"] if one["id"] == "radio-burst"]
        assert {one["measure"]: one["value"] for one in told["quality"]}["adopted"] == 1
