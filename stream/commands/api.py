"""`lockstep api`: the HTTP API over a read replica of the twin."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Annotated

import typer


def api(
    bind: Annotated[
        str | None, typer.Option(help="Address and port; port 0: a free one. Default: LOCKSTEP_API_BIND.")
    ] = None,
) -> None:
    """Serve the HTTP API until told to stop; off this machine only with LOCKSTEP_TOKENS_FILE."""
    from infra.settings import load
    from stream.api.serving import serve

    settings = load()
    if find_spec("uvloop"):
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, bind or settings.api_bind, typer.echo))
    else:
        asyncio.run(serve(settings, bind or settings.api_bind, typer.echo))
