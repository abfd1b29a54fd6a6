"""Time passes for alarms: causes are found, what flapped is quiet, work is over, cells wake, alarms qualify.

Looked at when the events of a shard pass the end of a correlation period, so the result doesn't depend on the order in
which the alarms of a period came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from stream.alarms.desk import FLAPPING, QUALIFYING
from stream.alarms.expected import expectations, expected, settle_on
from stream.alarms.standing import end
from stream.alarms.telling import tell_alarm
from stream.decode import from_ms, to_ms
from stream.outlets import outlet
from twin.alarm_record import CorrelatedNotification
from twin.correlation import Raised, roots
from twin.events import Score

if TYPE_CHECKING:
    from stream.alarms.desk import Life
    from stream.shard import Shard

DAY_MS = 86_400_000


def pass_time(shard: Shard, now: int) -> None:
    """The events of a shard have come to `now` [ms]."""
    desk = shard.alarm_desk
    if now <= desk.now:
        return
    desk.now = now
    period = int(now // (desk.rules.period_s * 1000))
    if period <= desk.settled:
        return
    desk.settled = period
    mark = f"p{period}"
    _quiet(shard, mark)
    desk.waiting &= desk.lives.keys()
    reconsider(shard, desk.waiting | (desk.pending.keys() & desk.lives.keys()), mark)
    _correlate(shard, mark)
    shard.alarm_desk.own.settle(shard)
    for id_ in [id_ for id_, one in desk.outages.items() if to_ms(one.end) < now - DAY_MS]:
        desk.plan(None, id_)
    if now // DAY_MS > desk.day:
        _tell_score(shard)
        desk.day = now // DAY_MS


def _quiet(shard: Shard, mark: str) -> None:
    """What was held as flapping and has been quiet is over, or an alarm like any other."""
    desk = shard.alarm_desk
    done = {condition for condition, _ in desk.flapping.quiet(desk.now)}
    if not done:
        return
    for key in sorted(desk.waiting):
        life = desk.lives[key]
        if life.condition not in done or FLAPPING not in life.held:
            continue
        shard.revision += 1
        desk.hold(key, life, set(life.held) - {FLAPPING})
        if life.over:
            shard.counts["alarm"] += 1
            alarm = msgspec.structs.replace(
                shard.alarms[key], perceived_severity="CLEARED", event_time=from_ms(life.told),
                alarm_cleared_time=from_ms(life.told),
            )  # fmt: skip
            end(shard, key, alarm, life, desk.now, mark)
        else:
            tell_alarm(shard, key, shard.alarms[key], life, "released", desk.now, mark)


def reconsider(shard: Shard, keys: set[str], mark: str) -> None:
    """Look again at these alarms: why they are kept back may have gone, and what was a surprise may be none."""
    desk, given = shard.alarm_desk, expectations(shard)
    for key in sorted(keys):
        life, alarm = desk.lives[key], shard.alarms[key]
        reasons = set(life.held) & {FLAPPING, QUALIFYING}
        if QUALIFYING in reasons and desk.now - life.raised >= desk.rules.qualify_s * 1000:
            reasons.discard(QUALIFYING)
        reasons |= expected(shard, alarm, life, given)
        before = set(life.held)
        if reasons == before:
            continue
        shard.revision += 1
        for reason in sorted(reasons - before):
            shard.counts[f"alarm.held.{reason}"] += 1
        unseen = desk.hidden(key)
        settle_on(shard, key, life, reasons)
        if unseen and not desk.hidden(key):
            shard.failing.raised(shard, alarm)
            shard.fades.raised(shard, alarm)
        elif desk.hidden(key) and not unseen:
            shard.failing.withdrawn(shard, alarm)
            shard.fades.withdrawn(shard, alarm)
        change = "held" if reasons and not before else "released" if not reasons else "changed"
        tell_alarm(shard, key, shard.alarms[key], life, change, desk.now, mark)  # type: ignore[arg-type]


def _correlate(shard: Shard, mark: str) -> None:
    """Find the causes of what was raised lately, and let go what is too long ago."""
    desk = shard.alarm_desk
    if not desk.pending:
        return
    if desk.fresh:
        desk.fresh = False
        window = desk.rules.window_s * 1000
        found = roots(desk.pending, desk.upstream(shard.topology).of, window)
        touched: set[str] = set()
        for key, one in sorted(desk.pending.items()):
            root = found.get(key, "")
            if root != one.root:
                touched |= {key, root, one.root}
                _link(shard, key, one, root)
        for key in sorted(touched & desk.lives.keys()):
            _mark_root(shard, key, desk.lives[key])
            tell_alarm(shard, key, shard.alarms[key], desk.lives[key], "correlated", desk.now, mark)
        if touched:
            shard.revision += 1
    settled = desk.now - int((desk.rules.window_s + desk.rules.period_s) * 1000)
    for key in [key for key, one in desk.pending.items() if one.time < settled]:
        one = desk.pending.pop(key)
        desk.tally["raised"] += 1
        desk.tally["correlated"] += one.root != ""
        shard.counts["alarm.settled"] += 1
        shard.counts["alarm.correlated"] += one.root != ""


def _link(shard: Shard, key: str, one: Raised, root: str) -> None:
    """An alarm has another root cause than was thought, or none."""
    desk = shard.alarm_desk
    if (before := desk.lives.get(one.root)) is not None:
        before.caused = max(before.caused - 1, 0)
    one.root = root
    if (cause := desk.lives.get(root)) is not None:
        cause.caused += 1
    life = desk.lives.get(key)
    if life is None:
        return
    alarm = shard.alarms[key]
    links = list(alarm.correlated_notifications)
    if life.linked:
        links = [link for link in links if not _is(link, life.root_object, life.root_alarm)]
    life.linked = False
    life.root_object, life.root_alarm = (desk.pending[root].object, desk.pending[root].name) if root else ("", "")
    if root and not any(_is(link, life.root_object, life.root_alarm) for link in links):
        links.append(
            CorrelatedNotification(source_object_instance=life.root_object, notification_ids=[life.root_alarm])
        )
        life.linked = True
    shard.alarms[key] = msgspec.structs.replace(alarm, correlated_notifications=links)


def _is(link: CorrelatedNotification, name: str, alarm: str) -> bool:
    return link.source_object_instance == name and link.notification_ids == [alarm]


def _mark_root(shard: Shard, key: str, life: Life) -> None:
    alarm = shard.alarms[key]
    if (life.caused > 0) != alarm.root_cause_indicator and (life.caused > 0 or life.ours):
        life.ours = life.caused > 0
        shard.alarms[key] = msgspec.structs.replace(alarm, root_cause_indicator=life.ours)


def _tell_score(shard: Shard) -> None:
    """Of the alarms that were settled in the day that is over: how many, and the share that had a cause."""
    desk, tally = shard.alarm_desk, shard.alarm_desk.tally
    if desk.day >= 0 and tally["raised"]:
        end_ms = (desk.day + 1) * DAY_MS
        ratio = round(tally["correlated"] / tally["raised"], 6)
        shard.emit(
            outlet(
                "scores",
                "alarms",
                end_ms,
                Score(
                    id=f"score/alarms/{shard.partition}/{end_ms}",
                    time=from_ms(end_ms),
                    target="alarms",
                    model_version="topology",
                    metrics={"raised": float(tally["raised"]), "correlation_ratio": ratio},
                    revision=shard.revision,
                ),
            )
        )
    desk.tally.clear()
