"""What ingest lets in and what it may tell: limits of size and rate, pseudonyms, and refusals without identifiers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import monotonic

import msgspec

from infra.limiter import Limiter
from infra.settings import Settings
from stream.outlets import rejected
from stream.pseudonyms import Pseudonyms
from stream.registry.model_bytes import without_identifiers
from stream.sources import senml_pack
from stream.sources.senml_pack import LONGEST_NAME, MOST_RECORDS
from stream.topics import SOURCES
from twin.errors import BadInput, ConfigurationError
from twin.log import LogRecord, Outlet

GZIP = b"\x1f\x8b"
UNCOUNTED = {"rate"}
"""Reasons that say nothing about a bad deploy: one loud source must not stop the worker for all others."""


class Guard:
    """Stands at the door of one source.

    Args:
        kind: Of the source, a key of `SOURCES`.
        max_bytes: Larger messages are rejected unread [byte].
        limiter: One token a message, by the key of the message.
    """

    def __init__(self, kind: str, max_bytes: int, pseudonyms: Pseudonyms, limiter: Limiter) -> None:
        self._kind = kind
        self._topic = SOURCES[kind].name
        self.max_bytes = max_bytes
        self.pseudonyms = pseudonyms
        self._limiter = limiter

    def admit(self, record: LogRecord) -> None:
        """Pass, or don't.

        Raises:
            BadInput: too-large, rate.
        """
        size = len(record.value)
        if size > self.max_bytes:
            raise BadInput("too-large", f"{size} bytes, the limit is {self.max_bytes}: split it, or raise the limit")
        if not self._limiter.take(record.key):
            raise BadInput(
                "rate", f"more messages of the key {record.key!r} than LOCKSTEP_RATE_MESSAGES_S: resend them later"
            )

    def refusal(self, record: LogRecord, error: BadInput) -> tuple[Outlet, BadInput]:
        """What is told of a message that can't be used, and why, with pseudonyms for whoever it is about.

        The original is kept whole where it holds no identifier. Where it does, pseudonyms take their place if there is
        a key and it can be read; else it is left out, and can be had from the source's topic only.
        """
        text = self.pseudonyms.text
        told = BadInput(error.reason, text(error.detail))
        value, scrubbed = self._original(record, error)
        about = record._replace(key=text(record.key), type=text(record.type), value=value)
        return rejected(self._topic, about, told, len(record.value), scrubbed), told

    def _original(self, record: LogRecord, error: BadInput) -> tuple[bytes, bool]:
        if error.reason == "subscriber-id":
            return b"", True
        if record.value[:2] == GZIP:
            # Nobody looks into what is packed.
            return b"", True
        if not self.pseudonyms.may_hold_one(record.value) and not self._in_names(record.value):
            return record.value, False
        if len(record.value) > self.max_bytes or self._kind == "senml":
            # What stands in a pack in two pieces can't be replaced in one.
            return b"", True
        try:
            msgspec.json.decode(record.value)
            clean = self.pseudonyms.json(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadInput):
            return b"", True
        return clean, clean is not record.value

    def _in_names(self, pack: bytes) -> bool:
        """Whether a SenML pack has an identifier in a name that is base name and name put together."""
        if self._kind != "senml":
            return False
        if senml_pack.form(pack) != "json":
            try:
                names = senml_pack.names(pack)
            except (
                BadInput
            ):  # what has no text to be looked through may hide one: CBOR's comes in pieces, XML's escaped
                return True
        elif pack.count(b"{") > MOST_RECORDS:  # nobody looks that long
            return True
        else:
            try:
                names = [(one.bn, one.n) for one in msgspec.json.decode(pack, type=list[_Named])]
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return False
        base = ""
        for bn, n in names:
            base = bn or base
            # A base name is repeated for every record: one that is too long for a name can't be looked through.
            if len(base) + len(n) > LONGEST_NAME:
                return True
            if self.pseudonyms.may_hold_one((base + n).encode()):
                return True
        return False


def protected(records: Iterable[LogRecord], pseudonyms: Pseudonyms) -> Iterator[LogRecord]:
    """Records on their way into a log or a recording, identifiers of subscribers replaced.

    Raises:
        ConfigurationError: One holds such an identifier, and there is no key.
    """
    for record in records:
        try:
            value = without_identifiers(record.type, record.value, pseudonyms)
        except BadInput as error:
            raise ConfigurationError(f"the record {record.offset} of partition {record.partition}: {error}") from None
        yield record if value is record.value else record._replace(value=value, key=pseudonyms.text(record.key))


class _Named(msgspec.Struct):
    bn: str = ""
    n: str = ""


def pseudonyms(settings: Settings) -> Pseudonyms:
    """As the settings say."""
    key = settings.pseudonym_key
    return Pseudonyms(key.get_secret_value().encode() if key else None, settings.own_sensors)


def guard(kind: str, settings: Settings, clock: Callable[[], float] = monotonic) -> Guard:
    """As the settings say."""
    limiter = Limiter(settings.rate_messages_s, settings.rate_burst, clock)
    return Guard(kind, settings.max_message_bytes, pseudonyms(settings), limiter)
