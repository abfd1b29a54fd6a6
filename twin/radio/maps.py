"""Radio maps: path gain of every cell over a grid, and where it is seen directly. They travel in the log."""

from __future__ import annotations

import zlib
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import BadInput

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

NOTHING = -32768
"""A packed gain that stands for: nothing arrives."""
MOST_VALUES = 20_000_000
"""Cells x squares that a map may have."""
LEVEL = 6
"""Of the compression."""


class RadioMap(msgspec.Struct, frozen=True, kw_only=True):
    """Expected gain of cells over an even grid; what is between two points is interpolated.

    Attributes:
        cells: Distinguished names, `[num_cells]`.
        origin: Middle of the south-western square [m].
        step: Side of a square [m].
        shape: Rows to the north, columns to the east.
        height: Of the receivers above the scene's zero [m].
        gain: Path gain with antenna pattern and every calibrated offset, without the configured power, little-endian
            int16 in 0.01 dB `[num_cells, rows, columns]`, zlib; -32768 where nothing arrives.
        sight: 1 where the antenna is seen directly, uint8 `[num_cells, rows, columns]`, zlib.
        error_db: Standard deviation of what is measured around it, with and without line of sight [dB].
        version: Of the parameters that it was made with.
        scene: Name and version of the scene.
    """

    cells: list[str]
    origin: tuple[float, float]
    step: float
    shape: tuple[int, int]
    height: float
    gain: bytes
    sight: bytes
    error_db: tuple[float, float]
    version: int = 0
    scene: str = ""


class MapArrays(NamedTuple):
    """A map's contents, not to be written to.

    Attributes:
        gain: Path gain [dB], NaN where nothing arrives, `[num_cells, rows, columns]`.
        sight: Whether the antenna is seen directly, `[num_cells, rows, columns]`.
    """

    gain: Floats32
    sight: Bools


def pack(
    cells: list[str],
    origin: tuple[float, float],
    step: float,
    height: float,
    gain: NDArray[np.floating[Any]],
    sight: Bools,
    error_db: tuple[float, float],
    version: int = 0,
    scene: str = "",
) -> RadioMap:
    """A map from its arrays; gains are rounded to 0.01 dB.

    Args:
        gain: [dB], NaN where nothing arrives, `[num_cells, rows, columns]`.
        sight: `[num_cells, rows, columns]`.
    """
    hundredths = np.clip(np.round(np.asarray(gain, np.float64) * 100), NOTHING + 1, -NOTHING - 1)
    packed = np.where(np.isnan(gain), NOTHING, np.nan_to_num(hundredths)).astype("<i2")
    return RadioMap(
        cells=cells,
        origin=origin,
        step=step,
        shape=(gain.shape[1], gain.shape[2]),
        height=height,
        gain=zlib.compress(packed.tobytes(), LEVEL),
        sight=zlib.compress(np.asarray(sight, np.uint8).tobytes(), LEVEL),
        error_db=error_db,
        version=version,
        scene=scene,
    )


def unpack(radio_map: RadioMap) -> MapArrays:
    """The arrays of a map; the last few maps' are kept.

    Raises:
        BadInput: The map's sizes are absurd, or its bytes are not what they say.
    """
    rows, columns = radio_map.shape
    check(radio_map)
    return _decoded(radio_map.gain, radio_map.sight, len(radio_map.cells), rows, columns)


def check(radio_map: RadioMap) -> None:
    """Whether sizes and places make sense; nothing is decompressed for that.

    Raises:
        BadInput: They don't.
    """
    (rows, columns), cells = radio_map.shape, len(radio_map.cells)
    numbers = [*radio_map.origin, radio_map.step, radio_map.height, *radio_map.error_db]
    if not all(map(isfinite, numbers)) or radio_map.step <= 0 or min(radio_map.error_db) < 0:
        raise BadInput("out-of-range", f"a radio map's place, step or error makes no sense: {numbers}")
    if not cells or rows < 1 or columns < 1:
        raise BadInput("shape", f"a radio map of {cells} cells, {rows} x {columns} squares is empty")
    if cells * rows * columns > MOST_VALUES:
        raise BadInput(
            "too-large", f"a radio map of {cells} cells, {rows} x {columns} squares has more than {MOST_VALUES} values"
        )


@lru_cache(maxsize=8)
def _decoded(gain: bytes, sight: bytes, cells: int, rows: int, columns: int) -> MapArrays:
    shape = (cells, rows, columns)
    packed = np.frombuffer(_inflated(gain, 2 * cells * rows * columns), dtype="<i2").reshape(shape)
    level = np.where(packed == NOTHING, np.float32(np.nan), packed * np.float32(0.01))
    seen = np.frombuffer(_inflated(sight, cells * rows * columns), dtype=np.uint8).reshape(shape) != 0
    level.flags.writeable = seen.flags.writeable = False
    return MapArrays(level, seen)


def _inflated(data: bytes, size: int) -> bytes:
    """What was compressed; never more than `size` bytes of it are made."""
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(data, size + 1)
    except zlib.error as error:
        raise BadInput("shape", f"a radio map can't be decompressed: {error}") from error
    if len(out) != size or not stream.eof or stream.unused_data:
        raise BadInput("shape", f"a radio map holds other than the {size} bytes that its cells and squares make")
    return out


def gain_at(radio_map: RadioMap, positions: ArrayLike) -> Floats:
    """Path gain at places, bilinear in dB, `[num_positions, num_cells]` [dB]; NaN: nothing arrives, or off the map.

    A place is in the square around the nearest point of the grid: where nothing arrives there, nothing arrives. Other
    neighbours where nothing arrives are left out of the mean.

    Args:
        positions: `[num_positions, 3]` (or 2) [m]; the height is the map's own.
    """
    gain = unpack(radio_map).gain
    nearest, inside, at = _squares(radio_map, positions)
    low = np.floor(at).astype(np.int64)
    total, weights = np.zeros((gain.shape[0], len(at))), np.zeros((gain.shape[0], len(at)))
    for up in (0, 1):
        for right in (0, 1):
            corner = low + np.array([right, up])
            share = np.prod(1 - np.abs(at - corner), axis=1)
            column, row = np.clip(corner, 0, (gain.shape[2] - 1, gain.shape[1] - 1)).T
            value = gain[:, row, column]
            weight = np.where(np.isnan(value), 0.0, share)
            total += weight * np.nan_to_num(value)
            weights += weight
    nothing = np.isnan(gain[:, nearest[:, 1], nearest[:, 0]]) | ~inside
    out = np.divide(total, weights, out=np.full_like(total, np.nan), where=~nothing & (weights > 0))
    return np.ascontiguousarray(out.T)


def sight_at(radio_map: RadioMap, positions: ArrayLike) -> Bools:
    """Whether the antennas are seen directly from places, `[num_positions, num_cells]`; off the map: no."""
    seen = unpack(radio_map).sight
    nearest, inside, _ = _squares(radio_map, positions)
    return np.asarray((seen[:, nearest[:, 1], nearest[:, 0]] & inside).T)


def _squares(radio_map: RadioMap, positions: ArrayLike) -> tuple[NDArray[np.int64], Bools, Floats]:
    """Nearest grid points as (column, row), whether the place is on the map, and places in steps from the origin."""
    place = np.asarray(positions, dtype=np.float64).reshape(len(np.asarray(positions)), -1)[:, :2]
    at = (place - radio_map.origin) / radio_map.step
    most = np.array(radio_map.shape[::-1]) - 1
    with np.errstate(invalid="ignore"):
        inside = np.asarray(((at >= -0.5) & (at <= most + 0.5)).all(axis=1))
    at = np.where(inside[:, None], at, 0.0)
    return np.clip(np.round(at), 0, most).astype(np.int64), inside, at
