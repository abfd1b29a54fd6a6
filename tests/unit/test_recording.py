"""A recording gives back the very bytes, is the same file every time, and says where it is damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream import recording
from twin.errors import ConfigurationError
from twin.log import LogRecord

REPORT = b'{"element":"ManagedElement=1", "values":[[1.0,null]],"note":"\\u00fc \xc3\xbc"}'


def record(offset: int = 0, partition: int = 0, value: bytes = REPORT) -> LogRecord:
    return LogRecord(partition, offset, "ManagedElement=1", 1_700_000_000_000, "lockstep.report.v1", value)


values = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"",
            b"{}",
            b" {}",
            b"{}\n",
            b'{"a":\n1}',
            b"null",
            b"[1]",
            b'{"a":1e999}',
            b'{"a":"\xff"}',
            b'{"a":1}{',
            b"{,}",
        ]
    ),
    st.dictionaries(st.text(max_size=5), st.floats() | st.text(max_size=5), max_size=3).map(lambda d: repr(d).encode()),
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.text(st.characters(exclude_categories=("Cs",))), st.integers(0, 2**53), values)
    )
)
def test_round_trip_is_byte_exact(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]) -> None:
    path = tmp_path_factory.mktemp("recording") / "r.jsonl.gz"
    records = [LogRecord(p, i, key, time, "t", value) for i, (p, key, time, value) in enumerate(rows)]
    assert recording.write(path, 4, records) == len(records)
    assert list(recording.read(path)) == records
    assert recording.header(path).partitions == 4


def test_same_records_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a", "b"):
        recording.write(tmp_path / name, 1, [record(i) for i in range(20)])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_json_stands_inline_and_other_bytes_in_base64(tmp_path: Path) -> None:
    recording.write(tmp_path / "r", 1, [record(0), record(1, value=b"\x00")])
    lines = gzip.decompress((tmp_path / "r").read_bytes()).splitlines()
    assert REPORT in lines[1]
    assert b'"value64":"AA=="' in lines[2]


def test_truncated_file_gives_the_good_records_then_says_so(tmp_path: Path) -> None:
    path = tmp_path / "r"
    recording.write(path, 1, [record(i, value=b'{"a":"%d"}' % (i * 7919 % 997)) for i in range(2000)])
    path.write_bytes(path.read_bytes()[:-2000])
    seen: list[int] = []
    with pytest.raises(ConfigurationError, match="cut off after line"):
        seen.extend(r.offset for r in recording.read(path))
    assert seen == list(range(len(seen)))
    assert len(seen) > 100


def lines_of(path: Path, *lines: bytes) -> Path:
    path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
    return path


HEADER = b'{"lockstep_recording":1,"partitions":1}'
GOOD = b'{"partition":0,"offset":0,"key":"k","time":1,"type":"t","value":{}}'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([b"hello"], "line 1: not the header"),
        ([b'{"lockstep_recording":2,"partitions":1}'], "format 2"),
        ([HEADER, b"{}"], "line 2: not a record"),
        ([HEADER, GOOD, GOOD], "line 3: offset 0"),
        ([HEADER, GOOD.replace(b'"partition":0', b'"partition":1')], "line 2: partition 1"),
        ([HEADER, GOOD.replace(b',"value":{}', b"")], "line 2: .*either value or value64"),
        ([HEADER, GOOD.replace(b'"value":{}', b'"value64":"*"')], "line 2: not a record"),
        ([HEADER, b"\xff"], "line 2: not a record"),
        ([HEADER, GOOD[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"], "line 2: not a record"),
        ([HEADER, GOOD.replace(b'"offset":0', b'"offset":1' + b"0" * 30)], "line 2: not a record"),
        ([HEADER, GOOD.replace(b'"time":1', b'"time":1' + b"0" * 30)], "line 2: not a record"),
        ([HEADER[:-1] + b',"x":' + b"[" * 5000 + b"]" * 5000 + b"}"], "line 1: not the header"),
        ([HEADER.replace(b":1}", b":1152921504606846976}")], "line 1: .* partitions"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path: Path, lines: list[bytes], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        list(recording.read(lines_of(tmp_path / "r", *lines)))


def test_absent_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't read"):
        list(recording.read(tmp_path / "none"))
    (tmp_path / "text").write_text("no gzip")
    with pytest.raises(ConfigurationError, match="damaged gzip"):
        list(recording.read(tmp_path / "text"))
    (tmp_path / "empty").write_bytes(gzip.compress(b""))
    with pytest.raises(ConfigurationError, match="empty"):
        recording.header(tmp_path / "empty")


def test_writer_refuses_what_the_reader_would(tmp_path: Path) -> None:
    with recording.Writer(tmp_path / "r", 1) as writer:
        writer.write(record(5))
        with pytest.raises(ConfigurationError, match="offset 5"):
            writer.write(record(5))
    assert [r.offset for r in recording.read(tmp_path / "r")] == [5]
