"""A shard as bytes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray

from stream.admission import bind
from stream.alarms.standing import adopt
from stream.channel import Channel
from stream.config import ShardConfig
from stream.radio.soundings import new_twin
from stream.registry.changes import equip, equip_failures
from stream.shard_check import check_rows, check_same, length, whole
from twin import snapshot
from twin.alarm_record import key_of, short
from twin.errors import LockstepError, SnapshotError
from twin.events import Alarm, Whole
from twin.parts import below
from twin.radio import keeping
from twin.state import Table
from twin.topology import Topology

if TYPE_CHECKING:
    from stream.shard import Shard

_UNFIT = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, MemoryError),
    *(msgspec.MsgspecError, LockstepError),
)
"""What data raise that are whole, but were made by another program or by nobody's."""

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
                *(layout.arrivals.state(), layout.stale, layout.instant, layout.ahead, layout.counted),
                layout.declared,
            ]
            for group in table.layouts.values()
            for layout in group
        ]
        tables[str(granularity)] = {
            "now": table.now,
            "closed": table.closed,
            "pace": [table.pace.watermark, table.pace.pace, table.pace.since],
            "names": table.names,
            "counters": table.counters,
            "layouts": layouts,
        }
    for (granularity, counter), channel in sorted(shard.channels.items()):
        key = f"{granularity}/{counter}"
        channels[key] = [granularity, counter]
        arrays |= {f"channel/{key}/{k}": v for k, v in channel.state().items()}
    radio = {}
    for number, (name, twin) in enumerate(sorted(shard.radio.items())):
        radio[name], own = keeping.dump(twin)
        arrays |= {f"radio/{number}/{k}": v for k, v in own.items()}
    models, own = shard.models.dump()
    arrays |= {f"models/{k}": v for k, v in own.items()}
    failing, own = shard.failing.dump()
    arrays |= {f"failing/{k}": v for k, v in own.items()}
    fades, own = shard.fades.dump()
    arrays |= {f"fades/{k}": v for k, v in own.items()}
    handovers, own = shard.handovers.dump()
    arrays |= {f"handovers/{k}": v for k, v in own.items()}
    totals, own = shard.totals.dump()
    arrays |= {f"totals/{k}": v for k, v in own.items()}
    data = {
        "config": _settings(shard),
        "partition": shard.partition,
        "next_offset": shard.next_offset,
        "revision": shard.revision,
        "counts": dict(sorted(shard.counts.items())),
        "alarms": [short(alarm) for _, alarm in sorted(shard.alarms.items())],
        "alarm_desk": shard.alarm_desk.dump(),
        "repeats": shard.repeats.state(),
        "inventories": shard.inventories.dump(),
        "newest_event": shard.newest_event,
        "topology": shard.topology.to_dict(),
        "tables": tables,
        "channels": channels,
        "radio": radio,
        "models": models,
        "failing": failing,
        "fades": fades,
        "handovers": handovers,
        "totals": totals,
    }
    if heard := shard.neighbours_heard.dump():
        data["neighbours_heard"] = heard
    return data, arrays


def load(shard: Shard, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    """Put what `dump` returned into an empty shard.

    Raises:
        SnapshotError: It was made under other settings, which would have made another state.
    """
    if _config(data) != shard.config:
        raise SnapshotError(
            "the snapshot was made with other targets or another lateness; the twin is rebuilt from the log with the "
            "new settings"
        )
    try:
        _fill(shard, data, arrays)
        check_rows(shard)
        check_same((data | {"config": _settings(shard)}, arrays), dump(shard))
    except _UNFIT as error:
        raise SnapshotError(
            f"the snapshot doesn't fit this program ({error!r}); the twin is rebuilt from the log"
        ) from error


def _fill(shard: Shard, data: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> None:
    shard.next_offset, shard.revision = whole(data["next_offset"], 0), whole(data["revision"], 0)
    shard.counts.update(msgspec.convert(data["counts"], dict[str, Whole]))
    shard.alarms = {key_of(alarm): alarm for alarm in msgspec.convert(data["alarms"], list[Alarm])}
    if "alarm_desk" in data:
        shard.alarm_desk.load(data["alarm_desk"])
    else:
        adopt(shard)
    if shard.alarms.keys() != shard.alarm_desk.lives.keys():
        raise ValueError("the alarms and what is known of them don't fit together")
    shard.repeats.restore(data["repeats"])
    shard.inventories.load(data["inventories"])
    shard.newest_event = whole(data["newest_event"])
    shard.topology = Topology.from_dict(data["topology"])
    for number, (name, fields) in enumerate(sorted(data.get("radio", {}).items())):
        twin = shard.radio[name] = new_twin(shard, name)
        keeping.load(twin, fields, below(arrays, f"radio/{number}/"))
    if "models" in data:
        shard.models.load(data["models"], below(arrays, "models/"))
    equip_failures(shard)
    if "failing" in data:
        shard.failing.load(data["failing"], below(arrays, "failing/"))
    if "totals" in data:
        shard.totals.load(data["totals"], below(arrays, "totals/"))
    if "fades" in data:
        shard.fades.load(data["fades"], below(arrays, "fades/"))
    if "handovers" in data:
        shard.handovers.load(data["handovers"], below(arrays, "handovers/"))
    shard.neighbours_heard.load(data.get("neighbours_heard", []))
    for key, (granularity, counter) in data["channels"].items():
        channel = shard.channels[granularity, counter] = Channel(counter, length(granularity), shard.config)
        equip(shard, channel)
        channel.restore(below(arrays, f"channel/{key}/"))
    for text, fields in data["tables"].items():
        table = shard.tables[int(text)] = Table(length(int(text)))
        table.reserve(fields["names"], fields["counters"])
        for element, objects, counters, names, arrivals, stale, instant, ahead, counted, declared in fields["layouts"]:
            layout = table.add_layout(element, objects, counters, names)
            layout.arrivals.restore(arrivals)
            layout.stale, layout.instant, layout.ahead, layout.declared = stale, instant, ahead, declared
            layout.strangers = not declared and any(name not in shard.topology for name in names)
            if counted:
                table.count(layout, -1)
            bind(shard, table, layout)
        table.columns.restore(below(arrays, f"table/{text}/"))
        table.now, table.closed = whole(fields["now"]), whole(fields["closed"], -1024)
        table.pace.watermark, table.pace.pace, table.pace.since = fields["pace"]


def _config(data: dict[str, Any]) -> ShardConfig | None:
    """The settings that a snapshot was made with; those that weren't there then are as they are by default."""
    try:
        return msgspec.convert(data.get("config"), ShardConfig)
    except msgspec.ValidationError:
        return None


def _settings(shard: Shard) -> Any:
    """The settings as a snapshot gives them back: it knows lists, not tuples."""
    return msgspec.json.decode(msgspec.json.encode(shard.config))


def digest(shard: Shard) -> str:
    """A fingerprint of a shard's whole state."""
    return snapshot.digest(*dump(shard))


def event_time(shard: Shard) -> int | None:
    """How far the network's time has come in a shard's state [ms since 1970]; None if it has seen nothing."""
    ends = [int(table.columns["end"].max(initial=-1)) for table in shard.tables.values()]
    newest = max(ends, default=-1)
    newest = max(newest, shard.newest_event)
    return newest if newest >= 0 else None
