"""`lockstep listen`: the HTTP door for VES events and SenML packs."""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import typer


def listen(
    bind: Annotated[str, typer.Option(help="Address and port; port 0: a free one.")] = "127.0.0.1:8443",
) -> None:
    """Take VES events and SenML packs over HTTP until told to stop; off this machine only with LOCKSTEP_TOKENS_FILE."""
    asyncio.run(_serve(bind))


async def _serve(bind: str) -> None:
    from collections.abc import Sequence
    from ipaddress import ip_address

    from aiohttp import web

    from infra.access import Access
    from infra.settings import load
    from stream.broker import Message, Producer
    from stream.engine.security import kafka_security
    from stream.health.door_health import watched
    from stream.listening import Listener
    from stream.services import running
    from stream.sources.profile import full_catalogue
    from twin.errors import ConfigurationError

    settings = load()
    host, _, port = bind.rpartition(":")
    try:
        outside, number = not ip_address(host.strip("[]")).is_loopback, int(port)
    except ValueError as error:
        raise ConfigurationError(f"can't listen at {bind!r}: write it like 127.0.0.1:8443") from error
    if outside and settings.tokens_file is None:
        raise ConfigurationError(
            f"{host} can be reached from other machines: make a token with `lockstep token new --role operate` and set "
            "LOCKSTEP_TOKENS_FILE"
        )
    access = Access(settings.tokens_file) if settings.tokens_file is not None else None
    services = running(settings)
    producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes, settings.compression)
    await producer.start()

    stop = asyncio.Event()
    for number_ in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number_, stop.set)
    try:
        async with watched(settings, services.bootstrap, "listen", stop.set) as board:

            async def send(topic: str, messages: Sequence[Message]) -> None:
                await producer.send(settings.topic_prefix + topic, messages)
                board.taken(topic, len(messages))

            catalogue, most = full_catalogue(settings.profiles, settings.vendors), settings.max_message_bytes
            made = Listener(send, catalogue, access, most, services.partitions, on_refused=board.refused)
            runner = web.AppRunner(made.app, access_log=None)
            try:
                await runner.setup()
                site = web.TCPSite(runner, host.strip("[]"), number)
                try:
                    await site.start()
                except OSError as error:
                    raise ConfigurationError(f"can't listen at {bind}: {error.strerror}") from error
                typer.echo(f"listening at http://{host}:{runner.addresses[0][1]}")
                await stop.wait()
            finally:
                await runner.cleanup()
    finally:
        await producer.stop()
