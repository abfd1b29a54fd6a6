"""A model's bytes pass the search for identifiers of subscribers as they are: a chance match would damage them."""

from __future__ import annotations

import msgspec

from stream.decode import CANDIDATE, decode
from stream.outlets import ENCODER
from stream.pseudonyms import Pseudonyms
from twin.errors import BadInput
from twin.model_events import ModelCandidate


def without_identifiers(type_: str, value: bytes, pseudonyms: Pseudonyms) -> bytes:
    """An event on its way into the log, identifiers of subscribers replaced.

    A million random letters hold something that looks like a telephone number once in a hundred times. All else in a
    candidate is looked through.

    Raises:
        BadInput: See `Pseudonyms.json`.
    """
    if type_ != CANDIDATE:
        return pseudonyms.json(value)
    try:
        event = decode(type_, value)
    except BadInput:  # it is refused later, with this reason, and until then treated like any other text
        return pseudonyms.json(value)
    assert isinstance(event, ModelCandidate)
    words = ENCODER.encode(msgspec.structs.replace(event, artifact=b""))
    clean = pseudonyms.json(words)
    if clean == words:
        return value
    return ENCODER.encode(
        msgspec.structs.replace(msgspec.json.decode(clean, type=ModelCandidate), artifact=event.artifact)
    )
