"""`lockstep models` and `lockstep keeper`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

models = typer.Typer(help="Batch models: which there are, who speaks for what, and why.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, or one a line.")]
Model = Annotated[str, typer.Argument(help="Name, as `lockstep models list` shows it; its begin is enough.")]
Why = Annotated[str, typer.Option("--reason", help="Stands in the log, for whoever looks later.")]
Targets = Annotated[list[str] | None, typer.Option("--target", help="Only this target; several are possible.")]


@models.command("list")
def models_list(
    as_json: AsJson = False, all_: Annotated[bool, typer.Option("--all", help="Retired ones, too.")] = False
) -> None:
    """List versions: what they predict, how far they have come, how they stand against the champion."""
    from stream.registry.commands import list_models

    list_models(as_json=as_json, everything=all_)


@models.command("show")
def models_show(model: Model, as_json: AsJson = False) -> None:
    """Show one version: its training report, and each step of its life with its reason."""
    from stream.registry.commands import show_model

    show_model(model, as_json=as_json)


@models.command("promote")
def models_promote(model: Model, target: Targets = None, reason: Why = "") -> None:
    """Make a version that runs in shadow the champion, without waiting for the gate."""
    from stream.registry.commands import promote

    typer.echo(promote(model, target or [], reason))


@models.command("rollback")
def models_rollback(
    target: Annotated[str | None, typer.Argument(help="Whose champion gives way; by default all of them.")] = None,
    reason: Why = "",
) -> None:
    """Retire the champion: the one before takes over, or the online model alone."""
    from stream.registry.commands import roll_back

    typer.echo(roll_back(target, reason))


@models.command("retire")
def models_retire(model: Model, target: Targets = None, reason: Why = "") -> None:
    """Retire a version for good, whatever it is now."""
    from stream.registry.commands import retire

    typer.echo(retire(model, target or [], reason))


def keeper() -> None:
    """Run the keeper of models: promotes, refuses and rolls back by the gate, and starts trainings."""
    import logging

    from infra.settings import load
    from stream.registry.keeper import run_keeper

    settings = load()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.exit(run_keeper(settings))
