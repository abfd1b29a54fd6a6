"""Full inventories on their way: parts that wait for the others, and what was said last of each scope."""

from __future__ import annotations

from typing import Any

import msgspec

from twin.errors import BadInput
from twin.events import Inventory
from twin.inventory import key_of, milliseconds

MOST_BYTES = 128 * 2**20
"""Of all parts that wait."""

MOST_WAITING, MOST_SCOPES = 16, 1024
STALE_MS = 86_400_000
"""So much older than the newest inventory, one that is not complete will not become so."""

_DECODER = msgspec.json.Decoder(Inventory)


class Waiting(msgspec.Struct):
    """An inventory of which parts are missing; `bodies` are the messages of the others, by part."""

    id: str
    time: int
    parts: int
    source: str
    confirmed: bool
    bodies: dict[int, bytes]

    def size(self) -> int:
        """Of what has come [byte]."""
        return sum(map(len, self.bodies.values()))


class Last(msgspec.Struct):
    """The last complete inventory of a scope, and a digest of what was raised about it."""

    id: str
    time: int
    raised: str


class Inventories:
    """What one shard remembers of full inventories, bounded, part of its state.

    Attributes:
        waiting, last: By `twin.inventory.key_of`.
    """

    def __init__(self) -> None:
        self.waiting: dict[str, Waiting] = {}
        self.last: dict[str, Last] = {}

    def check(self, part: Inventory) -> None:
        """Whether a part can be taken at all; changes nothing.

        Raises:
            BadInput: A newer inventory of the scope is known, there are too many scopes, or it contradicts other parts.
        """
        key, time = key_of(part), milliseconds(part)
        last, begun = self.last.get(key), self.waiting.get(key)
        newest = max((one.time for one in (last, begun) if one), default=time)
        if time < newest:
            raise BadInput("outdated", f"{part.id!r} was taken before one of the same scope that is known already")
        if last is None and len(self.last) >= MOST_SCOPES:
            raise BadInput("too-many", f"inventories of {MOST_SCOPES} scopes are known already: is {key!r} one?")
        if begun is not None and begun.id == part.id and _head(begun) != _head(_begin(part)):
            raise BadInput(
                "contradiction", f"part {part.part} of {part.id!r} doesn't agree with the others on the whole"
            )

    def take(self, part: Inventory, body: bytes) -> list[Inventory] | None:
        """Add a part.

        Returns:
            All parts, when this was the last that was missing.

        Raises:
            BadInput: Another message was the same part, or there is no room for it.
        """
        if part.parts == 1:
            return [part]
        key = key_of(part)
        begun = self.waiting.setdefault(key, _begin(part))
        before = begun.bodies.setdefault(part.part, body)
        if before != body:
            raise BadInput("contradiction", f"part {part.part} of {part.id!r} has come before and said something else")
        if begun.size() > MOST_BYTES:
            del self.waiting[key]
            raise BadInput("too-large", f"the parts of {part.id!r} are more than {MOST_BYTES} bytes: divide its scope")
        if len(begun.bodies) < part.parts:
            return None
        del self.waiting[key]
        return [_DECODER.decode(each) for _, each in sorted(begun.bodies.items())]

    def give_up(self, part: Inventory, size: int) -> list[tuple[str, Waiting]]:
        """Drop what will not become complete, or what there is no room for beside a part of so many bytes.

        Returns:
            What was dropped, and its key.
        """
        key, time = key_of(part), milliseconds(part)
        dropped = [
            name
            for name, each in self.waiting.items()
            if each.time < time - STALE_MS or (name == key and each.id != part.id)
        ]
        kept = sorted(((each.time, name) for name, each in self.waiting.items() if name not in (key, *dropped)))
        total = size + sum(self.waiting[name].size() for name in self.waiting if name not in dropped)
        room = MOST_WAITING - (part.parts > 1)
        while kept and part.parts > 1 and (total > MOST_BYTES or len(kept) > room):
            _, oldest = kept.pop(0)
            total -= self.waiting[oldest].size()
            dropped.append(oldest)
        return [(name, self.waiting.pop(name)) for name in sorted(dropped)]

    def dump(self) -> dict[str, Any]:
        """As plain data, in an order that depends on the content alone."""
        return {
            "waiting": {
                key: [each.id, each.time, each.parts, each.source, each.confirmed, sorted(each.bodies.items())]
                for key, each in sorted(self.waiting.items())
            },
            "last": {key: [each.id, each.time, each.raised] for key, each in sorted(self.last.items())},
        }

    def load(self, data: dict[str, Any]) -> None:
        """Take over what `dump` gave."""
        for key, (id_, time, parts, source, confirmed, bodies) in data["waiting"].items():
            self.waiting[key] = Waiting(id_, time, parts, source, confirmed, dict(bodies))
        self.last = {key: Last(*fields) for key, fields in data["last"].items()}


def _begin(part: Inventory) -> Waiting:
    return Waiting(part.id, milliseconds(part), part.parts, part.source, part.confirmed, {})


def _head(waiting: Waiting) -> tuple[int, int, str, bool]:
    return waiting.time, waiting.parts, waiting.source, waiting.confirmed
