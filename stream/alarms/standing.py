"""Alarms: which ones stand, and which records have come before.

A record raises, changes or clears. How the alarm stands then (`stream.alarms.desk`) decides what is told of it: one
that is expected, comes and goes or hasn't stood long enough is kept, marked and counted, and nobody is woken for it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from stream.alarms.desk import FLAPPING, QUALIFYING, Life
from stream.alarms.expected import expectations, expected, settle_on
from stream.alarms.merging import merged, same
from stream.alarms.telling import tell_alarm
from stream.decode import from_ms, to_ms
from twin.alarm_record import OWN, Alarm, key_of, name_of, short
from twin.correlation import raised
from twin.errors import BadInput
from twin.flapping import Flap, condition_of

if TYPE_CHECKING:
    from stream.prepare import OtherEvent
    from stream.shard import Shard

MOST_ALARMS = 50_000
"""That stand at once: a source that never clears any must not fill the memory."""

REMEMBERED = 4096
"""Records by whose checksums repeated ones are told."""
LATE_MS = 900_000
"""What happened before what is known of its alarm, by less than this, came late; by more, a clock was set back."""


def apply_alarm(shard: Shard, item: OtherEvent, event: Alarm) -> None:
    """Raise, change or clear an alarm.

    Raises:
        BadInput: Too many alarms stand already.
    """
    if name_of(event).startswith(OWN):
        # What the twin has said itself must not come back as news.
        shard.counts["alarm.own"] += 1
        return
    desk, key, time = shard.alarm_desk, key_of(event), to_ms(event.event_time)
    before, clears, mark = shard.alarms.get(key), event.perceived_severity == "CLEARED", str(item.record.offset)
    if before is None and not clears and len(shard.alarms) >= MOST_ALARMS:
        raise BadInput("too-many", f"{MOST_ALARMS} alarms stand already; their sources should clear what is over")
    life = desk.lives.get(key)
    if before is not None and life is not None and life.doubted >= 0 and not clears:
        life.doubted = -1
        shard.counts["alarm.confirmed"] += 1
        tell_alarm(shard, key, before, life, "confirmed", mark=mark)
    known = life.told if life is not None else desk.gone.get(key, -1)
    late = known - LATE_MS <= time < known
    repeated = shard.repeats.note(_checksum(event)) or (before is not None and same(before, event))
    if repeated or (before is None and clears):
        shard.counts["duplicate"] += 1
        if before is None and clears and not late:
            desk.gone[key] = max(time, known)
            desk.trim()
        return
    if late:
        shard.counts["alarm.late"] += 1
        return
    shard.counts["alarm"] += 1
    shard.revision += 1
    if before is None or life is None:
        _raise(shard, key, event, time, mark)
    elif clears:
        _clear(shard, key, event, life, time, mark)
    else:
        shard.alarms[key] = merged(before, event)
        life.told = time
        if life.over:
            life.over = False
            life.flaps += 1
            shard.counts["alarm.flap"] += 1
            desk.flapping.raised(life.condition, time)
        tell_alarm(shard, key, shard.alarms[key], life, "changed", mark=mark)


def adopt(shard: Shard) -> None:
    """Make up what a state from before there was a desk doesn't say of its alarms."""
    for key, alarm in shard.alarms.items():
        time = to_ms(alarm.event_time)
        shard.alarm_desk.lives[key] = Life(time, time, condition_of(alarm))


def end(shard: Shard, key: str, alarm: Alarm, life: Life, time: int, mark: str) -> None:
    """An alarm is over; `alarm` is the last that is said of it."""
    del shard.alarms[key]
    shard.alarm_desk.forget(key, life.told)
    if QUALIFYING in life.held:
        shard.counts["alarm.unqualified"] += 1
    tell_alarm(shard, key, alarm, life, "cleared", time, mark)


def _raise(shard: Shard, key: str, event: Alarm, time: int, mark: str) -> None:
    desk = shard.alarm_desk
    condition = condition_of(event)
    begun = to_ms(event.alarm_raised_time) if event.alarm_raised_time is not None else time
    flap = desk.flapping.raised(condition, time)
    if flap is not None and _returned(shard, key, event, flap, time, mark):
        return
    life = Life(min(begun, time), time, condition)
    if event.alarm_raised_time is None:
        event = msgspec.structs.replace(event, alarm_raised_time=from_ms(time))
    desk.lives[key], shard.alarms[key] = life, event
    reasons = expected(shard, event, life, expectations(shard))
    if flap is not None:
        flap.key = key
        reasons.add(FLAPPING)
    if desk.rules.qualify_s > 0:
        reasons.add(QUALIFYING)
    pend(shard, key, event, life)
    settle_on(shard, key, life, reasons)
    for reason in life.held:
        shard.counts[f"alarm.held.{reason}"] += 1
    if not desk.hidden(key):
        shard.failing.raised(shard, shard.alarms[key])
        shard.fades.raised(shard, shard.alarms[key])
        desk.own.happened(shard, shard.alarms[key])
    tell_alarm(shard, key, shard.alarms[key], life, "raised", mark=mark)


def _returned(shard: Shard, key: str, event: Alarm, flap: Flap, time: int, mark: str) -> bool:
    """Whether what is raised is an alarm that is held as flapping, under another id."""
    desk = shard.alarm_desk
    held = desk.lives.get(flap.key)
    if held is None or not held.over:
        return False
    record = merged(shard.alarms.pop(flap.key), event)
    del desk.lives[flap.key]
    desk.waiting.discard(flap.key)
    if (waiting := desk.pending.pop(flap.key, None)) is not None:
        waiting.name = name_of(event)
        desk.pending[key] = waiting
    flap.key = key
    shard.alarms[key], desk.lives[key] = record, held
    desk.waiting.add(key)
    held.over, held.told = False, time
    held.flaps += 1
    shard.counts["alarm.flap"] += 1
    tell_alarm(shard, key, record, held, "changed", mark=mark)
    return True


def _clear(shard: Shard, key: str, event: Alarm, life: Life, time: int, mark: str) -> None:
    desk = shard.alarm_desk
    life.told = time
    desk.flapping.cleared(life.condition, time)
    if FLAPPING in life.held:
        life.over = True
        shard.counts["alarm.flap"] += 1
        return
    cleared = merged(shard.alarms[key], event)
    if cleared.alarm_cleared_time is None:
        cleared = msgspec.structs.replace(cleared, alarm_cleared_time=from_ms(time))
    end(shard, key, cleared, life, time, mark)


def pend(shard: Shard, key: str, alarm: Alarm, life: Life) -> None:
    """Let an alarm wait for its cause to be found."""
    desk = shard.alarm_desk
    if len(desk.pending) >= MOST_ALARMS and key not in desk.pending:
        shard.counts["alarm.uncorrelated"] += 1
        return
    if (before := desk.pending.get(key)) is not None:  # it was over, and is back before its cause was settled
        desk.tally.update(raised=1, correlated=int(before.root != ""))
    desk.pending[key] = raised(alarm, name_of(alarm), life.raised)
    desk.fresh = True


def _checksum(event: Alarm) -> int:
    """Of a record: one that is sent again is recognised, even after it was cleared."""
    return int.from_bytes(blake2b(msgspec.json.encode(short(event)), digest_size=8).digest(), "big")
