"""How inputs are taken apart into plain data and put together again, so that a mutated one still is JSON, TOML, ..."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from datetime import date, datetime, time
from typing import Any, NamedTuple

import msgspec

RAW = "@raw:"
"""Begin of a text that is written without its quotes: what JSON can't say otherwise, such as `NaN` or `1e400`."""

_RAW = re.compile(rf'"{RAW}([^"]*)"')
UNREADABLE = (ValueError, TypeError, RecursionError, OverflowError, msgspec.MsgspecError)


class Codec(NamedTuple):
    """Bytes to plain data and back; both raise one of `UNREADABLE` where it can't be."""

    take_apart: Callable[[bytes], Any]
    put_together: Callable[[Any], bytes]


def _from_lines(data: bytes) -> Any:
    return [json.loads(line) for line in data.splitlines()]


def _to_json(tree: Any) -> bytes:
    return _RAW.sub(lambda m: m[1], json.dumps(tree, separators=(",", ":"))).encode()


def _to_lines(tree: Any) -> bytes:
    return b"".join(_to_json(item) + b"\n" for item in tree)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(str(k))} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if value is None:
        return '""'
    return json.dumps(value)


def _to_toml(tree: Any) -> bytes:
    text = "".join(f"{json.dumps(str(k))} = {_toml(v)}\n" for k, v in tree.items())
    return _RAW.sub(lambda m: m[1], text).replace("NaN", "nan").replace("Infinity", "inf").encode()


def _from_sealed(data: bytes) -> Any:
    size = int.from_bytes(data[:8], "big")
    header = msgspec.msgpack.decode(data[8 : 8 + size])
    return [header, data[8 + size :]]


def _to_sealed(tree: Any) -> bytes:
    header = msgspec.msgpack.encode(tree[0])
    return len(header).to_bytes(8, "big") + header + tree[1]


JSON = Codec(json.loads, _to_json)
LINES = Codec(_from_lines, _to_lines)
TOML = Codec(lambda data: tomllib.loads(data.decode()), _to_toml)
SEALED = Codec(_from_sealed, _to_sealed)
"""Of a snapshot, without its compression and checksum: header and the bytes of the arrays."""
TABLE = Codec(
    lambda data: [line.split(";") for line in data.decode().split("\n")],
    lambda tree: "\n".join(";".join(map(str, row)) for row in tree).encode(),
)
