"""Targets of what ingest does: it reads a message's headers, and makes entries of the log of it or refuses it."""

from __future__ import annotations

import json

import folding
from bad_input import MAX_BYTES, REJECTED, SENT

from infra.limiter import Limiter
from stream import decode as events
from stream.guarding import Guard
from stream.pseudonyms import Pseudonyms
from stream.routing import ALL, entries
from stream.topics import SOURCES, attributes_of, headers
from tests.fuzz.codecs import JSON
from tests.fuzz.logs import log_of, written
from tests.fuzz.senml import PACKS
from tests.fuzz.target import Target
from twin.errors import BadInput
from twin.log import LogRecord

PARTITIONS = 4
_PSEUDONYMS = Pseudonyms(b"k" * 32)
_GUARDS = {kind: Guard(kind, MAX_BYTES, _PSEUDONYMS, Limiter(0, 1, lambda: 0.0)) for kind in SOURCES}


def _ingest(data: bytes) -> None:
    kinds = sorted(SOURCES)
    kind = kinds[data[0] % len(kinds)] if data else "report"
    for record in log_of(data[1:]):
        source = SOURCES[kind]
        at = record._replace(type=source.event if record.type == events.REPORT else record.type)
        try:
            _GUARDS[kind].admit(at)
            found = entries(kind, at, PARTITIONS, _PSEUDONYMS)
        except BadInput as error:
            out, _ = _GUARDS[kind].refusal(at, error)
            assert len(out.value) + 2 * len(out.key) < 2 * MAX_BYTES, "a refusal must fit into a message"
            continue
        for entry in found:
            assert entry.partition == ALL or 0 <= entry.partition < PARTITIONS
            assert 0 <= entry.time <= events.LATEST_MS, "Kafka takes no time before 1970"
            assert len(entry.value) <= 2 * MAX_BYTES
            assert len(entry.key) <= 2000
            head = headers(entry.type, "id", entry.key, entry.time)
            assert attributes_of(head, "")[0] == entry.type
            events.decode(entry.type, entry.value)


def _ingest_seeds() -> list[bytes]:
    kinds = sorted(SOURCES)
    bad = [b for b in REJECTED.values() if len(b.value) < 1500]
    made = [bytes([kinds.index(b.kind)]) + written([b.record()]) for b in bad]
    return made + [bytes([kinds.index("senml")]) + written([LogRecord(0, 0, folding.A, SENT, "", s)]) for s in PACKS]


def _headers(data: bytes) -> None:
    pairs = [line.split(b"=", 1) for line in data.split(b"\n")]
    items = [(p[0].decode("utf-8", "replace"), p[1] if len(p) > 1 else None) for p in pairs]
    type_, recorded = attributes_of(items, "default")
    assert recorded is None or 0 <= recorded <= events.LATEST_MS
    type_.encode()
    attributes_of(dict(items), "default")


_HEADERS = [
    b"ce_type=lockstep.report.v1\nce_recordedtime=2026-01-05T00:00:00+00:00",
    b"ce_type=\xff\nce_time\nce_recordedtime=9999-12-31T23:59:59-14:00",
]

TARGETS = (
    Target("headers", _headers, lambda: _HEADERS),
    Target("ingest", _ingest, _ingest_seeds, JSON._replace(
        take_apart=lambda data: [data[0], json.loads(data[1:])],
        put_together=lambda tree: bytes([tree[0] % 256]) + JSON.put_together(tree[1]),
    )),
)  # fmt: skip
