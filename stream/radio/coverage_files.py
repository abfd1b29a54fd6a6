"""Where the antennas of a coverage map come from: a TOML or JSON file, or words on the command line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from twin.errors import ConfigurationError
from twin.radio.cells import CellRadio

POWER_DBM = 46.0
FIELDS = "x,y,z[,azimuth[,tilt[,power]]]"


class Transmitters(msgspec.Struct, forbid_unknown_fields=True):
    """A file of antennas; each has the fields of `CellRadio`."""

    transmitter: list[CellRadio]


def read(path: Path) -> list[CellRadio]:
    """The antennas that a file lists under `transmitter`.

    Raises:
        ConfigurationError: It can't be read, or says something else.
    """
    try:
        text = path.read_text()
        found: Any = tomllib.loads(text) if path.suffix == ".toml" else msgspec.json.decode(text)
        return msgspec.convert(found, Transmitters, strict=False).transmitter
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"the transmitters in {path} can't be read: {error}") from error


def parse(words: list[str]) -> list[CellRadio]:
    """Antennas as x,y,z[,azimuth[,tilt[,power]]] in m, degrees and dBm.

    Raises:
        ConfigurationError: One isn't of this form.
    """
    out = []
    for number, word in enumerate(words, 1):
        try:
            values = [float(part) for part in word.split(",")]
        except ValueError as error:
            raise ConfigurationError(f"an antenna is given as {FIELDS}, not as {word!r}") from error
        if not 3 <= len(values) <= 6:
            raise ConfigurationError(f"an antenna is given as {FIELDS}, not as {word!r}")
        x, y, z, azimuth, tilt, power = [*values, *(0.0, 0.0, POWER_DBM)[len(values) - 3 :]]
        out.append(
            CellRadio(dn=f"cell-{number}", position=(x, y, z), azimuth_deg=azimuth, tilt_deg=tilt, power_dbm=power)
        )
    return out
