"""`lockstep topology export` and `lockstep topology diff`."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Form(StrEnum):
    """What a topology can be exported as."""

    rfc8345 = "rfc8345"
    geojson = "geojson"
    graphml = "graphml"


Scope = Annotated[str, typer.Option(help="Name that the objects of a file with names of its own are put below.")]


def export(
    format: Annotated[Form, typer.Option("--format", help="For other tools: networks, a map, or a graph.")],
    what: Annotated[str, typer.Argument(help="A file or a recording; without it the running twin.")] = "live",
    at: Annotated[str | None, typer.Option(help="As of a past time of the network, such as 2026-03-01T12:00Z.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write it; without it the standard output.")] = None,
    scope: Scope = "",
) -> None:
    """Write a topology as RFC 8345 networks, as GeoJSON or as GraphML."""
    from stream.exports import geojson, graphml, rfc8345
    from stream.topology_of import LIVE, topology_of
    from twin.errors import ConfigurationError

    if at is not None and what != LIVE:
        raise ConfigurationError("--at asks the running twin: give no file with it")
    found = topology_of(at or what, scope=scope)
    data = {"rfc8345": rfc8345.write, "geojson": geojson.write, "graphml": graphml.write}[format.value](found)
    if out is None:
        sys.stdout.buffer.write(data)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise ConfigurationError(f"can't write {out}: {error.strerror}") from error
    typer.echo(f"{len(found.entities)} objects and {len(found.relations)} relations written to {out}")


def diff(
    before: Annotated[str, typer.Argument(help="A file, a recording, `live`, or a time of the running twin.")],
    after: Annotated[str, typer.Argument(help="The same.")],
    scope: Scope = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what differs between two topologies: added, removed, changed, old and new; ends with 1 if any."""
    from stream.showing.topology_diff import show_diff
    from stream.topology_of import topology_of
    from twin import topology_diff

    found = topology_diff.diff(topology_of(before, scope=scope), topology_of(after, scope=scope))
    if as_json:
        typer.echo(json.dumps(found.to_dict()))
    else:
        show_diff(found)
    sys.exit(1 if found else 0)
