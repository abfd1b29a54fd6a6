"""What Lockstep needs on one machine, started and stopped with the program, from Python packages alone.

The two services run under a guard each (`guard.py`): none outlives the program, not even after kill -9. The broker's
log is in memory, so every start of it is a new log with a new `log_id`; the database keeps its data under the state
directory.
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, ClassVar, Self

from infra.embedded.broker import Broker
from infra.embedded.postgres import Postgres
from twin.errors import Unavailable

__all__ = ["Broker", "Embedded", "Endpoints", "Postgres"]


@dataclass(frozen=True)
class Endpoints:
    """Where the services are.

    Attributes:
        bootstrap: Of the broker, `host:port`; empty without one.
        dsn: Of the database, password included and so not printed; empty without one.
        log_id: Names the broker's log: another start, another log.
    """

    bootstrap: str
    dsn: str = field(repr=False)
    log_id: str


class Embedded:
    """Broker and database for one machine.

    Args:
        state_dir: Made if need be. One program at a time uses it.
        broker, database: Which of the two to run.
        synchronous_commit: False trades the last fraction of a second of commits in a power failure for speed;
            a commit then is never torn, and the offset in it tells what to read again.
    """

    _held: ClassVar[set[Path]] = set()

    def __init__(
        self, state_dir: Path, broker: bool = True, database: bool = True, synchronous_commit: bool = True
    ) -> None:
        self._state_dir = state_dir.absolute()
        self.broker = Broker(self._state_dir) if broker else None
        self.postgres = Postgres(self._state_dir, synchronous_commit) if database else None
        self._lock: IO[str] | None = None

    def start(self) -> Endpoints:
        """Start what was asked for and wait until it answers; after an error nothing is left running.

        Raises:
            Unavailable: A service doesn't start, or another program uses the state directory.
        """
        self._acquire()
        try:
            for service in (self.postgres, self.broker):
                if service is not None:
                    service.start()
        except BaseException:
            self.stop()
            raise
        return Endpoints(
            bootstrap=self.broker.bootstrap if self.broker else "",
            dsn=self.postgres.dsn if self.postgres else "",
            log_id=self.broker.log_id if self.broker else "main",
        )

    def stop(self) -> None:
        """Stop what runs; nothing of it is left when this returns. Stopping twice does nothing."""
        for service in (self.broker, self.postgres):
            if service is not None:
                service.stop()
        self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _acquire(self) -> None:
        try:
            # Nobody else looks into it. PostgreSQL, which root runs as somebody else, must be able to pass through.
            self._state_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
            path = (self._state_dir / "lock").resolve()
            # A record lock belongs to one process, whatever it forks, but does not see a second holder inside it.
            if path in self._held:
                raise Unavailable(f"this program already uses {self._state_dir}")
            lock = path.open("a+")
        except OSError as error:
            raise Unavailable(f"the state directory can't be used ({error}): set LOCKSTEP_STATE_DIR") from error
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read().strip() or "?"
            lock.close()
            raise Unavailable(
                f"another Lockstep (process {holder}) uses {self._state_dir}: stop it, or set LOCKSTEP_STATE_DIR"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        self._held.add(path)

    def _release(self) -> None:
        if self._lock is not None:
            self._held.discard(Path(self._lock.name))
            self._lock.close()
            self._lock = None
