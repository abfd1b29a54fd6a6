"""Radio maps: path gain of every cell over a grid, and where it is seen directly. They travel in the log."""

from __future__ import annotations

import msgspec


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
