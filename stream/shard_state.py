"""A shard as bytes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray

from stream.channel import Channel
from twin import snapshot
from twin.errors import BadInput, SnapshotError
from twin.events import Alarm
from twin.state import Table
from twin.topology import Topology

if TYPE_CHECKING:
    from stream.shard import Shard

State = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def dump(shard: Shard) -> State:
    """Everything a shard knows, as plain data and arrays."""
    arrays: dict[str, NDArray[Any]] = {}
    tables, channels = {}, {}
    for granularity, table in sorted(shard.tables.items()):
        arrays |= {f"table/{granularity}/{k}": v for k, v in table.columns.state().items()}
        layouts = [
            [
                *(layout.element, layout.objects, layout.counters, layout.names),
                *(layout.arrivals.newest, sorted(layout.arrivals.said.items()), _to_bytes(layout.arrivals.seen)),
                layout.arrivals.usual,
                *(layout.stale, layout.declared),
            ]
            for group in table.layouts.values()
            for layout in group
        ]
        tables[str(granularity)] = {
            "now": table.now,
            "closed": table.closed,
            "names": table.names,
            "counters": table.counters,
            "layouts": layouts,
        }
    for (granularity, counter), channel in sorted(shard.channels.items()):
        key = f"{granularity}/{counter}"
        channels[key] = [granularity, counter]
        arrays |= {f"channel/{key}/{k}": v for k, v in channel.state().items()}
    data = {
        "config": _settings(shard),
        "partition": shard.partition,
        "next_offset": shard.next_offset,
        "revision": shard.revision,
        "counts": dict(sorted(shard.counts.items())),
        "alarms": [msgspec.to_builtins(a) for _, a in sorted(shard.alarms.items())],
        "topology": shard.topology.to_dict(),
        "tables": tables,
        "channels": channels,
    }
    return data, arrays


def load(shard: Shard, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Put what `dump` returned into an empty shard.

    Raises:
        SnapshotError: It was made under other settings, which would have made another state.
    """
    if data.get("config") != _settings(shard):
        raise SnapshotError(
            "the snapshot was made with other targets or another lateness; the twin is rebuilt from the log with the "
            "new settings"
        )
    try:
        _fill(shard, data, arrays)
    except (LookupError, TypeError, ValueError, AttributeError, BadInput) as error:
        raise SnapshotError(
            f"the snapshot doesn't fit this program ({error!r}); the twin is rebuilt from the log"
        ) from error


def _fill(shard: Shard, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    shard.next_offset, shard.revision = data["next_offset"], data["revision"]
    shard.counts.update(data["counts"])
    shard.alarms = {f"{a.object_instance}/{a.notification_id}": a for a in msgspec.convert(data["alarms"], list[Alarm])}
    shard.topology = Topology.from_dict(data["topology"])
    for key, (granularity, counter) in data["channels"].items():
        channel = shard.channels[granularity, counter] = Channel(counter, granularity, shard.config)
        channel.restore(_below(arrays, f"channel/{key}/"))
    for text, fields in data["tables"].items():
        table = shard.tables[int(text)] = Table(int(text))
        table.reserve(fields["names"], fields["counters"])
        for element, objects, counters, names, newest, said, seen, usual, stale, declared in fields["layouts"]:
            layout = table.add_layout(element, objects, counters, names)
            layout.arrivals.newest, layout.arrivals.said = newest, dict(said)
            layout.arrivals.seen, layout.arrivals.usual = int.from_bytes(seen, "big"), usual
            layout.stale, layout.declared = stale, declared
            shard.bind(table, layout)
        table.columns.restore(_below(arrays, f"table/{text}/"))
        table.now, table.closed = fields["now"], fields["closed"]


def _settings(shard: Shard) -> Any:
    """The settings as a snapshot gives them back: it knows lists, not tuples."""
    return msgspec.json.decode(msgspec.json.encode(shard.config))


def digest(shard: Shard) -> str:
    """A fingerprint of a shard's whole state."""
    return snapshot.digest(*dump(shard))


def _below(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}


def _to_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
