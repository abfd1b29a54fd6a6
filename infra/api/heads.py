"""HEAD wherever there is GET, as servers must (RFC 9110, 9.1): the answer of GET, without its content (9.3.2)."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Heads:
    """Asks routes for what GET would answer, and passes on its head only.

    Routes need not know: the OpenAPI document has each of them once. A stream has to, since its content has no end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_content(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        state = {**scope.get("state", {}), "head": True}
        await self._app({**scope, "method": "GET", "state": state}, receive, without_content)


def is_head(scope: Scope) -> bool:
    """Whether whoever asks wants no content."""
    return bool(scope.get("state", {}).get("head", False))
