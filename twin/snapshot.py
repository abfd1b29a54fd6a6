"""Snapshots: named arrays and plain data in one block of bytes that can't run code when read.

Layout: magic, version, BLAKE2b-128 of the rest, zlib of (MessagePack header, array bytes). Not pickle, which runs
whatever a file says; not npz, which has no checksum over the whole and no place for the rest of the state.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from twin.errors import SnapshotError

# No objects, no records: what can't be written by `pack` isn't read.
_KINDS = frozenset("biuf")

MOST_EMPTY = 4096
"""Longest side of an array without elements."""

MAX_SIZE = 1 << 31
"""Of a snapshot before compression [byte]; a partition of 100,000 cells has some 400 MiB."""

_WRONG = (zlib.error, msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError, SyntaxError)
"""What the libraries raise at data that are none; the last for some types of arrays."""

MAGIC = b"LOCKSTEP"
VERSION = 1

Arrays = Mapping[str, NDArray[Any]]


class _Header(msgspec.Struct):
    data: dict[str, Any]
    arrays: list[tuple[str, str, list[int]]]


def _body(data: dict[str, Any], arrays: Arrays) -> bytes:
    names = sorted(arrays)
    header = msgspec.msgpack.encode(
        _Header(data, [(name, arrays[name].dtype.str, list(arrays[name].shape)) for name in names]),
        order="deterministic",
    )
    parts = [len(header).to_bytes(8, "big"), header]
    parts += [np.ascontiguousarray(arrays[name]).tobytes() for name in names]
    return b"".join(parts)


def digest(data: dict[str, Any], arrays: Arrays) -> str:
    """A fingerprint of a state, equal for equal states, 32 hexadecimal digits."""
    return blake2b(_body(data, arrays), digest_size=16).hexdigest()


def pack(data: dict[str, Any], arrays: Arrays) -> bytes:
    """Plain data (what MessagePack can carry) and arrays as bytes."""
    body = zlib.compress(_body(data, arrays), 1)
    return MAGIC + VERSION.to_bytes(2, "big") + blake2b(body, digest_size=16).digest() + body


def unpack(snapshot: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What `pack` was given; the arrays are writable copies.

    Raises:
        SnapshotError: Damaged, or of another version.
    """
    if snapshot[:8] != MAGIC:
        raise SnapshotError("this is not a snapshot; the twin is rebuilt from an older one or from the log")
    version = int.from_bytes(snapshot[8:10], "big")
    if version != VERSION:
        raise SnapshotError(
            f"the snapshot has version {version}, this program reads {VERSION}; the twin is rebuilt from the log"
        )
    body = snapshot[26:]
    if blake2b(body, digest_size=16).digest() != snapshot[10:26]:
        raise SnapshotError("the snapshot is damaged; the twin is rebuilt from an older one or from the log")
    try:
        return _open(_inflate(body))
    except _WRONG as error:
        raise SnapshotError(f"the snapshot is none inside ({error}); the twin is rebuilt from the log") from error


def _inflate(body: bytes) -> bytes:
    unzip = zlib.decompressobj()
    raw = unzip.decompress(body, MAX_SIZE)
    if not unzip.eof or unzip.unused_data:
        raise ValueError(f"it doesn't end where it should, or is larger than {MAX_SIZE} bytes")
    return raw


def _open(raw: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    size = int.from_bytes(raw[:8], "big")
    header = msgspec.msgpack.decode(raw[8 : 8 + size], type=_Header)
    arrays, at = {}, 8 + size
    for name, dtype, shape in header.arrays:
        kind = np.dtype(dtype) if len(dtype) <= 4 else None
        if kind is None or kind.kind not in _KINDS or kind.subdtype is not None:
            raise ValueError(f"array {name[:40]!r} has the type {dtype[:40]!r}")
        count = math.prod(shape)
        # What has no elements takes no room here, but where it is read into.
        sensible = all(0 <= side <= max(count, MOST_EMPTY) for side in shape)
        if not sensible or at + count * kind.itemsize > len(raw) or name in arrays:
            raise ValueError(f"array {name[:40]!r} of shape {shape[:4]} isn't all there")
        arrays[name] = np.frombuffer(raw, kind, count, at).reshape(shape).copy()
        at += count * kind.itemsize
    if at != len(raw):
        raise ValueError(f"{len(raw) - at} bytes are too many")
    return header.data, arrays
