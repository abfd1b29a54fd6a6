"""`lockstep ingest`, `convert` and `formats`: files, as base stations and the systems beside them write them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from stream.ingesting import Intake

FormatOption = Annotated[str, typer.Option("--format", help="auto, or one that `lockstep formats` lists.")]
VendorOption = Annotated[
    list[str] | None,
    typer.Option("--vendor", help="Take this vendor's own counters, too, such as Ericsson; several are possible."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="What a format needs to know, NAME=VALUE; see `lockstep formats`."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
PathArgument = Annotated[Path, typer.Argument(help="A file, or a directory with files; gzip'd or not.", exists=True)]


def ingest(
    path: PathArgument,
    format: FormatOption = "auto",
    vendor: VendorOption = None,
    option: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send files to the running twin; ends with 1 if one could not be read."""
    from infra.settings import load
    from stream.broker import Producer
    from stream.ingesting import send
    from stream.security import kafka_security
    from stream.services import running

    settings = load()

    async def run(intake: Intake, on_bytes: Callable[[int], None]) -> None:
        services = running(settings)
        producer = Producer(
            services.bootstrap, kafka_security(settings), settings.max_message_bytes, settings.compression
        )
        await producer.start()
        try:
            await send(intake.events(on_bytes), producer, settings.topic_prefix, services.partitions)
        finally:
            await producer.stop()

    with _intake(path, format, vendor, option, quiet=as_json) as (intake, on_bytes):
        asyncio.run(run(intake, on_bytes))
    _end(intake, as_json)


def convert(
    path: PathArgument,
    out: Annotated[Path, typer.Argument(help="Where to write the recording (.jsonl.gz).")],
    format: FormatOption = "auto",
    vendor: VendorOption = None,
    option: SetOption = None,
    partitions: Annotated[int, typer.Option(help="Of the recording.")] = 4,
    as_json: JsonOption = False,
) -> None:
    """Make a recording of files; ends with 1 if one could not be read."""
    from stream import recording
    from stream.ingesting import as_records

    with _intake(path, format, vendor, option, quiet=as_json, protect=True) as (intake, on_bytes):
        recording.write(out, partitions, as_records(intake.events(on_bytes), partitions))
    _end(intake, as_json)


def formats() -> None:
    """List the formats of files that are read, and what can be set for them."""
    from rich.console import Console
    from rich.table import Table

    from stream.sources.files import FORMATS

    table = Table("format", "what it is", "--set")
    for name, entry in FORMATS.items():
        table.add_row(name, entry.what, "\n".join(f"{option}: {what}" for option, what in entry.options.items()))
    Console().print(table)


@contextmanager
def _intake(
    path: Path,
    format: str,
    vendors: list[str] | None,
    options: list[str] | None,
    *,
    quiet: bool,
    protect: bool = False,
) -> Iterator[tuple[Intake, Callable[[int], None]]]:
    """What goes through the files, and what to tell how far it is.

    Args:
        protect: Replace identifiers of subscribers here; else whoever takes what is sent does.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    from infra.settings import load
    from stream.guarding import pseudonyms
    from stream.ingesting import Intake
    from stream.sources.files import FORMATS, found
    from stream.sources.profile import full_catalogue
    from twin.errors import ConfigurationError

    if format not in ("auto", *FORMATS):
        raise ConfigurationError(f"unknown format {format!r}; known are auto, {', '.join(FORMATS)}")
    told = _options(options or [])
    files = found(path)
    settings = load()
    catalogue = full_catalogue(settings.profiles, dict.fromkeys([*settings.vendors, *(vendors or [])]))
    intake = Intake(files, catalogue, format, told, pseudonyms(settings) if protect else None)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("", total=sum(file.stat().st_size for file in files))
        yield intake, lambda done: bar.update(task, completed=done)


def _options(pairs: list[str]) -> dict[str, str]:
    from stream.sources.files import FORMATS
    from twin.errors import ConfigurationError

    known = sorted({name for entry in FORMATS.values() for name in entry.options})
    options: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            raise ConfigurationError(f"--set {pair!r} is no NAME=VALUE of a format; see `lockstep formats`")
        options[name] = value
    return options


def _end(intake: Intake, as_json: bool) -> None:
    result = intake.result()
    if as_json:
        print(json.dumps(result))  # noqa: T201 - what was asked for
    else:
        from stream.show_intake import show_intake

        show_intake(result)
    sys.exit(1 if result["rejected"] else 0)
