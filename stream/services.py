"""The broker and the database that a command talks to: the user's own, or the embedded ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from infra.settings import Settings
from twin.errors import Unavailable

FILE = "endpoints.json"
DEMO = "demo"
"""Where a demo keeps its state, below the state directory."""


class Services(NamedTuple):
    """Where to find what Lockstep stands on.

    Attributes:
        log_id: The log that offsets speak of.
    """

    bootstrap: str
    dsn: str
    log_id: str
    partitions: int


class _Endpoints(msgspec.Struct, frozen=True):
    """The same in the file."""

    bootstrap: str
    dsn: str
    log_id: str
    partitions: Annotated[int, msgspec.Meta(ge=1, le=1 << 20)]


@contextmanager
def started(settings: Settings) -> Iterator[Services]:
    """The services of the settings; those that are not set are started here and stopped at the end.

    Raises:
        Unavailable: One doesn't start.
    """
    dsn = settings.conninfo()
    if settings.bootstrap and dsn:
        yield Services(settings.bootstrap, dsn, settings.log_id, settings.partitions)
        return
    from infra.embedded import Embedded

    state = Path(settings.state_dir)
    file = state / FILE
    with Embedded(state, broker=not settings.bootstrap, database=not dsn) as embedded:
        made = embedded.start()
        services = Services(
            settings.bootstrap or made.bootstrap,
            dsn or made.dsn,
            settings.log_id if settings.bootstrap else made.log_id,
            settings.partitions,
        )
        # Other commands on this machine find the running services here, whole or not at all; it holds a password.
        new = file.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(msgspec.json.encode(services._asdict()))
        new.replace(file)
        try:
            yield services
        finally:
            file.unlink(missing_ok=True)


def running(settings: Settings) -> Services:
    """The services of the settings, or those that another `lockstep` on this machine has started.

    Raises:
        Unavailable: Nobody runs any here.
    """
    dsn = settings.conninfo()
    if settings.bootstrap and dsn:
        return Services(settings.bootstrap, dsn, settings.log_id, settings.partitions)
    state = Path(settings.state_dir)
    file = next((f for f in (state / FILE, state / DEMO / FILE) if f.exists()), None)
    if file is None:
        raise Unavailable(
            f"no Lockstep runs with the state directory {settings.state_dir}: start `lockstep worker` or "
            "`lockstep demo`, or set LOCKSTEP_BOOTSTRAP and LOCKSTEP_DSN"
        )
    found = _read(file)
    return found._replace(bootstrap=settings.bootstrap or found.bootstrap, dsn=dsn or found.dsn)


def _read(file: Path) -> Services:
    try:
        return Services(*msgspec.structs.astuple(msgspec.json.decode(file.read_bytes(), type=_Endpoints)))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unavailable(f"{file} doesn't say where the services are ({error}): start Lockstep again") from error
