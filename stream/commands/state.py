"""`lockstep state` and `lockstep topology`: the network as the twin knows it, now or at a past time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from stream.commands import topology as cli_topology

topology = typer.Typer(help="The network as the twin knows it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
At = Annotated[str | None, typer.Option(help="As of a past time of the network, such as 2026-03-01T12:00:00Z.")]


@topology.command("show")
def topology_show(
    path: Annotated[
        Path | None, typer.Argument(help="A recording or a profile's data; without it the running twin.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Name of a profile, or a TOML file.")] = None,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Show sites, elements and cells, now or as they were."""
    from stream.showing.results import show_topology

    show_topology(path, profile, at, as_json=as_json)


def state(
    dn: Annotated[str, typer.Argument(help="Distinguished name of an object.")],
    at: At = None,
    subtree: Annotated[bool, typer.Option("--subtree", help="Also of everything below it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what the twin knows of an object: last values, alarms, desired and reported, now or at a past time."""
    from stream.moments import moment
    from stream.showing.state import show_state
    from stream.state_at import state_of

    found = state_of(dn, moment(at), subtree=subtree)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        show_state(found)


topology.command("export")(cli_topology.export)
topology.command("diff")(cli_topology.diff)


@topology.command("reconcile")
def topology_reconcile(
    path: Annotated[Path, typer.Argument(help="JSON: all entities and relations of the scope.", exists=True)],
    scope: Annotated[str, typer.Option(help="Distinguished name: that object and all below it.")] = "",
    source: Annotated[str, typer.Option(help="Who declares it; without a scope: all that this source declares.")] = "",
    taken: Annotated[str | None, typer.Option(help="When it was true; by default when the file was written.")] = None,
    confirmed: Annotated[bool, typer.Option("--confirmed", help="It may remove most of the scope.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the file.")] = False,
) -> None:
    """Send a full inventory: the twin becomes what it lists, and tells on twin.updates what it changed or can't."""
    from stream.moments import moment
    from stream.send_inventory import read, send

    made = read(path, moment(taken), scope=scope, source=source, confirmed=confirmed)
    if not dry_run:
        send(made)
    listed = sum(len(part.entities) for part in made)
    typer.echo(f"{listed} objects in {len(made)} parts {'checked' if dry_run else 'sent'}, id {made[0].id}")
