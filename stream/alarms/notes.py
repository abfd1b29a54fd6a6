"""Alarms are acknowledged, commented, cleared by hand, doubted; work is planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stream.alarms.desk import MOST_OUTAGES, Life
from stream.alarms.merging import MOST_COMMENTS
from stream.alarms.settling import reconsider
from stream.alarms.standing import end
from stream.alarms.telling import tell_alarm
from stream.decode import to_ms
from twin.alarm_events import AlarmNote, Change, PlannedOutage
from twin.alarm_record import MOST_PARTS, Alarm, AlarmComment, name_of
from twin.errors import BadInput
from twin.inventory import inside
from twin.tmf642 import number_of

if TYPE_CHECKING:
    from stream.prepare import OtherEvent
    from stream.shard import Shard

_DONE: dict[str, Change] = {
    "acknowledge": "acknowledged",
    "unacknowledge": "unacknowledged",
    "comment": "commented",
    "correlate": "changed",
}


def apply_note(shard: Shard, item: OtherEvent, note: AlarmNote) -> None:
    """Do what a note says with the alarms that it means; those that are gone or in another shard it can't reach."""
    mark = str(item.record.offset)
    if note.action == "confirm":
        _doubt(shard, note, mark)
        return
    meant = _meant(shard, note)
    shard.counts["alarm.note" if meant else "alarm.note.unknown"] += 1
    for key in meant:
        alarm, life = shard.alarms[key], shard.alarm_desk.lives[key]
        if note.action == "clear":
            _clear(shard, key, alarm, life, note, mark)
            continue
        changed = _changed(alarm, note)
        if changed == alarm:
            shard.counts["duplicate"] += 1
            continue
        shard.revision += 1
        shard.alarms[key] = changed
        tell_alarm(shard, key, changed, life, _DONE[note.action], to_ms(note.time), mark)


def apply_outage(shard: Shard, item: OtherEvent, outage: PlannedOutage) -> None:
    """Take in, replace or cancel planned work, and look again at the alarms that it concerns.

    Raises:
        BadInput: Too much is planned.
    """
    desk = shard.alarm_desk
    if outage.cancelled:
        if outage.id not in desk.outages:
            return
        desk.plan(None, outage.id)
    else:
        if desk.outages.get(outage.id) == outage:
            shard.counts["duplicate"] += 1
            return
        if outage.id not in desk.outages and len(desk.outages) >= MOST_OUTAGES:
            raise BadInput("too-many", f"{MOST_OUTAGES} planned outages are known; cancel those that are over")
        desk.plan(outage, outage.id)
    shard.revision += 1
    shard.counts["alarm.outage"] += 1
    concerned = {key for key, life in desk.lives.items() if to_ms(outage.begin) <= life.raised <= to_ms(outage.end)}
    reconsider(shard, concerned | desk.waiting, str(item.record.offset))


def _meant(shard: Shard, note: AlarmNote) -> list[str]:
    """Keys of the alarms of a note: by object and name, or by name or number alone."""
    key = f"{note.object_instance}/{note.alarm_id}"
    if key in shard.alarms:
        return [key]
    return sorted(
        key
        for key, alarm in shard.alarms.items()
        if note.alarm_id in (name_of(alarm), number_of(key))
        and (not note.object_instance or alarm.object_instance == note.object_instance)
    )


def _changed(alarm: Alarm, note: AlarmNote) -> Alarm:
    replace = msgspec.structs.replace
    if note.action in ("acknowledge", "unacknowledge"):
        state = "ACKNOWLEDGED" if note.action == "acknowledge" else "UNACKNOWLEDGED"
        alarm = replace(alarm, ack_state=state, ack_time=note.time, ack_user_id=note.by, ack_system_id=note.system)
    elif note.action == "correlate":
        known = [one for one in note.correlated if one not in alarm.correlated_notifications]
        alarm = replace(alarm, correlated_notifications=[*alarm.correlated_notifications, *known][:MOST_PARTS])
    if note.text:
        said = AlarmComment(
            comment_time=note.time, comment_user_id=note.by, comment_system_id=note.system, comment_text=note.text
        )
        if said not in alarm.comments:
            alarm = replace(alarm, comments=[*alarm.comments, said][-MOST_COMMENTS:])
    return alarm


def _clear(shard: Shard, key: str, alarm: Alarm, life: Life, note: AlarmNote, mark: str) -> None:
    shard.revision += 1
    shard.counts["alarm"] += 1
    time = to_ms(note.time)
    life.told = max(life.told, time)
    cleared = msgspec.structs.replace(
        _changed(alarm, note), perceived_severity="CLEARED", event_time=note.time, alarm_cleared_time=note.time,
        clear_user_id=note.by, clear_system_id=note.system,
    )  # fmt: skip
    end(shard, key, cleared, life, time, mark)


def _doubt(shard: Shard, note: AlarmNote, mark: str) -> None:
    """A source's list is to be read again: what it has told stands, and is in doubt until it tells it again."""
    time, desk = to_ms(note.time), shard.alarm_desk
    for key, alarm in sorted(shard.alarms.items()):
        life = desk.lives[key]
        mine = inside(alarm.object_instance, note.object_instance) if note.object_instance else True
        if not mine or (note.source and alarm.source != note.source) or life.told > time or life.doubted >= 0:
            continue
        life.doubted = time
        shard.counts["alarm.doubted"] += 1
        tell_alarm(shard, key, alarm, life, "in-doubt", time, mark)
