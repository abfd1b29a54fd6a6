"""Whether a restored shard is what its snapshot says: nothing lost, nothing made up, no row that points nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray

from stream.prepare import DAY_MS, SECOND_MS

if TYPE_CHECKING:
    from stream.shard import Shard

_MOST = 2**63 - 1


def whole(value: Any, least: int = -1) -> int:
    """`value` if it is an integer that the database can hold. Raises ValueError."""
    if type(value) is not int or not least <= value <= _MOST:
        raise ValueError(f"{str(value)[:40]!r} is not an integer from {least} up")
    return value


def length(value: Any) -> int:
    """`value` if it is a length that a period may have [ms]: others would take endless memory. Raises ValueError."""
    if type(value) is not int or not SECOND_MS <= value <= DAY_MS:
        raise ValueError(f"{str(value)[:40]!r} is not the length of a period")
    return value


def check_rows(shard: Shard) -> None:
    """Every row of a series must be a row of its table. Raises ValueError."""
    for (granularity, counter), channel in shard.channels.items():
        rows = channel.series.table_rows
        if granularity not in shard.tables or (
            rows and not 0 <= min(rows) <= max(rows) < len(shard.tables[granularity].names)
        ):
            raise ValueError(f"the series of {counter!r} has rows that its table hasn't")


def check_same(
    given: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]],
    made: tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]],
) -> None:
    """What was given must be in what a dump of the shard gives now; more may be, where this version keeps more.

    Raises:
        ValueError: It isn't.
    """
    for key, value in given[0].items():
        if key not in made[0] or _packed(made[0][key]) != _packed(value):
            raise ValueError(f"{key[:40]!r} doesn't fit the rest")
    for name, array in given[1].items():
        own = made[1].get(name)
        if own is None or (own.dtype, own.shape) != (array.dtype, array.shape) or own.tobytes() != array.tobytes():
            raise ValueError(f"the array {name[:80]!r} doesn't fit the rest")


def _packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value, order="deterministic")
