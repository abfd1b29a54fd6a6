"""SenML packs of JSON in the other forms, written without the program's own tables."""

from __future__ import annotations

import base64
import json
from typing import Any
from xml.sax.saxutils import quoteattr

import cbor2

CBOR = {"bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6}
CBOR |= {"n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8}


def as_cbor(pack: bytes) -> bytes:
    """A pack in JSON as CBOR, by the labels of RFC 8428 table 4."""
    return cbor2.dumps([{CBOR.get(k, k): _octets(k, v) for k, v in record.items()} for record in json.loads(pack)])


def as_xml(pack: bytes) -> bytes:
    """A pack in JSON as XML."""
    lines = ["<senml " + " ".join(f"{k}={quoteattr(_text(v))}" for k, v in r.items()) + "/>" for r in json.loads(pack)]
    return ('<sensml xmlns="urn:ietf:params:xml:ns:senml">' + "".join(lines) + "</sensml>").encode()


def _octets(label: str, value: Any) -> Any:
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)) if label == "vd" else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
