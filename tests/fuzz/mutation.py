"""Mutations of plain data: what a broken, foreign or hostile sender would change."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

from tests.fuzz.codecs import RAW, UNREADABLE, Codec

Step = tuple[Any, Any]
"""A container and the key or index of one of its items."""

NUMBERS: list[Any] = [
    *(0, -1, 1, 2, 7, 60, 1024, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30),
    *(-0.0, 0.1, 100.0, 100.1, 1e-320, 1e38, 1e300, 1.7e308, -1.7e308),
    *(f"{RAW}{text}" for text in ("1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1E+2", "0." + "9" * 400)),
    f"{RAW}{'9' * 5000}",
]
TEXTS: list[Any] = [
    *(
        "",
        " ",
        "\x00",
        "\x7f",
        "\x85",
        "\u2028",
        "\ud800",
        "\udfff\ud800",
        "\U0001f4f6",
        "\ufeff",
        "é",
        "a" * 129,
        "," * 20,
    ),
    *(
        "ManagedElement=1",
        "SubNetwork=1,ManagedElement=a,NRCellDU=1",
        "=1",
        "A=",
        ",".join(["A=1"] * 17),
        "A" * 600 + "=1",
    ),
    *("1970-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999-12:00", "2026-02-30T00:00:00Z"),
    *(
        "2026-01-05T00:00:00",
        "2026-01-05T00:14:59.9999999Z",
        "2026-06-30T23:59:60Z",
        "24h",
        "15min",
        "0s",
        "9" * 30 + "d",
    ),
    *(
        "RRU.PrbTotDl",
        "DRB.UEThpDl.7",
        "PEE.AvgPower",
        "Cel",
        "%",
        "nan",
        "inf",
        "1e5",
        "1_0",
        "١",
        "{Cell}",
        "{",
        "%d%d",
        "**",
    ),
    *("utf-16", "zip", "punycode", "../..", "/etc/*", "Europe/Rome", "|O", ">f8", "<U9", "f8,i4", "V0", "(2,3)f8", "?"),
]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], {"": None}, f"{RAW}{'[' * 3000}", f"{RAW}{{}},{{}}"]


class Mutator:
    """Changes inputs of one codec.

    Args:
        seeds: Where words and pieces are taken from.
        plain: Changes bytes without knowing what they are: `(data, most bytes) -> data`.
    """

    def __init__(self, codec: Codec | None, seeds: Sequence[bytes], plain: Callable[[bytes, int], bytes]) -> None:
        self._codec = codec
        self._plain = plain
        self._pieces: list[Any] = []
        self._words: list[str] = []
        for seed in seeds:
            if (tree := self._tree(seed)) is not None:
                self._collect(tree)
        self._words = sorted(set(self._words)) or ["x"]

    def __call__(self, data: bytes, max_size: int, seed: int) -> bytes:
        """A changed input of at most `max_size` bytes."""
        rng = random.Random(seed)
        tree = self._tree(data) if rng.random() < 0.85 else None
        if tree is None:
            return self._plain(data, max_size)
        try:
            for _ in range(1 + min(int(rng.expovariate(0.7)), 6)):
                tree = self._change(tree, rng)
            made = self._codec.put_together(tree) if self._codec else b""
        except (*UNREADABLE, AttributeError, LookupError):
            return self._plain(data, max_size)
        return made if len(made) <= max_size else self._plain(data, max_size)

    def _tree(self, data: bytes) -> Any:
        try:
            return self._codec.take_apart(data) if self._codec else None
        except UNREADABLE:
            return None

    def _collect(self, tree: Any) -> None:
        for container, key in steps(tree):
            if isinstance(container, dict):
                self._words.append(str(key))
            self._pieces.append(container[key])

    def _change(self, tree: Any, rng: random.Random) -> Any:
        places = steps(tree)
        if not places:
            return self._value(tree, rng)
        container, key = rng.choice(places)
        kind = rng.randrange(8)
        if kind == 0:
            del container[key]
        elif kind == 1 and isinstance(container, list):
            container.insert(rng.randrange(len(container) + 1), copy.deepcopy(rng.choice(container)))
        elif kind == 1 or (kind == 2 and isinstance(container, dict)):
            container[rng.choice(self._words)] = self._value(container[key], rng)
        elif kind == 2:
            other, place = rng.choice(places)
            container[key] = copy.deepcopy(other[place]) if other is not container else other[place]
        elif kind == 3 and self._pieces:
            container[key] = copy.deepcopy(rng.choice(self._pieces))
        elif kind == 4 and isinstance(container, list):
            rng.shuffle(container)
        else:
            container[key] = self._value(container[key], rng)
        return tree

    def _value(self, old: Any, rng: random.Random) -> Any:
        kind = rng.randrange(6)
        if kind < 3 and isinstance(old, bytes):
            return self._plain(old, max(2 * len(old), 64))
        if kind == 0 and isinstance(old, int | float):
            return old + rng.choice((1, -1, 0.5, 60, 1e6, -old))
        if kind == 0 and isinstance(old, str):
            at = rng.randrange(len(old) + 1)
            return old[:at] + rng.choice(TEXTS[:14]) + old[at + rng.randrange(3) :]
        if kind == 1 and isinstance(old, list | str) and old:
            return old * rng.choice((2, 3, 40)) if len(old) < 200 else old[: len(old) // 2]
        return rng.choice((NUMBERS, TEXTS, OTHERS, self._words)[min(kind, 3)] if kind else NUMBERS)


def steps(tree: Any) -> list[Step]:
    """Every place in a tree, its root's items first."""
    out: list[Step] = []
    stack = [tree]
    while stack and len(out) < 5000:
        node = stack.pop()
        if isinstance(node, dict):
            out.extend((node, key) for key in node)
            stack.extend(node.values())
        elif isinstance(node, list):
            out.extend((node, i) for i in range(len(node)))
            stack.extend(node)
    return out
