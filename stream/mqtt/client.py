"""A connection to an MQTT broker that acknowledges when told to, and not before.

aiomqtt, with two things that it leaves to paho underneath: acknowledging by hand, and a queue that never drops what the
broker waits to have acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from aiomqtt import Client, Message, MqttError, ProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from infra.settings import Settings
from twin.errors import ConfigurationError, Unavailable

log = logging.getLogger("lockstep.mqtt")

AT_LEAST_ONCE: Final = 1
REFUSED: Final = 0x80
"""Answers to a subscription from here on are refusals."""

UNACKNOWLEDGED: Final = 1000
"""Messages that an MQTT 5 broker may send before the first is acknowledged; an older one has a limit of its own."""

MOST_WAITING: Final = 5000
"""Messages that the broker doesn't wait for (QoS 0) are dropped while so many wait."""


class Connection(Protocol):
    """What a bridge needs of a connection; all raise Unavailable when it is lost."""

    def messages(self) -> AsyncIterator[Message]: ...

    def acknowledge(self, message: Message) -> None: ...

    async def publish(self, topic: str, payload: bytes) -> None: ...


class _Patient(asyncio.Queue[Message]):
    """Drops messages without acknowledgement when full; all others are bounded by the broker."""

    def put_nowait(self, item: Message) -> None:
        if item.qos == 0 and self.qsize() >= MOST_WAITING:
            raise asyncio.QueueFull
        super().put_nowait(item)


class MqttConnection:
    """One connection while it lasts."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def messages(self) -> AsyncIterator[Message]:
        """Messages as they come. Raises Unavailable."""
        try:
            async for message in self._client.messages:
                yield message
        except MqttError as error:
            raise Unavailable(f"the MQTT broker is gone: {error}") from error

    def acknowledge(self, message: Message) -> None:
        """Let the broker forget a message; where the connection is lost, it will send it again."""
        self._client._client.ack(message.mid, message.qos)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Send a message. Raises Unavailable."""
        try:
            await self._client.publish(topic, payload, qos=0)
        except MqttError as error:
            raise Unavailable(f"the MQTT broker is gone: {error}") from error


@asynccontextmanager
async def connect(settings: Settings, filters: Sequence[str]) -> AsyncIterator[MqttConnection]:
    """Connect with a session that outlives the connection, and subscribe.

    Raises:
        Unavailable: The broker doesn't answer, or doesn't let us in.
        ConfigurationError: It refuses a subscription, or a certificate can't be read.
    """
    five = settings.mqtt_version == "5"
    secret = settings.mqtt_password
    version: dict[str, Any] = {"protocol": ProtocolVersion.V311, "clean_session": False}
    if five:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.mqtt_session_s
        properties.ReceiveMaximum = UNACKNOWLEDGED
        properties.MaximumPacketSize = settings.max_message_bytes
        version = {"protocol": ProtocolVersion.V5, "clean_start": False, "properties": properties}
    client = Client(
        settings.mqtt_host,
        settings.mqtt_port or (8883 if settings.mqtt_tls else 1883),
        identifier=settings.mqtt_client_id,
        username=settings.mqtt_username,
        password=secret.get_secret_value() if secret else None,
        tls_context=_tls(settings) if settings.mqtt_tls else None,
        queue_type=_Patient,
        logger=log,
        **version,
    )
    client._client.manual_ack_set(True)
    client._client.enable_logger(logging.getLogger("lockstep.mqtt.paho"))
    try:
        await client.__aenter__()
    except MqttError as error:
        raise Unavailable(f"can't reach the MQTT broker at {settings.mqtt_host}: {error}") from error
    try:
        await _subscribe(client, filters, five=five)
        yield MqttConnection(client)
    finally:
        try:
            await client.__aexit__(None, None, None)
        except MqttError as error:
            log.info("leaving the MQTT broker: %s", error)


async def _subscribe(client: Client, filters: Sequence[str], *, five: bool) -> None:
    for filter_ in filters:
        try:
            if five:
                # What is kept from before is sent once, when the subscription is new.
                options = SubscribeOptions(qos=AT_LEAST_ONCE, retainHandling=1)
                answers = await client.subscribe(filter_, options=options)
            else:
                answers = await client.subscribe(filter_, qos=AT_LEAST_ONCE)
        except MqttError as error:
            raise Unavailable(f"the MQTT broker doesn't take the subscription {filter_!r}: {error}") from error
        for answer in answers:
            code = answer if isinstance(answer, int) else answer.value
            if code >= REFUSED:
                raise ConfigurationError(
                    f"the MQTT broker refuses the subscription {filter_!r} (code {code}): give "
                    "LOCKSTEP_MQTT_USERNAME the right to read it"
                )
            if code < AT_LEAST_ONCE:
                log.warning(
                    "the MQTT broker grants %r without acknowledgement: what is lost on the way is lost", filter_
                )


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.mqtt_cafile) if settings.mqtt_cafile else None)
        if settings.mqtt_certfile:
            context.load_cert_chain(settings.mqtt_certfile, settings.mqtt_keyfile)
    except OSError as error:  # ssl's own errors are some, too
        raise ConfigurationError(f"the certificates for the MQTT broker can't be read: {error}") from error
    return context
