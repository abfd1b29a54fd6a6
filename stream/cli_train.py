"""`lockstep train`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def train(
    target: Annotated[
        list[str] | None, typer.Option(help="Such as 'RRU.PrbTotDl>70@1h'; several; by default those of the settings.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.1, help="Of history to learn from.")] = 28,
    until: Annotated[
        datetime | None, typer.Option(help="End of the history, UTC; by default the newest row.", formats=["%Y-%m-%d"])
    ] = None,
    objective: Annotated[str, typer.Option(help="erm: from measured labels; others need a twin's labels.")] = "erm",
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="At most.")] = 40,
    budget: Annotated[float, typer.Option(min=1, help="Seconds after which the best so far is taken.")] = 1800,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the data only.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the model to a file and not into the log.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the training report as one JSON object.")] = False,
) -> None:
    """Train batch models from the database, and let them enter the log as candidates."""
    from stream.training_commands import run_training

    run_training(
        targets=target or [], days=days, until=until, objective=objective, seed=seed, epochs=epochs, budget_s=budget,
        dry_run=dry_run, out=out, as_json=as_json,
    )  # fmt: skip
