"""What a shard knows of its alarms beyond their records: how each stands, what flaps, which work is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from stream.alarms.own import OwnAlarms
from stream.asleep import Asleep
from stream.decode import to_ms
from twin.alarm_events import PlannedOutage
from twin.alarm_rules import AlarmRules
from twin.correlation import Raised
from twin.event_types import Whole
from twin.flapping import Flapping
from twin.upstream import Upstream

if TYPE_CHECKING:
    from twin.topology import Topology

QUALIFYING, FLAPPING, PLANNED, SLEEPS = "qualifying", "flapping", "planned-outage", "energy-saving"
MOST_GONE = 4096
"""Alarms that are remembered to be over, so that what was said of them before and comes later changes nothing."""
MOST_OUTAGES = 1000


class Life(msgspec.Struct, array_like=True):
    """How an alarm stands.

    Attributes:
        raised: When it was raised first [ms].
        told: When what was told of it last happened [ms].
        condition: See `twin.flapping.condition_of`.
        held: Why it is kept back, sorted.
        over: Its source has cleared it; it stands because it flaps.
        root_object, root_alarm: Object and name of its root cause; empty: it has none.
        linked: That stands in its record because the twin found it, not because the source said so.
        caused: Alarms that have it for their root cause.
        flaps: How often it came back while it was held.
        doubted: Since when its source's list is in doubt [ms]; -1: it isn't.
        said: The newest time that was told of it [ms]: what is told of an alarm doesn't go back in time.
        ours: Its record says that it is a root cause because the twin found it.
    """

    raised: int
    told: int
    condition: str
    held: list[str] = []
    over: bool = False
    root_object: str = ""
    root_alarm: str = ""
    linked: bool = False
    caused: int = 0
    flaps: int = 0
    doubted: int = -1
    ours: bool = False
    said: int = -1


class AlarmDesk:
    """See the head of this module.

    Attributes:
        lives: Of the alarms that stand, by key.
        pending: Alarms raised so lately that their cause may still be found, also if they are over by now.
        fresh: Alarms have been raised since causes were looked for last.
        gone: When alarms that are over were cleared [ms].
        now: How far events have come [ms].
        settled: The newest correlation period that is over.
        day: The day (UTC, counted) whose alarms `tally` counts.
        revision: Grows whenever an alarm is kept back or let go.
        waiting: Keys of alarms that something may happen to as time passes: those held; derived.
    """

    def __init__(self, rules: AlarmRules) -> None:
        self.rules = rules
        self.lives: dict[str, Life] = {}
        self.flapping = Flapping(rules)
        self.pending: dict[str, Raised] = {}
        self.fresh = False
        self.gone: dict[str, int] = {}
        self.outages: dict[str, PlannedOutage] = {}
        self.now = self.settled = self.day = -1
        self.tally: Counter[str] = Counter()
        self.revision = 0
        self.waiting: set[str] = set()
        self.asleep = Asleep(rules.asleep_when)
        self.own = OwnAlarms(rules)
        self._work: list[tuple[int, int, str]] | None = None
        self._upstream: tuple[int, Upstream] | None = None

    def plan(self, outage: PlannedOutage | None, id_: str) -> None:
        """Take planned work in, or out."""
        self.outages.pop(id_, None)
        if outage is not None:
            self.outages[id_] = outage
        self._work = None

    def work(self) -> list[tuple[int, int, str]]:
        """Begin and end [ms] and object of the work that is planned and isn't over."""
        if self._work is None:
            self._work = [(to_ms(o.begin), to_ms(o.end), o.object_instance) for _, o in sorted(self.outages.items())]
        return [one for one in self._work if self.now <= one[1]]

    def hidden(self, key: str) -> bool:
        """Whether an alarm is expected, and so no sign of a failure."""
        life = self.lives.get(key)
        return life is not None and (PLANNED in life.held or SLEEPS in life.held)

    def hold(self, key: str, life: Life, reasons: set[str]) -> None:
        """Set why an alarm is kept back."""
        life.held = sorted(reasons)
        self.revision += 1
        if life.held:
            self.waiting.add(key)
        else:
            self.waiting.discard(key)

    def forget(self, key: str, time: int) -> None:
        """An alarm is over since `time` [ms]."""
        del self.lives[key]
        self.waiting.discard(key)
        self.gone.pop(key, None)
        self.gone[key] = time
        self.trim()

    def trim(self) -> None:
        """Forget those that were over longest ago."""
        if len(self.gone) > MOST_GONE:
            del self.gone[next(iter(self.gone))]

    def upstream(self, topology: Topology) -> Upstream:
        """What objects stand on, as the topology is now."""
        if self._upstream is None or self._upstream[0] != topology.structure:
            self._upstream = (topology.structure, Upstream(topology.graph))
        return self._upstream[1]

    # Snapshot -------------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return {
            "lives": {key: msgspec.to_builtins(life) for key, life in sorted(self.lives.items())},
            "flaps": self.flapping.state(),
            "pending": {key: msgspec.to_builtins(one) for key, one in sorted(self.pending.items())},
            "fresh": self.fresh,
            "gone": [list(one) for one in self.gone.items()],
            "outages": [msgspec.to_builtins(one) for _, one in sorted(self.outages.items())],
            "times": [self.now, self.settled, self.day],
            "tally": dict(sorted(self.tally.items())),
            "revision": self.revision,
            "own": self.own.dump(),
        }

    def load(self, data: Mapping[str, Any]) -> None:
        """Take over what `dump` returned, into an empty desk."""
        self.lives = msgspec.convert(data["lives"], dict[str, Life])
        self.flapping.restore(data["flaps"])
        self.pending = msgspec.convert(data["pending"], dict[str, Raised])
        self.fresh = bool(data["fresh"])
        self.gone = {str(key): int(time) for key, time in data["gone"]}
        self.outages = {one.id: one for one in msgspec.convert(data["outages"], list[PlannedOutage])}
        self.now, self.settled, self.day = (int(time) for time in data["times"])
        self.tally = Counter(msgspec.convert(data["tally"], dict[str, Whole]))
        self.revision = int(data["revision"])
        self.own.load(data["own"])
        self.waiting = {key for key, life in self.lives.items() if life.held}
