"""The dashboard's files: our own from `infra/web`, Plotly's script from its package; nothing from another host."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
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


READS = ("GET", "HEAD")


class Below(Mount):
    """Takes what no route has: a path that one has is that one's, whatever the method."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """In part at most, since of those the first is taken; WebSockets are none of ours."""
        if scope["type"] != "http":
            return Match.NONE, {}
        match, child = super().matches(scope)
        return (Match.PARTIAL if match is Match.FULL else match), child


class Pages(StaticFiles):
    """Our own files, under a policy that lets nothing else in."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        if scope["method"] not in READS:
            await super().get_response(path, {**scope, "method": "HEAD"})  # 404 where there is none
            raise HTTPException(405, headers={"Allow": ", ".join(READS)})
        answer = await super().get_response(path, scope)
        answer.headers["Content-Security-Policy"] = POLICY
        return answer


def serve_pages(app: FastAPI) -> None:
    """Serve the dashboard at `/`; call it after all routes."""
    script = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"

    @app.get(PLOTLY, include_in_schema=False)
    async def plotly() -> Response:
        return FileResponse(script, media_type="text/javascript", headers={"Cache-Control": "max-age=86400"})

    app.router.routes.append(Below("/", Pages(directory=WEB, html=True)))
