"""Levels of microwave links -> a log: `levels.npz` and `links.csv` of a folder, an inventory and a report a minute.

One collector polls all links once a minute, as such data are gathered; it is the element that reports, and the links
are its objects, with a transmit and a receive level for each of two channels.

    levels.npz   tsl, rsl int16 [2, num_links, num_minutes] in 0.1 dBm, -32768 where missing; time int64 [s]
    links.csv    link, length_km, site_a_latitude, ..., frequency_1, frequency_2 [Hz], polarization_1, polarization_2

Levels that a radio can't have are marks for "no value" (rsl -99.9 dBm, tsl 255 dBm) and become missing.
A minute's stamp is taken for its begin.

Source: RFC 8561 (names of what is measured: actual transmitted and received level); Chwala, Keis and Kunstmann,
"Real-time data acquisition of commercial microwave link networks", Atmos. Meas. Tech. 9, 2016 (the collector).
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import REPORT, TOPOLOGY, to_ms
from stream.partition import partition_of
from stream.sources.inventory import changes
from stream.sources.table import RejectedRow
from twin.errors import ConfigurationError
from twin.events import Entity, Relation, Report
from twin.log import LogRecord

LEVELS, LINKS = "levels.npz", "links.csv"
REGION = "SubNetwork=backhaul"
COLLECTOR = f"{REGION},ManagedElement=collector"
SOURCE = "npz:link-levels"
COUNTERS = ["Link.TransmitLevel.1", "Link.ReceiveLevel.1", "Link.TransmitLevel.2", "Link.ReceiveLevel.2"]

NO_VALUE = -32768
LEAST_RECEIVED, MOST_SENT = -950, 500
"""Beyond these a number is a mark and no level [0.1 dBm]: no such receiver hears -95 dBm, no radio sends 50."""

NEIGHBOURS = 8
KM_A_DEGREE = 111.19
_MINUTE = timedelta(minutes=1)
_NUMBERS = (
    *("length_km", "site_a_latitude", "site_a_longitude", "site_b_latitude", "site_b_longitude"),
    *("frequency_1", "frequency_2"),
)
_TEXTS = ("link", "polarization_1", "polarization_2")


def is_link_levels(path: Path) -> bool:
    """Whether a folder holds such levels."""
    return (path / LEVELS).is_file() and (path / LINKS).is_file()


class LinkLevels:
    """The log of a folder. It can be gone through again and is the same every time.

    Args:
        partitions: Of the log; all links are in one, since they are neighbours.

    Attributes:
        rejected: Nothing: values are missing or they are levels.
        num_entities: Of the inventory.

    Raises:
        ConfigurationError: The files are absent, damaged, or don't fit together.
    """

    def __init__(self, path: Path, partitions: int) -> None:
        self.rejected: list[RejectedRow] = []
        self._partitions = partitions
        self._links = _read_links(path / LINKS)
        self._tsl, self._rsl, self._time = _read_levels(path / LEVELS, len(self._links))
        self.entities, self.relations = inventory(self._links)
        self.num_entities = len(self.entities)

    def __iter__(self) -> Iterator[LogRecord]:
        encode = msgspec.json.Encoder().encode
        first = _when(int(self._time[0]))
        offsets = [0] * self._partitions
        for change in changes(self.entities, self.relations, first, SOURCE):
            value = encode(change)
            for partition in range(self._partitions):
                yield LogRecord(partition, offsets[partition], SOURCE, to_ms(first), TOPOLOGY, value)
                offsets[partition] += 1
        objects = [f"Link={link['link']}" for link in self._links]
        partition = partition_of(COLLECTOR, self._partitions)
        for minute, seconds in enumerate(self._time.tolist()):
            begin = _when(seconds)
            end = begin + _MINUTE
            report = Report(
                element=COLLECTOR,
                begin=begin,
                end=end,
                objects=objects,
                counters=COUNTERS,
                values=levels(self._tsl[:, :, minute], self._rsl[:, :, minute]),
                source=SOURCE,
            )
            yield LogRecord(partition, offsets[partition], COLLECTOR, to_ms(end), REPORT, encode(report))
            offsets[partition] += 1


def levels(tsl: NDArray[np.int16], rsl: NDArray[np.int16]) -> list[list[float | None]]:
    """One minute's values in the order of `COUNTERS`, `[num_links, 4]` [dBm], None where there is none.

    Args:
        tsl, rsl: `[2, num_links]` [0.1 dBm].
    """
    gone = ((tsl == NO_VALUE) | (tsl > MOST_SENT), (rsl == NO_VALUE) | (rsl < LEAST_RECEIVED))
    both = np.stack([tsl[0], rsl[0], tsl[1], rsl[1]], axis=1)
    missing = np.stack([gone[0][0], gone[1][0], gone[0][1], gone[1][1]], axis=1)
    out: list[list[float | None]] = (both / 10).tolist()
    for link, column in np.argwhere(missing).tolist():
        out[link][column] = None
    return out


def inventory(links: list[dict[str, Any]]) -> tuple[list[Entity], list[Relation]]:
    """Links, the sites they connect, and for each link the eight that are nearest by midpoint."""
    entities = [Entity(dn=REGION, kind="region"), Entity(dn=COLLECTOR, kind="element")]
    relations = [Relation(source=REGION, target=COLLECTOR, kind="contains")]
    sites: dict[tuple[float, float], str] = {}
    names = [f"{COLLECTOR},Link={link['link']}" for link in links]
    own = ("length_km", "frequency_1", "frequency_2", "polarization_1", "polarization_2")
    for name, link in zip(names, links, strict=True):
        entities.append(Entity(dn=name, kind="link", attributes={key: link[key] for key in own}))
        relations.append(Relation(source=COLLECTOR, target=name, kind="contains"))
        for end in "ab":
            place = link[f"site_{end}_latitude"], link[f"site_{end}_longitude"]
            if place not in sites:
                sites[place] = f"{REGION},Site={len(sites)}"
                where = {"latitude": place[0], "longitude": place[1]}
                entities.append(Entity(dn=sites[place], kind="site", attributes=dict(where)))
            relations.append(Relation(source=name, target=sites[place], kind="connects"))
    nearest = nearest_links(links)
    relations.extend(
        Relation(source=names[one], target=names[other], kind="neighbour")
        for one, others in enumerate(nearest.tolist())
        for other in others
    )
    return entities, relations


def nearest_links(links: list[dict[str, Any]]) -> NDArray[np.int64]:
    """Rows of the links whose midpoints are nearest to each, nearest first, `[num_links, NEIGHBOURS or fewer]`."""
    latitude, longitude = (
        np.array([(link[f"site_a_{which}"] + link[f"site_b_{which}"]) / 2 for link in links])
        for which in ("latitude", "longitude")
    )
    x, y = longitude * np.cos(np.radians(latitude.mean())) * KM_A_DEGREE, latitude * KM_A_DEGREE
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1, kind="stable")[:, : min(NEIGHBOURS, len(links) - 1)]


def _read_links(file: Path) -> list[dict[str, Any]]:
    try:
        with file.open(encoding="utf-8", newline="") as text:
            rows = list(csv.DictReader(text))
        links = [{key: row[key] for key in _TEXTS} | {key: float(row[key]) for key in _NUMBERS} for row in rows]
    except (OSError, KeyError, TypeError, ValueError, csv.Error) as error:
        raise ConfigurationError(f"{file} can't be read as a list of links: {error!r}") from error
    if not links or not all(np.isfinite(link[key]) for link in links for key in _NUMBERS):
        raise ConfigurationError(f"{file} has no link, or one with a number that is none")
    if len({link["link"] for link in links}) < len(links):
        raise ConfigurationError(f"{file} names a link twice")
    return links


def _read_levels(file: Path, num_links: int) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.int64]]:
    try:
        with file.open("rb") as body, np.load(body, allow_pickle=False) as arrays:
            tsl, rsl, time = (arrays[name] for name in ("tsl", "rsl", "time"))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{file} can't be read as levels of links: {error!r}") from error
    shape = (2, num_links, len(time))
    if tsl.shape != shape or rsl.shape != shape or tsl.dtype != np.int16 or rsl.dtype != np.int16 or not len(time):
        raise ConfigurationError(f"{file} holds levels {tsl.dtype}{tsl.shape}, not int16{shape} as its links say")
    if (np.diff(time) < 60).any() or not 0 <= int(time[0]) <= int(time[-1]) < 1 << 33:
        raise ConfigurationError(f"{file} has minutes that don't follow each other")
    return tsl, rsl, time


def _when(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
