"""`lockstep coverage`: what antennas in a scene cover, as a picture and a table."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def coverage(
    scene: Annotated[str, typer.Argument(help="Name of a built-in scene, or a Mitsuba XML file.")],
    transmitters: Annotated[
        Path | None, typer.Option(help="TOML or JSON file, a list `transmitter` with the fields of CellRadio.")
    ] = None,
    at: Annotated[
        list[str] | None, typer.Option(help="An antenna as x,y,z[,azimuth[,tilt[,power]]]; several are possible.")
    ] = None,
    frequency: Annotated[float, typer.Option(help="Carrier [GHz].")] = 3.5,
    step: Annotated[float, typer.Option(help="Side of a square [m].")] = 5.0,
    height: Annotated[float, typer.Option(help="Of the receivers [m].")] = 1.5,
    area: Annotated[str | None, typer.Option(help="West,south,east,north [m]; without it the whole scene.")] = None,
    depth: Annotated[int, typer.Option(help="Most walls that a path meets.")] = 3,
    samples: Annotated[int, typer.Option(help="Rays an antenna.")] = 100_000,
    refraction: Annotated[bool, typer.Option("--refraction", help="Also through walls.")] = False,
    device: Annotated[
        str | None, typer.Option(envvar="LOCKSTEP_RADIO_DEVICE", help="llvm or cuda; without it the first that works.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Files to write, without ending.")] = None,
) -> None:
    """Trace a coverage map of a scene; write it as PNG and CSV."""
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    from stream.radio.coverage_files import parse, read
    from twin.errors import ConfigurationError
    from twin.radio.coverage import picture, rows
    from twin.radio.grid import trace_grid
    from twin.radio.scene import open_scene

    cells = [*(read(transmitters) if transmitters else []), *parse(at or [])]
    if not cells:
        raise ConfigurationError("there is no antenna; give --transmitters FILE or --at x,y,z,azimuth,tilt")
    bounds = _four(area) if area else None
    console = Console(stderr=True)
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task(f"load {scene}", total=1.0)
        opened = open_scene(scene, frequency * 1e9, device)
        bar.update(task, description=f"trace {opened.name} on {opened.device}")
        grid = trace_grid(
            opened,
            cells,
            step=step,
            height=height,
            area=bounds,
            max_depth=depth,
            samples=samples,
            refraction=refraction,
            report=lambda share: bar.update(task, completed=share),
        )
        radio_map = grid.map(opened.materials())
    stem = out or Path(f"coverage-{opened.name}")
    for ending, content in (
        (".png", picture(radio_map, cells, opened)),
        (".csv", "".join(line + "\n" for line in rows(radio_map, cells)).encode()),
    ):
        path = stem.with_name(stem.name + ending)
        path.write_bytes(content)
        sys.stdout.write(f"{path}\n")


def _four(text: str) -> tuple[float, float, float, float]:
    from twin.errors import ConfigurationError

    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigurationError(f"an area is given as west,south,east,north, not as {text!r}") from error
    return west, south, east, north
