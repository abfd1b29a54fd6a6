"""`lockstep ingest`, `convert` and `formats`: files, as base stations and the systems beside them write them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

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
SourceArgument = Annotated[str, typer.Argument(help="A file or a directory, gzip'd or not; or an http(s) address.")]


class Asked(NamedTuple):
    """What the user says of the files.

    Attributes:
        protect: Replace identifiers of subscribers here; else whoever takes what is sent does.
    """

    format: str
    vendors: list[str] | None
    options: list[str] | None
    protect: bool = False

    def intake(self, files: list[Path]) -> Intake:
        """What goes through the files. Raises ConfigurationError."""
        from infra.settings import load
        from stream.guarding import pseudonyms
        from stream.ingesting import Intake
        from stream.sources.files import FORMATS
        from stream.sources.profile import full_catalogue
        from twin.errors import ConfigurationError

        if self.format not in ("auto", *FORMATS):
            raise ConfigurationError(f"unknown format {self.format!r}; known are auto, {', '.join(FORMATS)}")
        options = _options(self.options or [])
        settings = load()
        catalogue = full_catalogue(settings.profiles, dict.fromkeys([*settings.vendors, *(self.vendors or [])]))
        return Intake(files, catalogue, self.format, options, pseudonyms(settings) if self.protect else None)


def ingest(
    source: SourceArgument,
    format: FormatOption = "auto",
    vendor: VendorOption = None,
    option: SetOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on with what comes into the directory.")] = False,
    settle: Annotated[
        float, typer.Option(min=0.0, help="With --watch: a file is whole when it stays as it is for so long [s].")
    ] = 2.0,
    as_json: JsonOption = False,
) -> None:
    """Send files to the running twin, from here or from an address; ends with 1 if one could not be read."""
    from stream.fetching import is_address
    from stream.sources.files import found
    from twin.errors import ConfigurationError

    asked = Asked(format, vendor, option)
    address = is_address(source)
    if not address and not Path(source).exists():
        raise ConfigurationError(f"there is no file at {source}")
    if watch:
        from stream.commands.watch import watch_folder

        if address or not Path(source).is_dir():
            raise ConfigurationError(f"--watch needs a directory, and {source} is none")
        asyncio.run(watch_folder(Path(source), asked, settle, as_json))
        return
    if address:
        intake = asyncio.run(_from_address(source, asked, quiet=as_json))
    else:
        files = found(Path(source))
        intake = asked.intake(files)
        with _progress(sum(file.stat().st_size for file in files), intake, quiet=as_json) as on_bytes:
            asyncio.run(_send(intake, on_bytes))
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
    from stream.sources.files import found

    files = found(path)
    intake = Asked(format, vendor, option, protect=True).intake(files)
    with _progress(sum(file.stat().st_size for file in files), intake, quiet=as_json) as on_bytes:
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


async def _from_address(address: str, asked: Asked, *, quiet: bool) -> Intake:
    from stream.fetching import fetched

    with _progress(None, None, quiet=quiet) as on_bytes:
        async with fetched(address, lambda done, _: on_bytes(done)) as path:
            intake = asked.intake([path])
            await _send(intake, lambda _: None)
    return intake


async def _send(intake: Intake, on_bytes: Callable[[int], None]) -> None:
    from infra.settings import load
    from stream.broker import Producer
    from stream.engine.security import kafka_security
    from stream.ingesting import send
    from stream.services import running

    settings = load()
    services = running(settings)
    producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes, settings.compression)
    await producer.start()
    try:
        await send(intake.events(on_bytes), producer, settings.topic_prefix, services.partitions)
    finally:
        await producer.stop()


@contextmanager
def _progress(total: int | None, intake: Intake | None, *, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar with the file that is being read, and what to tell how far it is [byte]."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("fetching" if intake is None else "reading", total=total)

        def on_bytes(done: int) -> None:
            bar.update(task, completed=done, description=intake.where() if intake is not None else None)

        yield on_bytes


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
        from stream.showing.intake import show_intake

        show_intake(result)
    sys.exit(1 if result["rejected"] else 0)
