"""`lockstep mqtt`: takes what sensors send to an MQTT broker."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.settings import Settings
    from stream.sources.mqtt_table import Table


def mqtt(
    table: Annotated[
        Path | None, typer.Option(help="Which topics carry what (TOML); default: LOCKSTEP_MQTT_TABLE.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only read the table and say what it subscribes to.")] = False,
) -> None:
    """Subscribe to an MQTT broker and take what sensors send until told to stop; see docs/sensors.md."""
    from infra.settings import load
    from stream.sources.mqtt_table import load_table
    from stream.sources.profile import full_catalogue
    from twin.errors import ConfigurationError

    settings = load()
    path = table or settings.mqtt_table
    if path is None:
        raise ConfigurationError("which topics carry what? name a table with --table or LOCKSTEP_MQTT_TABLE")
    found = load_table(path, full_catalogue(settings.profiles, settings.vendors))
    if check:
        for rule in found.rules:
            typer.echo(f"{rule.spec.format:<10} {rule.spec.filter}")
        return
    asyncio.run(_serve(settings, found))


async def _serve(settings: Settings, table: Table) -> None:
    from collections.abc import Sequence

    from stream.broker import Message, Producer
    from stream.engine.security import kafka_security
    from stream.guarding import pseudonyms
    from stream.health.door_health import watched
    from stream.mqtt.bridge import Bridge
    from stream.mqtt.client import connect
    from stream.mqtt.memory import Memory
    from stream.services import running
    from stream.sources.mqtt_messages import Translator

    services = running(settings)
    producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes, settings.compression)
    await producer.start()

    translator = Translator(table, services.partitions, settings.max_message_bytes)
    memory = Memory(settings.state_dir, settings.mqtt_client_id, translator)
    memory.load()
    names, stop = pseudonyms(settings), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with watched(settings, services.bootstrap, "mqtt", stop.set) as board:

            async def send(topic: str, messages: Sequence[Message]) -> None:
                await producer.send(settings.topic_prefix + topic, messages)
                board.taken(topic, len(messages))

            bridge = Bridge(
                lambda: connect(settings, table.filters),
                translator,
                send,
                names,
                keep=memory.save,
                on_refused=board.refused,
            )
            working = asyncio.create_task(bridge.run(lambda: typer.echo(f"subscribed to {', '.join(table.filters)}")))
            stopping = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    working.result()
            finally:
                # Told to stop: what isn't acknowledged comes again.
                for task in (working, stopping):
                    task.cancel()
                await asyncio.gather(working, stopping, return_exceptions=True)
    finally:
        await producer.stop()
    for what, count in sorted((bridge.counts + translator.notes).items()):
        typer.echo(f"{count:>10} {what}")
