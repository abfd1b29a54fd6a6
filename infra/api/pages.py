"""The dashboard's files: our own from `infra/web`, Plotly's script from its package; nothing from another host."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WEB = Path(__file__).parents[1] / "web"
PLOTLY = "/vendor/plotly.min.js"
POLICY = (
    "default-src 'self'; script-src 'self'; "
    # Charts write rules for their own look.
    "style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Pages(StaticFiles):
    """Our own files, under a policy that lets nothing else in."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        answer = await super().get_response(path, scope)
        answer.headers["Content-Security-Policy"] = POLICY
        return answer


def serve_pages(app: FastAPI) -> None:
    """Serve the dashboard at `/`; call it after all routes."""
    script = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"

    @app.get(PLOTLY, include_in_schema=False)
    async def plotly() -> Response:
        return FileResponse(script, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})

    app.mount("/", Pages(directory=WEB, html=True))
