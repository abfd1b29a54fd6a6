"""`lockstep explain`."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def explain(
    dn: Annotated[str, typer.Argument(help="Distinguished name of an element, a cell or a link.")],
    target: Annotated[
        str, typer.Option(help="Such as 'RRU.PrbTotDl>70@1h' or 'alarm:EQUIPMENT_ALARM@1d'; by default all.")
    ] = "",
    at: Annotated[str | None, typer.Option(help="As of a past time of the network, 2026-03-01T12:00:00Z.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show why the twin predicts what it predicts of an object: each model's word, what counts, what moved it."""
    from stream.explaining.at_time import explanation_of
    from stream.moments import moment
    from stream.showing.explanation import show_explanation

    found = explanation_of(dn, target, moment(at))
    if as_json:
        typer.echo(json.dumps(found, default=str))
    else:
        show_explanation(found)
