"""`lockstep burst-worker` and `lockstep bursts`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

bursts = typer.Typer(help="Simulation bursts: what was asked for and what became of it.")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


@bursts.callback(invoke_without_command=True)
def bursts_list(
    context: typer.Context,
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C, with a bar for each.")] = False,
    open_only: Annotated[bool, typer.Option("--open", help="Only those without an answer.")] = False,
) -> None:
    """List bursts: why, how far, what came of them; or cancel one."""
    if context.invoked_subcommand is None:
        from stream.burst.commands import list_bursts

        list_bursts(as_json=as_json, follow=follow, open_only=open_only)


@bursts.command("cancel")
def bursts_cancel(request: Annotated[str, typer.Argument(help="Id, as `lockstep bursts` shows it.")]) -> None:
    """Stop a burst; its answer is `cancelled`, and the twin stays as it is."""
    from stream.burst.commands import cancel

    typer.echo(cancel(request))


def burst_worker(
    job: Annotated[str, typer.Option(hidden=True, help="module:function that computes, for tests.")] = "",
) -> None:
    """Run a burst worker: requests in, calibrations out, each computed in a process of its own."""
    import logging

    from infra.settings import load
    from stream.burst.child import JOB
    from stream.burst.services import run_burst_worker

    settings = load()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sys.exit(run_burst_worker(settings, job or JOB))
