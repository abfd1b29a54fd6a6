"""Soundings and burst results in the fold: the radio twins of a shard's regions, and what they tell and ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream.decode import from_ms, to_ms
from stream.outlets import outlet
from stream.radio.drift import tell_fidelity, tell_moved
from stream.telling import tell
from twin.errors import BadInput
from twin.radio import soundings
from twin.radio.adoption import Compared, worse
from twin.radio.events import BurstOrder, BurstRequest, BurstResult, Sounding
from twin.radio.expecting import EMPIRICAL, RAY_TRACED
from twin.radio.planning import PlanSettings, Want
from twin.radio.region import read, region_of
from twin.radio.twin import PERIOD_MS, REMEMBERED, RadioTwin

if TYPE_CHECKING:
    from stream.config import ShardConfig
    from stream.prepare import OtherEvent
    from stream.shard import Shard

MARGIN_M = 5.0
"""Around what was heard, for the area of a burst."""


def new_twin(shard: Shard, region: str) -> RadioTwin:
    """An empty radio twin of a region that is in the topology."""
    return RadioTwin(read(shard.topology, region), _plans(shard.config))


def apply_sounding(shard: Shard, item: OtherEvent, event: Sounding) -> None:
    """Compare a sounding with what the twin expects; ask for a burst where one is due."""
    name = region_of(shard.topology, event.element)
    if name is None:
        shard.counts["sounding.no-scene"] += 1
        return
    twin = _twin(shard, name)
    if twin.repeated(event.id):
        shard.counts["duplicate"] += 1
        return
    if not twin.region.cells:
        shard.counts["sounding.no-cell"] += 1
        return
    now = to_ms(event.time)
    period = now // PERIOD_MS
    if twin.period < period:
        _close(shard, twin, item, period)
    taken = twin.hear(now, soundings.check(event))
    if taken is None:
        shard.counts["sounding.late"] += 1
    else:
        shard.counts["sounding"] += 1
        shard.counts[f"sounding.{RAY_TRACED}"] += taken.traced
        shard.counts[f"sounding.{EMPIRICAL}"] += taken.empirical
    if (verdict := twin.on_trial()) is not None:
        _tell_trial(shard, twin, item, verdict)
    twin.want_map(now)
    twin.look(now)
    _ask(shard, twin, now)


def apply_order(shard: Shard, event: BurstOrder) -> None:
    """Ask for a burst because a person wants one; after the one under way, if there is one.

    Raises:
        BadInput: The radio twin doesn't cover that region, has heard nothing there, or asks for no bursts.
    """
    twin = shard.radio.get(event.region)
    if twin is None or not len(twin.memory):
        raise BadInput("unknown-object", f"the radio twin has heard nothing in {event.region!r}")
    if not shard.config.radio_bursts:
        raise BadInput("unknown-object", "this twin asks for no bursts: see LOCKSTEP_RADIO_BURSTS")
    now = max(to_ms(event.time), twin.period * PERIOD_MS)
    reason = "; ".join(filter(None, (f"ordered by {event.by or 'somebody'}", event.reason)))
    twin.planner.note(Want(reason=reason, at=now, since=int(twin.memory.time.min()), ordered=True))
    shard.counts["burst.ordered"] += 1
    _ask(shard, twin, now)


def apply_burst(shard: Shard, item: OtherEvent, result: BurstResult) -> None:
    """Adopt a burst's result, or say why not."""
    twin = shard.radio.get(result.region)
    asked = twin.planner.asked if twin else None
    if twin is None or asked is None or asked.id != result.request:
        # A second answer to one question, or one to a question that was given up.
        shard.counts["burst.unasked"] += 1
        return
    shard.revision += 1
    why = twin.objection(result)
    now = max(to_ms(event_of(item).time), twin.period * PERIOD_MS)
    before = twin.believed.version
    detail: dict[str, object] = {
        "request": result.request,
        "region": result.region,
        "reason": result.reason,
        "finding": result.finding,
        "device": result.device,
        "seconds": round(result.seconds, 3),
        "before": None if result.before is None else result.before,
        "after": None if result.after is None else result.after,
        "base_version": before,
    }
    touched = asked.want.touched
    if why:
        shard.counts["burst.refused"] += 1
        tell(shard, "burst", item, touched, detail | {"refused": why, "tier": twin.tier})
        twin.refuse(result, now)
    else:
        shard.counts["burst.adopted"] += 1
        twin.adopt(result, now)
        assert result.posterior is not None
        detail |= {"version": twin.believed.version, "tier": twin.tier, "names": result.posterior.names}
        detail |= {"parameters": [round(x, 4) for x in result.posterior.mean]}
        detail |= {"sigma": [round(row[k] ** 0.5, 4) for k, row in enumerate(result.posterior.covariance)]}
        tell(shard, "calibrated", item, touched, detail)
        twin.planner.answered(now)


def event_of(item: OtherEvent) -> BurstResult | Sounding:
    """The event of an item that is one of ours."""
    assert isinstance(item.event, BurstResult | Sounding)
    return item.event


def follow_topology(shard: Shard) -> None:
    """The inventory has changed: so may have scenes and cells."""
    for name in list(shard.radio):
        if name in shard.topology and region_of(shard.topology, name) == name:
            shard.radio[name].follow(read(shard.topology, name))
        else:
            del shard.radio[name]


def _twin(shard: Shard, name: str) -> RadioTwin:
    if name not in shard.radio:
        shard.radio[name] = new_twin(shard, name)
    return shard.radio[name]


def _close(shard: Shard, twin: RadioTwin, item: OtherEvent, period: int) -> None:
    """Close what is open and open a period."""
    if twin.period >= 0:
        tell_moved(shard, twin, twin.close())
        twin.planner.let_go(period * PERIOD_MS)
        twin.look_around()
        tell_fidelity(shard, twin, period)
    now = period * PERIOD_MS
    if lost := twin.planner.overdue(now):
        shard.counts["burst.lost"] += 1
        detail: dict[str, object] = {"request": lost, "region": twin.region.name, "refused": "no answer came in time"}
        tell(shard, "burst", item, [twin.region.name], detail | {"tier": twin.tier}, "lost")
    twin.period = period


def _ask(shard: Shard, twin: RadioTwin, now: int) -> None:
    """Ask for a burst where one is due."""
    want = twin.planner.want
    if want is None or not twin.planner.due(now, twin.memory.since(want.since)):
        return
    region, config = twin.region, shard.config
    id_ = f"burst/{region.name}/{now}/{twin.believed.version}/{want.lost}"
    want.touched = twin.touched(want)
    twin.planner.ask(id_, now)
    shard.revision += 1
    shard.counts["burst.asked"] += 1
    body = BurstRequest(
        id=id_,
        time=from_ms(now),
        partition=shard.partition,
        region=region.name,
        scene=region.scene,
        frequency=region.frequency,
        reason=want.told,
        area=want.area or _heard(twin),
        cells=list(region.cells),
        touched=want.touched,
        soundings=twin.memory.table(),
        since=from_ms(want.since),
        base_version=twin.believed.version,
        posterior=twin.believed.posterior,
        drifts=want.drifts,
        error_db=twin.error_db(),
        budget_s=config.burst_budget_s,
        memory_mib=config.burst_memory_mib,
        revision=shard.revision,
    )
    shard.emit(outlet("bursts", region.name, now, body))


def _heard(twin: RadioTwin) -> tuple[float, float, float, float]:
    low, high = twin.memory.positions.min(axis=0), twin.memory.positions.max(axis=0)
    west, south, east, north = (
        round(float(x), 1) for x in (low[0] - MARGIN_M, low[1] - MARGIN_M, high[0] + MARGIN_M, high[1] + MARGIN_M)
    )
    return (west, south, east, north)


def _tell_trial(shard: Shard, twin: RadioTwin, item: OtherEvent, verdict: Compared) -> None:
    """A new map has proved itself, or not."""
    kept = not worse(verdict)
    shard.counts["burst.kept" if kept else "burst.rolled-back"] += 1
    detail: dict[str, object] = {
        "region": twin.region.name,
        "version": twin.believed.version,
        "tier": twin.tier,
        "error_before_db": round(verdict.old, 3),
        "error_after_db": round(verdict.new, 3),
        "values": verdict.values,
    }
    if not kept:
        shard.revision += 1
        detail["refused"] = "rolled back: worse than the map before it on what was heard since"
        tell(shard, "burst", item, [cell.dn for cell in twin.region.cells], detail, "trial")


def _plans(config: ShardConfig) -> PlanSettings:
    return PlanSettings(
        wanted=config.radio_bursts,
        min_soundings=min(config.burst_min_soundings, REMEMBERED),
        cooldown_ms=int(config.burst_cooldown_s * 1000),
        deadline_ms=int(config.burst_deadline_s * 1000),
    )
