"""Regions that are sounded beside an emulated network, so that their radio twins ask for bursts all the time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import numpy as np

from stream.broker import Message
from stream.decode import SOUNDING, TOPOLOGY, to_ms
from stream.partition import partition_of
from stream.topics import INBOX, headers
from tests.bench.workload import START
from tests.chaos.feeder import Fed, emulated_log
from tests.integration.pipeline import PARTITIONS
from twin.events import Entity, TopologyChange
from twin.radio.events import Sounding

REGIONS = 24
EVERY = 10
"""One message in so many is a sounding."""
STEP = timedelta(seconds=10)
"""Between two soundings."""
PLACES = 20
"""In one sounding."""
SHIFTS = 60
"""After so many soundings of a region it is heard otherwise, which is a drift."""


def sounded_log(seed: int) -> Iterator[Fed]:
    """The emulated network's log with soundings in between."""
    yield from _inventory()
    rng = np.random.default_rng(seed)
    for number, one in enumerate(emulated_log(seed)):
        yield one
        if number % EVERY == 0:
            yield _sounding(rng, number // EVERY)


def region(number: int) -> str:
    """Name of a region."""
    return f"SubNetwork=radio-{number}"


def _cell(number: int) -> str:
    return f"{region(number)},ManagedElement=gnb-1,GNBDUFunction=1,NRCellDU=1"


def _inventory() -> Iterator[Fed]:
    attributes = {
        "x_m": 0.0,
        "y_m": 0.0,
        "z_m": 10.0,
        "azimuth_deg": 0.0,
        "tilt_deg": 5.0,
        "configuredMaxTxPower_dBm": 43.0,
        "frequency_Hz": 3.5e9,
        "antenna_pattern": "iso",
    }
    entities = [Entity(dn=region(k), kind="region", attributes={"radio_scene": "none"}) for k in range(REGIONS)]
    entities += [Entity(dn=_cell(k), kind="cell", attributes=attributes) for k in range(REGIONS)]
    body = msgspec.json.encode(TopologyChange(id="regions", time=START, entities=entities, source="chaos"))
    time = to_ms(START)
    for partition in range(PARTITIONS):
        head = headers(TOPOLOGY, f"regions-{partition}", "chaos", time, "chaos", recorded=time)
        yield Fed(INBOX.name, Message(partition, "chaos", time, body, head))


def _sounding(rng: np.random.Generator, number: int) -> Fed:
    which, times = number % REGIONS, number // REGIONS
    element = _cell(which).rpartition(",")[0]
    level = -85.0 - 15.0 * (times // SHIFTS % 2) + rng.normal(0.0, 3.0, PLACES)
    places = rng.uniform(-90.0, 90.0, (PLACES, 2))
    at = START + number * STEP
    body = Sounding(
        id=f"sounding-{number}",
        time=at,
        element=element,
        positions=[(round(x, 2), round(y, 2), 1.5) for x, y in places.tolist()],
        cells=[_cell(which)],
        rsrp=[[round(value, 2)] for value in level.tolist()],
        source="chaos",
    )
    time = to_ms(at)
    head = headers(SOUNDING, body.id, element, time, "chaos", recorded=time)
    return Fed(INBOX.name, Message(partition_of(element, PARTITIONS), element, time, msgspec.json.encode(body), head))
