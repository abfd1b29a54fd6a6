"""The watch over one worker as a service of it: begun before the work, ended after it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mode import Service

from infra.access import Access
from infra.settings import Settings
from stream.health.board import Board
from stream.health.endpoints import publish
from stream.health.reach import ANSWER_S, DatabasePing, NoPing
from stream.health.server import HealthServer, by_token, from_this_machine
from stream.health.vigil import Ends, Vigil
from stream.health.watchdog import Limits

log = logging.getLogger("lockstep.watch")


def limits_of(settings: Settings) -> Limits:
    """What the settings say of when something is wrong."""
    # A service is away when it hasn't answered the last question, and had time to.
    silent_s = max(3 * settings.probe_every_s, settings.probe_every_s + ANSWER_S)
    return Limits(settings.stuck_s, settings.stuck_restart_s, silent_s, settings.livez_s)


class Watch(Service):  # type: ignore[misc]
    """Watchdog and health server of one worker.

    Args:
        board: What is watched.
        dsn: Of the database; empty: the worker needs none.
        ends: Knows how far the log goes.
        owner: What the worker is called.
        on_fatal: Called with the error for which the worker must stop.

    Attributes:
        about: What `/status` says besides.
    """

    def __init__(
        self,
        board: Board,
        settings: Settings,
        dsn: str,
        ends: Ends,
        owner: str,
        roles: tuple[str, ...],
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        super().__init__()
        self._board, self._settings = board, settings
        self._authorised = by_token(Access(settings.tokens_file)) if settings.tokens_file else from_this_machine
        self._vigil = Vigil(board, ends, DatabasePing(dsn) if dsn else NoPing(), settings.probe_every_s, on_fatal)
        self.about: dict[str, Any] = {
            "worker": owner,
            "pid": os.getpid(),
            "version": version("lockstep-twin"),
            "roles": list(roles),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._server: HealthServer | None = None
        self._file: Path | None = None

    async def on_start(self) -> None:
        """Watch, and serve what is seen."""
        self._board.metrics.watch_process()
        self._vigil.start()
        self._server = HealthServer(
            self._board,
            asyncio.get_running_loop(),
            self._settings.health_bind,
            self.about,
            self._authorised,
            self._vigil.look_from_outside,
        )
        self._server.start()
        if self._server.url:
            try:
                self._file = publish(self._settings.state_dir, self._server.url)
            except OSError as error:  # a full disk is no reason not to fold
                log.warning("other commands on this machine won't find this worker (%s): make room", error)
            log.info("health at %s (/livez /readyz /metrics /status)", self._server.url)

    async def on_stop(self) -> None:
        """See nothing more."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)
        if self._server is not None:
            self._server.stop()
        await self._vigil.stop()
