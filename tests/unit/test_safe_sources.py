"""Attacks by XML, gzip and zip: refused quickly, in little memory, and nothing is fetched or written."""

from __future__ import annotations

import gzip
import io
import os
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream.sources import safe_gzip, safe_xml
from stream.sources.safe_gzip import GzipReader, gunzip, members
from stream.sources.safe_xml import Limits, elements
from tests.bench.memory import forget_peak, peak_mib, resident_mib
from twin.errors import BadInput

ROOT = Path(__file__).parents[2]
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
SECRET = "the-content-of-a-file"


class Memory:
    """What a step has taken at its peak beyond what was held before it [MiB]."""

    mib = 0.0


@contextmanager
def more_memory() -> Iterator[Memory]:
    """Other tests of this process may have held far more: the peak begins anew."""
    found, before = Memory(), resident_mib(os.getpid())
    forget_peak(os.getpid())
    yield found
    found.mib = peak_mib(os.getpid()) - before


def parse(text: str | bytes, *tags: str, limits: Limits = safe_xml.DEFAULT) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    return [element.tag for element in elements(io.BytesIO(data), tags, limits)]


def refused(text: str | bytes, limits: Limits = safe_xml.DEFAULT) -> BadInput:
    began = time.process_time()
    with pytest.raises(BadInput) as caught:
        parse(text, "m", limits=limits)
    assert time.process_time() - began < 1
    return caught.value


# XML -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f'<!DOCTYPE m [<!ENTITY l0 "ha">{LAUGHS}]><m>&l9;</m>',
        f'<!DOCTYPE m [<!ENTITY a "{"x" * 50_000}">]><m>{"&a;" * 50_000}</m>',
        '<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]><m>&x;</m>',
        '<!DOCTYPE m [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><m/>',
        '<!DOCTYPE m SYSTEM "http://127.0.0.1:1/x.dtd"><m/>',
        "<!DOCTYPE m><m/>",
        '<!DOCTYPE m [<!ATTLIST m a CDATA "x">]><m/>',
    ],
    ids=["billion laughs", "quadratic blowup", "file", "parameter entity", "DTD", "empty DTD", "attribute default"],
)
def test_whatever_has_a_document_type_is_refused(text: str) -> None:
    assert refused(text).reason == "malformed"


def test_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    asked = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)

        def listen() -> None:
            try:
                server.accept()[0].close()
            except TimeoutError:
                return
            asked.set()

        listener = threading.Thread(target=listen)
        listener.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        errors = [
            refused(f'<!DOCTYPE m [<!ENTITY x SYSTEM "{url}">]><m>&x;</m>'),
            refused(f'<!DOCTYPE m SYSTEM "{url}"><m/>'),
            refused(f'<!DOCTYPE m [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><m>&x;</m>'),
        ]
        # These two are no entities of XML's: they must stay what they are.
        included = '<m xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="{}" parse="text"/></m>'
        assert parse(included.format(url), "m") == ["m"]
        assert parse(f'<?xml-stylesheet href="{url}"?><m xmlns:x="i" x:schemaLocation="a {url}"/>', "m") == ["m"]
        listener.join()
    assert not asked.is_set()
    assert not any(SECRET in str(error) for error in errors)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<a>" * 1000, "too-large"),
        ("<a>" * 100_000 + "</a>" * 100_000, "too-large"),
        ("<a " + " ".join(f'b{n}="1"' for n in range(100)) + "/>", "too-large"),
        ('<a b="' + "x" * (3 << 20), "too-large"),
        ("<a>" + "x" * (3 << 20), "too-large"),
        ("<!--" + "x" * (3 << 20), "too-large"),
        ("<" + "a" * (3 << 20), "too-large"),
        ("<m>&undefined;</m>", "malformed"),
        ("<m>", "malformed"),
        ("", "malformed"),
        ("not xml", "malformed"),
        ('<?xml version="1.0" encoding="no-such-thing"?><m/>', "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        ("<m>\x00</m>", "malformed"),
    ],
    ids=range(14),
)
def test_what_is_too_much_or_no_xml_is_refused(text: str | bytes, reason: str) -> None:
    assert refused(text).reason == reason


def test_more_below_one_element_than_the_limit() -> None:
    assert refused("<m>" + "<v/>" * 20 + "</m>", Limits(subtree=10)).reason == "too-large"
    assert parse("<r>" + "<m><v/></m>" * 20 + "</r>", "m", limits=Limits(subtree=10)) == ["m"] * 20
    assert refused("<r>" + "<m/>" * 100_000 + "</r>", Limits(total_bytes=50_000)).reason == "too-large"


def test_what_is_wanted_is_whole_and_the_rest_is_not_kept() -> None:
    text = '<f xmlns="urn:x"><h>skip</h><m a="1"><r>5</r><m>inner</m></m><m a="2"/></f>'
    found = [
        (element.get("a"), [(child.tag, child.text) for child in element])
        for element in elements(io.BytesIO(text.encode()), ["m"])
    ]
    assert found == [("1", [("{urn:x}r", "5"), ("{urn:x}m", "inner")]), ("2", [])]


class Long:
    """A document of many measurements, made as it is read."""

    def __init__(self, count: int) -> None:
        self._parts = self._made(count)

    def _made(self, count: int) -> Iterator[bytes]:
        yield b"<r>"
        for _ in range(count):
            yield b"<m><v>1</v></m>" * 1000
        yield b"</r>"

    def read(self, size: int = -1, /) -> bytes:
        return next(self._parts, b"")


def test_memory_does_not_grow_with_the_document() -> None:
    assert sum(1 for _ in elements(Long(20), ["m"])) == 20_000
    with more_memory() as more:
        assert sum(1 for _ in elements(Long(60), ["m"])) == 60_000
    assert more.mib < 8


# gzip ----------------------------------------------------------------------------------------------------------------


def bomb(megabytes: int) -> bytes:
    return gzip.compress(bytes(megabytes << 20), 9)


def test_a_bomb_is_refused_at_once_in_little_memory() -> None:
    """10 MB that unpack to 10 GB: many streams of zeros in a row, as `cat bomb.gz bomb.gz ...` makes them."""
    data = bomb(64) * 160
    assert len(data) > 10_000_000
    began = time.process_time()
    with more_memory() as more, pytest.raises(BadInput, match="no honest file") as caught:
        gunzip(data)
    assert time.process_time() - began < 1
    assert caught.value.reason == "too-large"
    assert more.mib < 64


def test_gzip_says_what_was_packed() -> None:
    text = b"".join(b"%d;" % (n * 7919 % 10_007) for n in range(100_000))
    assert gunzip(gzip.compress(text)) == text
    assert gunzip(gzip.compress(text) + gzip.compress(b"more") + bytes(100)) == text + b"more"
    assert gunzip(gzip.compress(b"")) == b""
    reader = GzipReader(io.BytesIO(gzip.compress(text)))
    assert b"".join(iter(lambda: reader.read(7), b"")) == text
    assert gunzip(gzip.compress(bytes(4 << 20))) == bytes(4 << 20)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"plain", "malformed"),
        (gzip.compress(b"x" * 1000)[:-4], "malformed"),
        (gzip.compress(b"x" * 1000)[:-8] + bytes(8), "malformed"),
        (gzip.compress(b"x") + b"rubbish", "malformed"),
        (gzip.compress(b"x") * 1001, "too-large"),
        (gzip.compress(b"") * 1001, "too-large"),
    ],
    ids=["empty", "plain", "cut", "checksum", "rubbish after", "many streams", "many empty streams"],
)
def test_what_is_no_gzip_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        gunzip(data)
    assert caught.value.reason == reason


def test_a_total_that_is_too_large() -> None:
    with pytest.raises(BadInput, match="more than 1000 bytes"):
        gunzip(gzip.compress(bytes(range(256)) * 10), safe_gzip.Limits(total_bytes=1000))


# zip -----------------------------------------------------------------------------------------------------------------


def archive(*files: tuple[str | zipfile.ZipInfo, bytes]) -> io.BytesIO:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files:
            made.writestr(name, content)
    out.seek(0)
    return out


def unzipped(source: io.BytesIO, limits: safe_gzip.Limits = safe_gzip.DEFAULT) -> dict[str, bytes]:
    return {member.name: member.file.read() for member in members(source, limits)}


def test_zip_says_what_was_packed() -> None:
    assert unzipped(archive(("a.xml", b"x"), ("d/b.xml", b"yy"), ("d/", b""))) == {"a.xml": b"x", "d/b.xml": b"yy"}


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "..\\up", "C:\\x", "a\nb"])
def test_a_name_that_leads_elsewhere(name: str) -> None:
    with pytest.raises(BadInput, match="leads elsewhere"):
        unzipped(archive((name, b"x")))


def test_a_link_and_a_bomb_and_a_lie() -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with pytest.raises(BadInput, match="regular file"):
        unzipped(archive((link, b"/etc/passwd")))
    packed = archive(*((f"{n}", bytes(8 << 20)) for n in range(4)))
    began = time.process_time()
    with pytest.raises(BadInput, match="no honest file"):
        unzipped(packed)
    assert time.process_time() - began < 1
    with pytest.raises(BadInput, match="files"):
        unzipped(archive(*((f"{n}", b"") for n in range(20))), safe_gzip.Limits(members=10))
    # One that says it is small: what comes out is cut, or counted, never more than it says.
    lie = bytearray(archive(("a", bytes(8 << 20))).getvalue())
    size = (8 << 20).to_bytes(4, "little")
    for _ in range(2):
        lie[lie.index(size) : lie.index(size) + 4] = (10).to_bytes(4, "little")
    with pytest.raises(BadInput):
        unzipped(io.BytesIO(bytes(lie)))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"rubbish" * 100, archive(("a", b"x" * 100)).getvalue()[:-30]],
    # An archive holds the time it was made: as its name it would differ from process to process.
    ids=["empty", "two bytes", "rubbish", "cut short"],
)
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput) as caught:
        unzipped(io.BytesIO(data))
    assert caught.value.reason == "malformed"


def test_ten_gigabytes_are_refused_by_a_process_with_little_memory() -> None:
    """The same with an address space that couldn't hold it."""
    code = """
import gzip, io, resource, sys
data = gzip.compress(bytes(64 << 20), 9) * 160
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
from stream.sources.safe_gzip import GzipReader
from stream.sources.safe_xml import elements
from twin.errors import BadInput
try:
    list(elements(GzipReader(io.BytesIO(data)), ["m"]))
except BadInput as error:
    sys.exit(f"refused {error.reason}")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stderr.strip().startswith("refused"), done.stderr
