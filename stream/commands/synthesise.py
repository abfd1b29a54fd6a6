"""`lockstep synthesise`."""

from __future__ import annotations

from typing import Annotated

import typer


def synthesise(
    run: Annotated[str, typer.Option(help="Name of the run; by default made of seed and time.")] = "",
    sites: Annotated[int, typer.Option(min=1, help="Base stations, of three cells each.")] = 20,
    days: Annotated[float, typer.Option(min=0.1, help="Of the twin's time, up to the newest row.")] = 28,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    granularity: Annotated[int, typer.Option(min=60, help="Length of a period [s]; that of the history.")] = 900,
    faster: Annotated[
        float, typer.Option(min=0, help="How many times as fast as real equipment it ages; 0: nothing fails.")
    ] = 20,
    list_: Annotated[bool, typer.Option("--list", help="Show the runs there are.")] = False,
    forget: Annotated[str, typer.Option(help="Delete a run and its rows.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a run.")] = False,
) -> None:
    """Let a twin run, and keep its rows to train from; the history never shows them."""
    from stream.training.synthesising import forget_run, list_runs, run_synthesis

    if list_:
        list_runs(as_json=as_json)
    elif forget:
        forget_run(forget)
    else:
        run_synthesis(
            run=run, sites=sites, days=days, seed=seed, granularity_s=granularity, faster=faster, as_json=as_json
        )
