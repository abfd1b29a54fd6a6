"""`lockstep calibrate`: what soundings say of antennas and walls, without a running twin."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from twin.radio.cells import CellRadio
    from twin.radio.events import BurstRequest, BurstResult, SoundingTable
    from twin.radio.posterior import Posterior


def calibrate(
    scene: Annotated[str, typer.Argument(help="Name of a built-in scene, or a Mitsuba XML file.")],
    soundings: Annotated[
        Path, typer.Argument(help="CSV (x, y, z, cell, rsrp_dbm, perhaps time), or JSON lines of Sounding events.")
    ],
    transmitters: Annotated[
        Path, typer.Option(help="TOML or JSON file, a list `transmitter` with the fields of CellRadio.")
    ],
    frequency: Annotated[float, typer.Option(help="Carrier [GHz].")] = 3.5,
    begin: Annotated[
        Path | None, typer.Option("--from", help="A posterior to begin with, as --out writes it: only what changed.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the posterior (JSON).")] = None,
    synthetic: Annotated[
        Path | None, typer.Option(help="Where to write synthetic soundings of twins drawn from the posterior (CSV).")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="How many twins.")] = 20,
    device: Annotated[
        str | None, typer.Option(envvar="LOCKSTEP_RADIO_DEVICE", help="llvm or cuda; without it the first that works.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Calibrate powers, poses and walls to soundings; say how sure that makes, and what it is worth on others."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress, TimeElapsedColumn

    from stream.radio.coverage_files import read
    from stream.radio.sounding_files import read as read_soundings
    from twin.errors import ConfigurationError
    from twin.radio.burst import run_burst

    request = _request(scene, read(transmitters), read_soundings(soundings), frequency * 1e9, _begin(begin))
    console = Console(stderr=True)
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("open", total=100.0)
        result = run_burst(request, lambda stage, done: bar.update(task, description=stage, completed=done), device)
    if result.posterior is None:
        raise ConfigurationError(f"{soundings}: {result.reason}")
    if out:
        out.write_bytes(msgspec.json.encode(result.posterior))
    if synthetic:
        _synthesise(request, result.posterior, synthetic, draws, device)
    if as_json:
        shown: dict[str, object] = {"finding": result.finding, "reason": result.reason, "device": result.device}
        shown |= {"posterior": result.posterior, "before": result.before, "after": result.after}
        sys.stdout.write(msgspec.json.encode(shown).decode() + "\n")
    else:
        _show(result, request)


def _begin(path: Path | None) -> Posterior | None:
    import msgspec

    from twin.errors import ConfigurationError
    from twin.radio.posterior import Posterior

    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Posterior)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f"the posterior {path} can't be read: {error}") from error


def _request(
    scene: str, cells: list[CellRadio], table: SoundingTable, frequency: float, begin: Posterior | None
) -> BurstRequest:
    from twin.radio.events import BurstRequest

    oldest = datetime.fromtimestamp(min(table.time) / 1000, UTC)
    return BurstRequest(
        id="calibrate",
        time=oldest,
        partition=0,
        region="",
        scene=scene,
        frequency=frequency,
        reason="asked",
        area=(0.0, 0.0, 0.0, 0.0),
        cells=cells,
        touched=[cell.dn for cell in cells],
        soundings=table,
        since=oldest,
        base_version=begin.version if begin else 0,
        posterior=begin,
    )


def _synthesise(request: BurstRequest, posterior: Posterior, path: Path, draws: int, device: str | None) -> None:
    import numpy as np

    from stream.radio.sounding_files import synthetic_rows
    from twin.radio.burst import model_of
    from twin.radio.scene import open_scene
    from twin.radio.synthetic import synthesise

    table = request.soundings
    scene = open_scene(request.scene, request.frequency, device)
    model = model_of(request, scene, np.array(table.positions, dtype=np.float64))
    made = synthesise(model.links, posterior, np.random.default_rng(posterior.version), draws)
    names = [cell.dn for cell in request.cells]
    path.write_text("".join(line + "\n" for line in synthetic_rows(made, table, names)))


def _show(result: BurstResult, request: BurstRequest) -> None:
    from rich.console import Console
    from rich.table import Table

    from twin.radio.posterior import interval

    assert result.posterior is not None
    before = dict(zip(request.posterior.names, request.posterior.mean, strict=True)) if request.posterior else {}
    table = Table(title=f"{result.finding}: {result.reason}", title_justify="left")
    for column in ("parameter", "before", "now", "90 % between", "and"):
        table.add_column(column, justify="left" if column == "parameter" else "right")
    for name, mean, (low, high) in zip(
        result.posterior.names, result.posterior.mean, interval(result.posterior).tolist(), strict=True
    ):
        was = f"{before[name]:.2f}" if name in before else "-"
        table.add_row(name, was, f"{mean:.2f}", f"{low:.2f}", f"{high:.2f}")
    console = Console()
    console.print(table)
    for word, found in (("before", result.before), ("after", result.after)):
        if found:
            console.print(
                f"{word}: median error {found.median_db:.2f} dB on {found.num_soundings} soundings held out, "
                f"log score {found.log_score:.2f}"
            )
