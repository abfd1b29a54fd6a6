"""TEIV events as Kafka carries them: binary mode, with the CloudEvent's attributes in `ce_` headers, or structured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from stream.sources import teiv
from stream.sources.teiv_model import BUILTIN, Model
from twin.errors import BadInput
from twin.events import TopologyChange

TEXT_MARK = b"ce_specversion:::"
"""How a record in binary mode begins that has been written down as text: `name:::value,name:::value,,,body`."""


def read(value: bytes, headers: Any, at: datetime, model: Model = BUILTIN) -> TopologyChange:
    """What a record changes.

    Args:
        headers: Of the record, pairs or a mapping.
        at: When it was written, which counts where the event has no time of its own.

    Raises:
        BadInput: See `teiv.change`.
    """
    found = dict(_texts(headers))
    if "ce_type" not in found:
        return teiv.structured(value, Counter(), model, at)
    return teiv.change(_envelope(found, at), value, Counter(), model)


def of_text(data: bytes, notes: Counter[str], model: Model = BUILTIN) -> TopologyChange:
    """What a record in binary mode changes that stands in a file as text. Raises BadInput."""
    head, mark, body = data.partition(b",,,")
    if not mark:
        raise BadInput("malformed", "no ',,,' between the headers and the body")
    pairs = (pair.partition(":::") for pair in head.decode("utf-8", "replace").split(","))
    return teiv.change(_envelope({name.strip(): value for name, _, value in pairs}, None), body, notes, model)


def _envelope(found: Mapping[str, str], at: datetime | None) -> teiv.Envelope:
    time = at
    if text := found.get("ce_time"):
        try:
            time = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadInput("wrong-type", f"ce_time is {text[:60]!r}, which is no time") from error
    return teiv.Envelope(found.get("ce_type", ""), time, found.get("ce_source", ""))


def _texts(headers: Any) -> Iterator[tuple[str, str]]:
    for name, value in headers.items() if isinstance(headers, Mapping) else headers or ():
        if value is not None:
            yield name, bytes(value).decode("utf-8", "replace")
