"""Targets that stand at the door: pseudonyms, packed files, XML, tokens."""

from __future__ import annotations

import gzip
import json
import zipfile
from io import BytesIO
from pathlib import Path

import msgspec
from bad_input import ACCEPTED, GOOD

from infra.access import Access, read_tokens
from stream.pseudonyms import Pseudonyms
from stream.sources import safe_gzip, safe_xml
from tests.fuzz.codecs import JSON
from tests.fuzz.sources import folder
from tests.fuzz.target import Target

KEY = b"k" * 32
SMALL = safe_gzip.Limits(total_bytes=1 << 20, free_bytes=1 << 16, members=20)
_WITH, _WITHOUT = Pseudonyms(KEY), Pseudonyms(None)


def _pseudonyms(data: bytes) -> None:
    # Not that a second time finds nothing: a pseudonym that ends in `4e` before `:11:22:33:44:55` makes a new address.
    _WITHOUT.text(data.decode("utf-8", "replace"))
    _WITH.text(data.decode("latin-1"))
    for pseudonyms in (_WITH, _WITHOUT):
        clean = pseudonyms.json(data)
        if clean is not data:
            assert type(msgspec.json.decode(clean)) is type(msgspec.json.decode(data)), "JSON stays JSON"


def _gzip(data: bytes) -> None:
    out = safe_gzip.gunzip(data, SMALL)
    assert out == gzip.decompress(data), "what it takes it must read as everybody does"


def _zip(data: bytes) -> None:
    for member in safe_gzip.members(BytesIO(data), SMALL):
        assert len(member.file.read()) <= SMALL.total_bytes
        assert not Path(member.name).is_absolute()


def _xml(data: bytes) -> None:
    limits = safe_xml.Limits(nesting=16, attributes=8, piece_bytes=4096, subtree=50, total_bytes=1 << 16)
    for element in safe_xml.elements(BytesIO(data), {"measData", "r"}, limits):
        assert sum(1 for _ in element.iter()) <= limits.subtree + 1


def _tokens(data: bytes) -> None:
    file = folder() / "tokens"
    file.write_bytes(data)
    read_tokens(file)
    Access(file).authorised(data.decode("latin-1"), "127.0.0.1")


def _zipped(name: str, method: int) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, b"abc" * 50)
    return out.getvalue()


_IDENTIFIED = [
    json.dumps(GOOD | more).encode()
    for more in (
        {"imsi": "001010123456789"},
        {"ue": {"supi": ["imsi-001010123456789", 1, None]}},
        {"source": "+491701234567 00:11:22:33:44:55"},
        {"rnti": 17, "element": "ManagedElement=1,UE=77"},
    )
]
_XML = [
    b'<?xml version="1.0"?><f xmlns="u"><measData a="1"><r p="1">2</r></measData><measData/></f>',
    b'<!DOCTYPE f [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><f>&b;</f>',
    '<?xml version="1.0" encoding="utf-16"?><f/>'.encode("utf-16"),
    b"<f>" * 40,
]
_TOKENS = [f"ops operate sha256:{'a' * 64}\n# x\nview read sha256:{'b' * 64}\n".encode(), b"Bearer lockstep_x", b"\xff"]
_ZIPS = [_zipped("a.csv", zipfile.ZIP_DEFLATED), _zipped("../a", zipfile.ZIP_STORED), _zipped("b", zipfile.ZIP_LZMA)]
_GZIPS = [
    gzip.compress(b"abc" * 100, mtime=0),
    gzip.compress(b"", mtime=0) * 2 + b"\0\0",
    gzip.compress(bytes(1 << 18)),
]

TARGETS = [
    Target("pseudonyms", _pseudonyms, lambda: [*_IDENTIFIED, *ACCEPTED.values()], JSON),
    Target("gzip", _gzip, lambda: _GZIPS, None, 4096),
    Target("zip", _zip, lambda: _ZIPS, None, 4096),
    Target("xml", _xml, lambda: _XML, None, 8192),
    Target("tokens", _tokens, lambda: _TOKENS, None, 2048),
]
