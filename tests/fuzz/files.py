"""Targets that read what Lockstep itself has written: recordings and snapshots."""

from __future__ import annotations

import gzip
import zlib
from hashlib import blake2b

import folding
import radio_region

from stream import recording
from tests.fuzz.codecs import LINES, SEALED
from tests.fuzz.sources import folder
from tests.fuzz.target import Target
from twin import snapshot
from twin.log import LogRecord

_GZIP = b"\x1f\x8b"
_HEADER = b'{"lockstep_recording":1,"partitions":2,"created_by":"lockstep"}\n'
_LINE = b'{"partition":0,"offset":%d,"key":"k","time":1,"type":"t","value":{"a":[1,null]}}\n'
_LINE64 = b'{"partition":1,"offset":%d,"key":"","time":1,"type":"t","value64":"AAA="}\n'


def _recording(data: bytes) -> None:
    file = folder() / "fuzz.jsonl.gz"
    file.write_bytes(data if data.startswith(_GZIP) else gzip.compress(data, 1, mtime=0))
    found = list(recording.read(file))
    again = folder() / "again.jsonl.gz"
    partitions = recording.header(file).partitions
    assert recording.write(again, partitions, found) == len(found)
    assert list(recording.read(again)) == found


def _recording_seeds() -> list[bytes]:
    lines = _HEADER + _LINE % 0 + _LINE64 % 0 + _LINE % 1
    packed = gzip.compress(lines, mtime=0)
    return [lines, packed, packed[:-9], packed + packed, _HEADER, gzip.compress(b"", mtime=0), _HEADER + b"[" * 2000]


def seal(raw: bytes) -> bytes:
    """What has the form of a snapshot with a right checksum, whatever is in it."""
    body = zlib.compress(raw, 1)
    return snapshot.MAGIC + snapshot.VERSION.to_bytes(2, "big") + blake2b(body, digest_size=16).digest() + body


def _snapshot(data: bytes) -> None:
    raw = data.startswith(snapshot.MAGIC)
    shard = folding.new_shard()
    shard.restore(data if raw else seal(data))
    # What was taken for a snapshot must work like one.
    shard.apply([_next(shard.next_offset, n) for n in range(3)])
    folding.tell(shard, *(radio_region.sounding(40 + n, 3) for n in range(2)))
    again = folding.new_shard()
    again.restore(shard.snapshot())
    assert again.digest() == shard.digest()


def _next(offset: int, number: int) -> LogRecord:
    (record,) = folding.log([folding.report(folding.A, 6 + number, 50.0)], offset + number)
    return record


def snapshot_body() -> bytes:
    """A small shard's snapshot, without compression and checksum."""
    shard = folding.new_shard()
    folding.tell(
        shard,
        folding.inventory(folding.A, kind="element"),
        folding.alarm(),
        *(folding.report(folding.A, p, [[40.0 + p]]) for p in range(6)),
    )
    return zlib.decompress(shard.snapshot()[26:])


def radio_body() -> bytes:
    """The same of one with a radio twin that has its first map."""
    shard = folding.new_shard()
    folding.tell(shard, radio_region.declared())
    said = folding.tell(shard, radio_region.sounding(0, 130))
    (request,) = radio_region.requests(said.outlets)
    found = radio_region.result(request, map=radio_region.radio_map(step=30.0))
    folding.tell(shard, radio_region.as_event(found, 0), *(radio_region.sounding(p, 2) for p in (1, 2)))
    assert shard.radio[radio_region.REGION].tier == "ray-traced"
    return zlib.decompress(shard.snapshot()[26:])


def _snapshot_seeds() -> list[bytes]:
    body = snapshot_body()
    return [body, radio_body(), seal(body), seal(body)[:60], seal(b""), snapshot.MAGIC, b"\xff" * 8 + body[8:]]


TARGETS = [
    Target("recording", _recording, _recording_seeds, LINES),
    Target("snapshot", _snapshot, _snapshot_seeds, SEALED, 65_536),
]
