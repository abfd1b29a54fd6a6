"""Targets that read what sensors send: SenML in CBOR and XML."""

from __future__ import annotations

from tests.fuzz import events
from tests.fuzz.target import Target
from tests.senml_forms import as_cbor, as_xml

_SPOILT = [b"\x9b\xff", b"\x81\xa2\x00\x61x\x02\xc4\x82\x01\x05", b"\x81\xa1\x00\xd8\x1c\x81\x01"]

TARGETS = (
    Target("senml-cbor", lambda data: events._senml(data), lambda: [as_cbor(p) for p in events.PACKS] + _SPOILT),
    Target("senml-xml", lambda data: events._senml(data), lambda: [as_xml(p) for p in events.PACKS]),
)
