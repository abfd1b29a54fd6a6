"""Puts the API together: replica, history, commands, hub; then serves it until a signal."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn

from infra.access import Access
from infra.api.app import create_app
from infra.api.guard import Limits
from infra.api.hub import Change, Hub
from infra.api.ports import Ports
from infra.api.stored_history import StoredHistory
from infra.settings import Settings
from infra.store.pool import new_pool
from stream.api.commands import LogCommands
from stream.api.live import LiveTwin
from stream.api.past import PastTwin
from stream.api.replica import Replica
from stream.broker import Producer
from stream.config import shard_config
from stream.engine.security import kafka_security
from stream.health.endpoints import publish_api
from stream.services import running
from stream.sources.profile import full_catalogue
from twin.errors import ConfigurationError

STOP_S = 5
BACKLOG = 1024


class _Server(uvicorn.Server):
    """Signals are the caller's: uvicorn would raise them again when it has ended, and the status would be theirs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(settings: Settings, bind: str, say: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        bind: `host:port`; port 0 is any free one.
        say: Told the address.

    Raises:
        ConfigurationError: The address can't be used, or others could reach it without a token.
        Unavailable: Broker or database don't answer.
    """
    host, port = _split(bind)
    if not ip_address(host).is_loopback and settings.tokens_file is None:
        raise ConfigurationError(
            f"{host} can be reached from other machines: make a token with `lockstep token new` and set "
            "LOCKSTEP_TOKENS_FILE"
        )
    access = Access(settings.tokens_file) if settings.tokens_file is not None else None
    services = running(settings)
    hub, loop = Hub(), asyncio.get_running_loop()

    def tell(changes: Sequence[Change]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(hub.publish, changes)

    replica = Replica(settings, services, tell)
    live = LiveTwin(replica, services.partitions, full_catalogue(settings.profiles, settings.vendors))
    producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes, settings.compression)
    pool = new_pool(services.dsn)
    listening = _listen(host, port)
    await producer.start()
    try:
        await pool.open()
        replica.start()
        commands = LogCommands(producer, settings, services, live)
        targets = [target.name for target in shard_config(settings).targets]
        history = StoredHistory(pool, services.log_id, targets)
        limits = Limits(streams=settings.api_streams)
        app = create_app(
            Ports(live, PastTwin(settings, services, live.unit), history, commands),
            hub,
            access,
            limits,
            settings.api_origins,
            settings.services_owner,
        )
        server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                ws="websockets-sansio",
                ws_max_size=4096,
                timeout_graceful_shutdown=STOP_S,
                timeout_keep_alive=75,
                h11_max_incomplete_event_size=65_536,
                lifespan="off",
            )
        )
        url = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        file = publish_api(settings.state_dir, url)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _end, server, hub)
        try:
            say(f"API at {url}/api/v1 (OpenAPI: {url}/api/v1/openapi.json)")
            await server.serve([listening])
        finally:
            file.unlink(missing_ok=True)
    finally:
        await asyncio.to_thread(replica.stop)
        await pool.close()
        await producer.stop()
        listening.close()


def _end(server: uvicorn.Server, hub: Hub) -> None:
    hub.close()
    server.should_exit = True


def _split(bind: str) -> tuple[str, int]:
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    try:
        ip_address(host)
        number = int(port)
        if not 0 <= number <= 65535:
            raise ValueError(port)
    except ValueError as error:
        raise ConfigurationError(f"can't listen at {bind!r}: write it like 127.0.0.1:8050") from error
    return host, number


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio turns Nagle's algorithm off only where it reads TCP: otherwise every answer waits 40 ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        raise ConfigurationError(f"can't listen at {host}:{port}: {error.strerror}") from error
    made.setblocking(False)
    return made
