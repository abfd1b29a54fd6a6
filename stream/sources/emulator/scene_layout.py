"""Where the cells of a scene stand: what the inventory declares, read from a TOML file."""

from __future__ import annotations

import tomllib
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stream.sources.emulator.plan import AREAS, SECTORS, Plan
from twin.errors import ConfigurationError
from twin.radio.antenna import Pattern
from twin.radio.cells import CellRadio

LAYOUTS = Path(__file__).parent / "layouts"
STREET_AREA = "business"


class _Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    position: tuple[float, float, float]
    azimuths: tuple[float, float, float]


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The declared network of one scene; three cells a site.

    Attributes:
        scene: Name of a built-in scene, or a Mitsuba XML file; a relative path counts from the layout's folder.
        power_dBm: Configured maximum power of the carrier.
        gain_dB: Of the array beside the element's pattern.
        slant_deg: Of the polarisation from vertical.
        area: Where users walk: west, south, east, north [m].
        spacing_m: Between the places they can stand at [m].
    """

    scene: str
    frequency_Hz: float  # noqa: N815 - as the inventory spells it
    power_dBm: float  # noqa: N815
    tilt_deg: float
    area: tuple[float, float, float, float]
    sites: list[_Site]
    num_prbs: int = 273
    spacing_m: float = 3.0
    pattern: Pattern = "tr38901"
    gain_dB: float = 0.0  # noqa: N815
    slant_deg: float = 0.0

    def plan(self) -> Plan:
        """The same as the emulator's parts need it."""
        count = len(self.sites)
        return Plan(
            x=np.array([site.position[0] for site in self.sites]),
            y=np.array([site.position[1] for site in self.sites]),
            region=np.zeros(count, dtype=np.int64),
            area=np.full(SECTORS * count, AREAS.index(STREET_AREA)),
            azimuth=np.array([a for site in self.sites for a in site.azimuths]),
            num_prbs=np.full(SECTORS * count, float(self.num_prbs)),
            power=np.full(SECTORS * count, self.power_dBm),
        )

    def cells(self) -> list[CellRadio]:
        """As they are declared, in the plan's order."""
        plan = self.plan()
        return [
            CellRadio(
                dn=plan.cell(cell),
                position=self.sites[cell // SECTORS].position,
                azimuth_deg=float(plan.azimuth[cell]),
                tilt_deg=self.tilt_deg,
                power_dbm=self.power_dBm,
                num_prbs=self.num_prbs,
                pattern=self.pattern,
                gain_db=self.gain_dB,
                slant_deg=self.slant_deg,
            )
            for cell in range(plan.num_cells)
        ]


def read_layout(name: str) -> Layout:
    """A layout that comes with the program, or of a TOML file.

    Raises:
        ConfigurationError: There is none, or it can't be read.
    """
    built_in = LAYOUTS / f"{name}.toml"
    path = built_in if built_in.exists() else Path(name)
    try:
        data: Any = tomllib.loads(path.read_text())
        layout = msgspec.convert(data, Layout)
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in LAYOUTS.glob("*.toml")))
        raise ConfigurationError(f"there is no layout {name!r} ({error}); built in: {known}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"the layout {path} can't be read: {error}") from error
    _check(layout, path)
    beside = path.parent / layout.scene
    return msgspec.structs.replace(layout, scene=str(beside.resolve())) if beside.is_file() else layout


def _check(layout: Layout, path: Path) -> None:
    west, south, east, north = layout.area
    for wrong, what in (
        (not layout.sites, "needs at least one site"),
        (layout.spacing_m <= 0, f"has a spacing_m of {layout.spacing_m:g}; it must be positive"),
        (layout.num_prbs < 1, f"has {layout.num_prbs} num_prbs; a carrier has at least 1"),
        (layout.frequency_Hz <= 0, f"has a frequency_Hz of {layout.frequency_Hz:g}; it must be positive"),
        (not (west < east and south < north), "has no room in its area; give west, south, east, north"),
        (not all(map(isfinite, _numbers(layout))), "has a number that is not finite"),
    ):
        if wrong:
            raise ConfigurationError(f"the layout {path} {what}")


def _numbers(layout: Layout) -> list[float]:
    of_sites = [x for site in layout.sites for x in (*site.position, *site.azimuths)]
    own = [layout.frequency_Hz, layout.power_dBm, layout.tilt_deg, layout.gain_dB, layout.slant_deg, layout.spacing_m]
    return [*own, *layout.area, *of_sites]
