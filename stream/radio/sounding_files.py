"""Soundings from and to files: CSV with a row a value, or JSON lines of `Sounding` events."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path

import msgspec

from stream.decode import to_ms
from twin.errors import BadInput, ConfigurationError
from twin.radio import soundings
from twin.radio.events import Sounding, SoundingTable
from twin.radio.synthetic import Synthetic

COLUMNS = ("x", "y", "z", "cell", "rsrp_dbm")
"""In metres and dBm; a column `time` (RFC 3339) may be beside them."""

Key = tuple[int, float, float, float]


def read(path: Path) -> SoundingTable:
    """All soundings of a file, oldest first.

    Raises:
        ConfigurationError: It can't be read, or a line of it is no sounding; the line is named.
    """
    try:
        with path.open(newline="") as lines:
            values = _of_csv(lines) if path.suffix == ".csv" else _of_events(lines)
            found: dict[Key, dict[str, float]] = {}
            for key, cell, power in values:
                found.setdefault(key, {})[cell] = power
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the soundings {path} can't be read: {error}") from error
    except BadInput as error:
        raise ConfigurationError(f"{path}: {error.detail}") from error
    if not found:
        raise ConfigurationError(f"there is no sounding in {path}")
    cells = sorted({cell for row in found.values() for cell in row})
    order = sorted(found)
    return SoundingTable(
        time=[key[0] for key in order],
        positions=[key[1:] for key in order],
        cells=cells,
        rsrp=[[found[key].get(cell) for cell in cells] for key in order],
    )


def _of_csv(lines: Iterable[str]) -> Iterator[tuple[Key, str, float]]:
    rows = csv.DictReader(lines)
    missing = set(COLUMNS) - set(rows.fieldnames or ())
    if missing:
        raise BadInput("shape", f"columns {', '.join(sorted(missing))} are missing; needed: {', '.join(COLUMNS)}")
    for row in rows:
        try:
            x, y, z, power = (float(row[name]) for name in ("x", "y", "z", "rsrp_dbm"))
            moment = row.get("time")
            time = to_ms(datetime.fromisoformat(moment).astimezone(UTC)) if moment else 0
        except (TypeError, ValueError) as error:
            raise BadInput("wrong-type", f"line {rows.line_num} is no sounding: {error}") from error
        if not all(map(isfinite, (x, y, z, power))) or not row["cell"]:
            raise BadInput("out-of-range", f"line {rows.line_num} has a number that is not finite, or no cell")
        yield (time, x, y, z), row["cell"], power


def _of_events(lines: Iterable[str]) -> Iterator[tuple[Key, str, float]]:
    decoder = msgspec.json.Decoder(Sounding)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            event = decoder.decode(line)
            soundings.check(event)
        except msgspec.DecodeError as error:
            raise BadInput("malformed", f"line {number} is no sounding: {error}") from error
        except BadInput as error:
            raise BadInput(error.reason, f"line {number}: {error.detail}") from error
        for place, row in zip(event.positions, event.rsrp, strict=True):
            for cell, power in zip(event.cells, row, strict=True):
                if power is not None:
                    yield (to_ms(event.time), *place), cell, power


def synthetic_rows(made: Synthetic, table: SoundingTable, cells: list[str]) -> Iterator[str]:
    """Synthetic soundings as CSV: origin, version of the posterior and number of the twin beside each value."""
    yield "origin,version,draw,x,y,z,cell,rsrp_dbm"
    for draw, rows in enumerate(made.rsrp.round(3).tolist()):
        for place, row in zip(table.positions, rows, strict=True):
            for cell, power in zip(cells, row, strict=True):
                if power == power:  # NaN: nothing arrives
                    x, y, z = place
                    yield f'synthetic,{made.version},{draw},{x:g},{y:g},{z:g},"{cell}",{power:g}'
