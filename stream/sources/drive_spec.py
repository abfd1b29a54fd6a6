"""What a profile of drive tests may say: the shape of its TOML file, and where such files are found.

`drives/ucc-5g.toml` is a worked example. Unknown keys are errors.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

from stream.sources.geodetic import Origin
from stream.sources.stamps import zone
from twin import dn
from twin.errors import BadInput, ConfigurationError

_FOLDER: Final = Path(__file__).parent / "drives"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class TimeColumn(_Strict, frozen=True, kw_only=True):
    """The stamp of a row.

    Attributes:
        format: As for `strptime`, or `iso`.
        zone: Of stamps that carry none, e.g. `Europe/Dublin`; without it such rows are left out.
    """

    column: str
    format: str = "iso"
    zone: str = ""


class PositionColumns(_Strict, frozen=True, kw_only=True):
    """Where it was heard: columns in degrees (WGS 84), and the height above the scene's ground [m]."""

    latitude: str
    longitude: str
    height_m: float = 1.5


class CellColumns(_Strict, frozen=True, kw_only=True):
    """Which cell a row is about.

    Attributes:
        name: Its distinguished name, a template; `{file}` is the file's name without ending.
        names: Instead, for cells that the inventory calls otherwise: the name by what the template makes.
        whole: Columns of whole numbers, however they are written (`97.0`).
        mode, modes: The column that says what kind of cell it is, and those whose power is an RSRP; empty: all.
    """

    name: str
    names: dict[str, str] = {}
    whole: list[str] = []
    mode: str = ""
    modes: list[str] = []


class ValueColumns(_Strict, frozen=True, kw_only=True):
    """What was heard: columns in dBm and dB; empty: there is none."""

    rsrp: str
    rsrq: str = ""
    sinr: str = ""


class Drive(_Strict, frozen=True, kw_only=True):
    """A declared form of drive tests.

    Attributes:
        element: Distinguished name of whose measurement it is, a template; its SubNetwork decides on the region.
        missing: Texts that stand for "no value".
        origin: Of the scene; without it `--set origin=` must say it.
        group_s: Rows of so many seconds become one sounding [s].
    """

    name: str
    description: str = ""
    element: str
    separator: str = ","
    missing: tuple[str, ...] = ("",)
    time: TimeColumn
    position: PositionColumns
    origin: Origin | None = None
    cell: CellColumns
    value: ValueColumns
    group_s: int = 60

    @property
    def columns(self) -> list[str]:
        """Columns that a file must have."""
        said = [self.time.column, self.position.latitude, self.position.longitude, self.cell.mode]
        return [name for name in (*said, *self.cell.whole, self.value.rsrp, self.value.rsrq, self.value.sinr) if name]


def find(name: str) -> Drive:
    """A profile by the name of a built-in one, or by the path of its file.

    Raises:
        ConfigurationError: There is none, or it can't be used.
    """
    known = built_in()
    if name in known:
        return known[name]
    path = Path(name)
    if not path.is_file():
        raise ConfigurationError(f"there is no drive profile {name!r}; give a TOML file or one of {', '.join(known)}")
    return read(path)


@cache
def built_in() -> dict[str, Drive]:
    """Profiles that come with Lockstep, by name."""
    return {path.stem: read(path) for path in sorted(_FOLDER.glob("*.toml"))}


def read(path: Path) -> Drive:
    """Read a profile. Raises ConfigurationError."""
    try:
        drive = msgspec.toml.decode(path.read_bytes(), type=Drive)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the drive profile {path} can't be read: {error}") from error
    zone(drive.time.zone)
    if len(drive.separator) != 1 or drive.group_s < 1:
        raise ConfigurationError(f"{path}: separator is one character, and group_s at least 1")
    for declared in drive.cell.names.values():
        try:
            dn.check(declared)
        except BadInput as error:
            raise ConfigurationError(f"{path}: {error.detail}") from error
    return drive
