"""What is said of alarms besides raising, changing and clearing them: by people, and by the systems they come from."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal, get_args

import msgspec

from twin import dn
from twin.alarm_record import MOST_PARTS, Alarm, CorrelatedNotification
from twin.errors import BadInput
from twin.event_types import SCHEMA_VERSION, Time

Text = Annotated[str, msgspec.Meta(max_length=1024)]
Named = Annotated[str, msgspec.Meta(max_length=2048)]
Change = Literal[
    "raised",
    "changed",
    "cleared",
    "acknowledged",
    "unacknowledged",
    "commented",
    "held",
    "released",
    "correlated",
    "in-doubt",
    "confirmed",
]
Held = Literal["qualifying", "flapping", "planned-outage", "energy-saving"]
CHANGES: tuple[str, ...] = get_args(Change)
HELD: tuple[str, ...] = get_args(Held)
LONGEST_OUTAGE = timedelta(days=366)


class AlarmNote(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Somebody acknowledges, comments or clears an alarm, a source correlates it, or says: read my list again.

    Attributes:
        id: A function of the content, or given by who made it.
        action: `confirm` means all alarms at and below `object_instance` (empty: of `source`), which the source must
            tell again or they are in doubt.
        object_instance: Of the alarm; empty: whichever object has an alarm of that id. A note without one goes to every
            partition.
        alarm_id: As `twin.alarm_record.name_of` has it.
        time: When.
        by, system, text: Who, on what, and the comment.
        source: Whose list of alarms it is about.
        correlated: With which others, for `correlate`.
    """

    id: Named
    time: Time
    action: Literal["acknowledge", "unacknowledge", "comment", "clear", "correlate", "confirm"]
    object_instance: str = ""
    alarm_id: Named = ""
    by: Text = ""
    system: Text = ""
    text: Text = ""
    correlated: list[CorrelatedNotification] = []
    source: Text = ""
    schema_version: int = SCHEMA_VERSION


class PlannedOutage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Work is planned on an object: alarms on it and below it that rise between `begin` and `end` are expected.

    Attributes:
        id: Said again, it replaces what was said before.
        time: When it was declared.
        object_instance: All below it by name, by containment and by place are meant, too.
        begin, end: Of the work.
        reason, by: What is done, and who declared it.
        source: Which system said so.
        cancelled: It doesn't take place, or is over.
    """

    id: Annotated[str, msgspec.Meta(max_length=256)]
    time: Time
    object_instance: str
    begin: Time
    end: Time
    reason: Text = ""
    by: Text = ""
    cancelled: bool = False
    source: Text = ""
    schema_version: int = SCHEMA_VERSION


class AlarmState(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How an alarm stands, each time that this changes: its record with what the twin knows of it.

    Attributes:
        id: A function of the alarm and of what changed.
        time: When it changed.
        change: What has happened to it. `held`: it is kept back, see `held`; `released`: it isn't any more.
        alarm: The record, with acknowledgement, comments, and what it is correlated with.
        number: Names the alarm in a URL, a function of object and alarm id.
        raised: When it was raised first.
        held: Why people need not look at it: `qualifying`, it hasn't stood long enough; `flapping`, it comes and goes;
            `planned-outage`, work was announced; `energy-saving`, its cell sleeps. Empty: nothing speaks against it.
        root_object, root_alarm: Object and id of its root cause; empty: it has none.
        correlated: How many alarms have it for their root cause.
        flaps: How often it was cleared and raised again while it was held as flapping.
        in_doubt: Its source has said that its list is to be read again, and hasn't told this alarm since.
        escalates: When it goes to the next level unless somebody acknowledges it; null: it doesn't.
        revision: Of the twin, after the change.
    """

    id: str
    time: Time
    change: Change
    alarm: Alarm
    number: str
    raised: Time
    held: list[Held] = []
    root_object: str = ""
    root_alarm: str = ""
    correlated: int = 0
    flaps: int = 0
    in_doubt: bool = False
    escalates: Time | None = None
    revision: int = 0
    schema_version: int = SCHEMA_VERSION


def check_note(note: AlarmNote) -> AlarmNote:
    """Return `note` if it says enough to be acted on.

    Raises:
        BadInput: bad-name; wrong-type; too-many.
    """
    if note.object_instance:
        dn.check(note.object_instance)
    if note.action == "confirm":
        if not (note.object_instance or note.source):
            raise BadInput("wrong-type", "whose list is to be read again: neither objectInstance nor source says it")
    elif not note.alarm_id:
        raise BadInput("wrong-type", f"{note.action} without alarmId")
    if len(note.correlated) > MOST_PARTS or sum(len(one.notification_ids) for one in note.correlated) > MOST_PARTS:
        raise BadInput("too-many", f"more than {MOST_PARTS} correlated notifications")
    return note


def check_outage(outage: PlannedOutage) -> PlannedOutage:
    """Return `outage` if it is one.

    Raises:
        BadInput: bad-name; bad-period, it ends before it begins or lasts more than a year.
    """
    dn.check(outage.object_instance)
    if not outage.begin < outage.end <= outage.begin + LONGEST_OUTAGE:
        raise BadInput(
            "bad-period", f"planned from {outage.begin.isoformat()} to {outage.end.isoformat()}: a year at most"
        )
    return outage
