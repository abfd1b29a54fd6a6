"""Snapshots give back what was put in; what is none is refused, whatever it claims to be, and never costs much."""

from __future__ import annotations

import zlib
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from twin import snapshot
from twin.errors import SnapshotError

quick = settings(max_examples=50, deadline=None)
kinds = st.sampled_from([np.bool_, np.int32, np.int64, np.uint32, np.float16, np.float32, np.float64]).map(np.dtype)
columns = kinds.flatmap(lambda kind: arrays.arrays(kind, arrays.array_shapes(max_dims=3, min_side=0, max_side=4)))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def sealed(raw: bytes) -> bytes:
    """Bytes in the form of a snapshot, with a right checksum."""
    body = zlib.compress(raw)
    return snapshot.MAGIC + snapshot.VERSION.to_bytes(2, "big") + blake2b(body, digest_size=16).digest() + body


def claiming(*claims: tuple[Any, ...], rest: bytes = bytes(64)) -> bytes:
    """A snapshot whose header claims arrays."""
    header = msgspec.msgpack.encode({"data": {}, "arrays": claims})
    return sealed(len(header).to_bytes(8, "big") + header + rest)


@quick
@given(
    st.dictionaries(st.text(max_size=4), plain, max_size=3), st.dictionaries(st.text(max_size=4), columns, max_size=3)
)
def test_what_is_packed_is_unpacked_to_the_bit(data: dict[str, Any], given_arrays: dict[str, Any]) -> None:
    packed = snapshot.pack(data, given_arrays)
    back, made = snapshot.unpack(packed)
    assert back == data
    assert made.keys() == given_arrays.keys()
    for name, array in given_arrays.items():
        assert (made[name].dtype, made[name].shape) == (array.dtype, array.shape)
        assert made[name].tobytes() == array.tobytes()
    assert snapshot.pack(back, made) == packed
    assert snapshot.digest(back, made) == snapshot.digest(data, given_arrays)


@quick
@given(st.binary(max_size=200))
def test_bytes_with_a_right_checksum_are_still_refused(raw: bytes) -> None:
    with pytest.raises(SnapshotError):
        snapshot.unpack(sealed(raw))


@pytest.mark.parametrize(
    "claim",
    [
        ("a", "|O", [1]),
        ("a", "|V8", [1]),
        ("a", "<U4", [1]),
        ("a", "<M8", [1]),
        ("a", "f8,i4", [1]),
        ("a", "(2,2)f8", [1]),
        ("a", "<c16", [1]),
        ("a", "?" * 100_000, [1]),
        ("a", "<f8", [2**60]),
        ("a", "<f8", [2**32, 2**32]),
        ("a", "<f8", [2**40, 0]),
        ("a", "<f8", [-1]),
        ("a", "<f8", [-1, -8]),
        ("a", "<f8", [9]),
        ("a", "<f8", [1] * 100),
        ("a", "no", [1]),
        ("a", "<f8", ["1"]),
        ("a", "<f8"),
    ],
    ids=str,
)
def test_what_no_snapshot_has_is_refused_before_it_is_made(claim: tuple[Any, ...]) -> None:
    with pytest.raises(SnapshotError):
        snapshot.unpack(claiming(claim))


def test_an_array_twice_and_bytes_too_many_are_refused() -> None:
    good = ("a", "<f8", [4])
    with pytest.raises(SnapshotError):
        snapshot.unpack(claiming(good, good))
    with pytest.raises(SnapshotError, match="too many"):
        snapshot.unpack(claiming(good, rest=bytes(33)))
    assert snapshot.unpack(claiming(good, rest=bytes(32)))[1]["a"].tolist() == [0.0] * 4


def test_a_zip_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_SIZE", 1 << 20)
    with pytest.raises(SnapshotError, match="larger than"):
        snapshot.unpack(sealed(bytes(2 << 20)))


def test_a_body_that_goes_on_behind_its_end_is_refused() -> None:
    body = zlib.compress(b"") + b"more"
    whole = snapshot.MAGIC + snapshot.VERSION.to_bytes(2, "big") + blake2b(body, digest_size=16).digest() + body
    with pytest.raises(SnapshotError):
        snapshot.unpack(whole)
