"""`lockstep train`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Origin(StrEnum):
    """Of rows to learn from."""

    REAL = "real"
    SYNTHETIC = "synthetic"
    BOTH = "both"


class Context(StrEnum):
    """Of cells."""

    CLASS = "class"
    RADIO = "radio"


def train(
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as 'RRU.PrbTotDl>70@1h' or 'alarm:EQUIPMENT_ALARM@24h'; several; default: those of the settings."
        ),
    ] = None,
    days: Annotated[float, typer.Option(min=0.1, help="Of history to learn from.")] = 28,
    until: Annotated[
        datetime | None, typer.Option(help="End of the history, UTC; by default the newest row.", formats=["%Y-%m-%d"])
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            help="erm: from measured labels; p-erm, ppi, tuned-ppi, cross-ppi, context and more also look at a twin's."
        ),
    ] = "erm",
    run: Annotated[str, typer.Option(help="A run of a twin, made by `lockstep synthesise`.")] = "",
    origin: Annotated[
        Origin | None, typer.Option(help="What to learn from; by default what the objective needs.")
    ] = None,
    context: Annotated[Context, typer.Option(help="What the objective `context` tells apart.")] = Context.CLASS,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="At most.")] = 40,
    budget: Annotated[float, typer.Option(min=1, help="Seconds after which the best so far is taken.")] = 1800,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the data only.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the model to a file and not into the log.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the training report as one JSON object.")] = False,
) -> None:
    """Train batch models from the database, and let them enter the log as candidates."""
    from stream.training.commands import run_training

    run_training(
        targets=target or [], days=days, until=until, objective=objective, run=run,
        origin=None if origin is None else origin.value, context=context.value, seed=seed, epochs=epochs,
        budget_s=budget, dry_run=dry_run, out=out, as_json=as_json,
    )  # fmt: skip
