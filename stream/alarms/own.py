"""The twin's own findings as alarms, where the settings ask for it: `alarms.own`, in the shape of AlarmRecords.

A prediction is raised above a threshold and cleared well below it, so that it doesn't come and go with every report; a
drift is cleared when there has been none for a while. Their ids begin with `lockstep/`: what begins so is never taken
in, by whatever way it comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.alarms.own_records import congestion_id, failure_id, of_congestion, of_drift, of_failure
from stream.decode import from_ms, to_ms
from twin.alarm_record import OWN, Alarm, Severity, short
from twin.alarm_rules import CLEARED_BELOW, AlarmRules
from twin.inventory import inside
from twin.log import Outlet

if TYPE_CHECKING:
    from models.targets import CongestionTarget
    from stream.shard import Shard
    from twin.events import Drift
    from twin.failure_events import FailurePrediction

ORDERED: Final = msgspec.json.Encoder(order="deterministic")
"""As in `stream.alarms.telling`: a map comes back from a snapshot in another order."""
MOST_OWN: Final = 10_000
"""Own alarms that stand at once."""
SOURCE: Final = "lockstep"


class Own(msgspec.Struct, array_like=True):
    """An own alarm that stands.

    Attributes:
        record: What was told of it last, as `twin.alarm_record.short` has it.
        raised: When [ms].
        seen: When what speaks for it was seen last [ms].
        patience: Without that for so long, it is over [ms].
    """

    record: dict[str, Any]
    raised: int
    seen: int
    patience: int


class OwnAlarms:
    """Those that stand, by id. Empty, and free of cost, where none are asked for."""

    def __init__(self, rules: AlarmRules) -> None:
        self._rules = rules
        self.standing: dict[str, Own] = {}
        self.congestion = "congestion" in rules.own

    def drifted(self, shard: Shard, drift: Drift) -> None:
        """A drift has been told."""
        if "drift" not in self._rules.own:
            return
        self._speaks_for(shard, of_drift(drift), int(self._rules.own_quiet_s * 1000))

    def foretold(self, shard: Shard, said: FailurePrediction, at: int | None = None) -> None:
        """A failure prediction has been told; of who is likely to fail, that is once an hour at least.

        Args:
            at: Position in the batch of what led to it, where that is not the current one.
        """
        if "failure" not in self._rules.own:
            return
        id_, time = failure_id(said), to_ms(said.time)
        if said.probability < self._rules.own_probability:
            if said.probability < CLEARED_BELOW * self._rules.own_probability:
                self._over(shard, id_, time, "it is no longer likely", at)
            elif id_ in self.standing:
                self.standing[id_].seen = time
            return
        self._speaks_for(shard, of_failure(said), 2 * 3_600_000, at)

    def congested(
        self,
        shard: Shard,
        target: CongestionTarget,
        names: Sequence[str],
        probability: NDArray[Any],
        time: int,
        at: int,
    ) -> None:
        """The congestion of some cells has been predicted.

        Args:
            names: Of the cells.
            probability: `[len(names)]`, NaN where there is none.
            time: End of the period it was predicted from [ms].
            at: Position in the batch of the report that led to it.
        """
        high = self._rules.own_probability
        with np.errstate(invalid="ignore"):
            above, below = np.flatnonzero(probability >= high), np.flatnonzero(probability < CLEARED_BELOW * high)
        for i in above.tolist():
            alarm = of_congestion(target, names[i], float(probability[i]), from_ms(time))
            self._speaks_for(shard, alarm, 4 * target.horizon_s * 1000, at)
        if self.standing:
            for i in below.tolist():
                self._over(shard, congestion_id(target, names[i]), time, "it is no longer likely", at)

    def happened(self, shard: Shard, alarm: Alarm) -> None:
        """An alarm was raised: what was foretold of its object has come, and how long before it was said is known."""
        if "failure" not in self._rules.own:
            return
        time = to_ms(alarm.event_time)
        for id_ in sorted(self.standing):
            one = self.standing[id_]
            name = one.record["objectInstance"]
            if id_.startswith(f"{OWN}failure/") and (
                inside(alarm.object_instance, name) or inside(name, alarm.object_instance)
            ):
                self._over(shard, id_, time, "it has failed", lead=max(time - one.raised, 0) / 1000)

    def settle(self, shard: Shard) -> None:
        """Let go what nothing has spoken for lately, and what sleeps now."""
        if not self.standing:
            return
        desk = shard.alarm_desk
        names = desk.asleep.names(shard)
        for id_ in sorted(self.standing):
            one = self.standing[id_]
            if desk.now - one.seen > one.patience:
                self._over(shard, id_, desk.now, "nothing has spoken for it lately")
            elif names and desk.asleep.of(shard, one.record["objectInstance"], names):
                self._over(shard, id_, desk.now, "its cell sleeps")

    def _speaks_for(self, shard: Shard, alarm: Alarm, patience: int, at: int | None = None) -> None:
        id_, time = alarm.notification_id, to_ms(alarm.event_time)
        known = self.standing.get(id_)
        if known is None and len(self.standing) >= MOST_OWN:
            shard.counts["own.too-many"] += 1
            return
        raised = time if known is None else known.raised
        alarm = msgspec.structs.replace(alarm, source=SOURCE, alarm_raised_time=from_ms(raised))
        if known is not None:
            known.seen = max(known.seen, time)
            if known.record.get("specificProblem") == alarm.specific_problem:
                return
            alarm = msgspec.structs.replace(alarm, alarm_changed_time=alarm.event_time)
            known.record = short(alarm)
        else:
            self.standing[id_] = Own(short(alarm), raised, time, patience)
            shard.counts["own.raised"] += 1
        self._tell(shard, alarm, at)

    def _over(
        self, shard: Shard, id_: str, time: int, why: str, at: int | None = None, lead: float | None = None
    ) -> None:
        known = self.standing.pop(id_, None)
        if known is None:
            return
        severity: Severity = "CLEARED"
        alarm = msgspec.structs.replace(
            msgspec.convert(known.record, Alarm), perceived_severity=severity, event_time=from_ms(time),
            alarm_cleared_time=from_ms(time), additional_text=why,
        )  # fmt: skip
        if lead is not None:
            alarm = msgspec.structs.replace(
                alarm, additional_information={**alarm.additional_information, "leadTimeS": lead}
            )
        shard.counts["own.cleared"] += 1
        self._tell(shard, alarm, at)

    def _tell(self, shard: Shard, alarm: Alarm, at: int | None) -> None:
        time = to_ms(alarm.event_time)
        id_ = f"{alarm.notification_id}/{time}/{alarm.perceived_severity}"
        shard.emit(Outlet("own-alarms", alarm.object_instance, id_, time, ORDERED.encode(alarm)), at)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def dump(self) -> list[Any]:
        """All that stand."""
        return [[id_, *msgspec.to_builtins(one)] for id_, one in sorted(self.standing.items())]

    def load(self, data: Sequence[Sequence[Any]]) -> None:
        """Take over what `dump` gave."""
        self.standing = {str(one[0]): msgspec.convert(list(one[1:]), Own) for one in data}


def records(standing: Mapping[str, Own]) -> list[dict[str, Any]]:
    """The records of own alarms that stand, for who asks."""
    return [one.record for _, one in sorted(standing.items())]
