"""What the embedded servers have in common: each is started again and again, and runs as one service at a time."""

from __future__ import annotations

from infra.embedded.service import Service


class Server:
    """A server that may be started, stopped and started again."""

    def __init__(self) -> None:
        self._service: Service | None = None

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._service is not None
        return self._service.pid

    def alive(self) -> bool:
        """Whether it runs."""
        return self._service is not None and self._service.alive()

    def stop(self) -> None:
        """Ask it to stop, and wait until nothing is left of it."""
        if self._service is not None:
            self._service.stop()

    def kill(self) -> None:
        """Kill -9, for tests."""
        if self._service is not None:
            self._service.kill()
