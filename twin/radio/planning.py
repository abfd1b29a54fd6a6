"""When to ask for a burst: alarms of an area are put together, waited for, limited in rate, one burst at a time.

    nothing known -> wanted (no map yet, or drift) -> asked -> answered -> resting -> ...

All by event time, so a replay asks for the same bursts at the same places of the log.
"""

from __future__ import annotations

from typing import Any

import msgspec

NO_MAP, NEW_CELLS, DRIFT, LOOK = "no map yet", "cells without a map", "drift", "second look"
MOST_DRIFTS = 32


class PlanSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds bursts.

    Attributes:
        wanted: Whether there are any.
        min_soundings: Positions heard since the change began, before it is worth while.
        gather_ms: After the first alarm, so that others of the same change can join it.
        patience_ms: After so long a third of them will do.
        cooldown_ms: Between an answer and the next question.
        deadline_ms: After which a question counts as lost.
        attempts: Questions about one thing that came to nothing, after which the next waits for `retry_ms`, unless
            another drift brings it.
    """

    wanted: bool = True
    min_soundings: int = 120
    gather_ms: int = 1_800_000
    patience_ms: int = 6 * 3_600_000
    cooldown_ms: int = 3_600_000
    deadline_ms: int = 6 * 3_600_000
    attempts: int = 3
    retry_ms: int = 86_400_000


Area = tuple[float, float, float, float]
"""West, south, east, north [m]."""


class Want(msgspec.Struct, kw_only=True):
    """Why a burst would be good. Times are event times [ms since 1970].

    Attributes:
        at: When that was noticed.
        since: When what changed began to.
        drifts: Ids of the drifts that are put together, `touched` the cells they speak of.
        lost: Questions about it that came to nothing.
        waits_until: Not asked again before.
        tiles: That have moved, where no whole cell has.
        ordered: A person wants it: nothing is waited for but the burst under way.
        order: Who that is and why, where the twin wants it by itself, too.
    """

    reason: str
    at: int
    since: int
    drifts: list[str] = []
    touched: list[str] = []
    area: Area | None = None
    lost: int = 0
    waits_until: int = -1
    tiles: list[tuple[int, int]] = []
    ordered: bool = False
    order: str = ""

    @property
    def told(self) -> str:
        """All reasons, in words."""
        return "; ".join(filter(None, (self.order, self.reason)))

    @property
    def lone(self) -> bool:
        """One tile alone has moved: that may be one user who stands where the map is wrong."""
        return len(self.tiles) == 1

    def join(self, other: Want) -> None:
        """Cover another, too."""
        if other.ordered and not self.ordered:
            self.order = other.order or other.reason
        elif self.ordered and other.reason == NEW_CELLS:
            self.order = self.order or self.reason
        if other.reason == NEW_CELLS:
            self.reason = NEW_CELLS
        # No tiles stand for more than that.
        both = self.tiles and other.tiles
        self.tiles = sorted({*self.tiles, *other.tiles}) if both else []
        self.ordered |= other.ordered
        self.since = min(self.since, other.since)
        self.drifts = [*self.drifts, *(one for one in other.drifts if one not in self.drifts)][-MOST_DRIFTS:]
        self.touched = sorted({*self.touched, *other.touched})
        # None stands for all that is heard.
        self.area = None if self.area is None or other.area is None else _around(self.area, other.area)
        if other.drifts:
            self.lost, self.waits_until = 0, -1


class Asked(msgspec.Struct, kw_only=True):
    """The question under way."""

    id: str
    at: int
    want: Want


class Planner:
    """Plans one region's bursts.

    Attributes:
        want: What the next one is for.
        asked: The one under way.
        rests_until: Nothing is asked before [ms since 1970].
    """

    def __init__(self, settings: PlanSettings) -> None:
        self._settings = settings
        self.want: Want | None = None
        self.asked: Asked | None = None
        self.rests_until = -1

    @property
    def busy(self) -> bool:
        """Whether one is wanted or under way."""
        return self.want is not None or self.asked is not None

    def note(self, want: Want) -> None:
        """A burst would be good; what is wanted already is made to cover this, too."""
        if self.want is None:
            self.want = want
        else:
            self.want.join(want)

    def withdraw(self, cell: str) -> None:
        """The drifts of a cell have another reason than the radio: it needs no burst after all."""
        if self.want is None or self.want.reason != DRIFT or cell not in self.want.touched:
            return
        self.want.touched.remove(cell)
        if not self.want.touched:
            self.want = None

    def due(self, now: int, soundings: int) -> bool:
        """Whether to ask now.

        Args:
            soundings: Positions heard since the change began.
        """
        want, settings = self.want, self._settings
        if want is not None and want.ordered and self.asked is None:
            return settings.wanted and soundings > 0
        if not settings.wanted or want is None or self.asked is not None or now < self.rests_until:
            return False
        if want.lone or now < want.waits_until or (want.drifts and now - want.at < settings.gather_ms):
            return False
        waited = now - want.at >= settings.patience_ms
        return soundings >= (settings.min_soundings // 3 if waited else settings.min_soundings)

    def ask(self, id_: str, now: int) -> Want:
        """A question goes out; what comes up from now on is for the next one."""
        assert self.want is not None
        self.asked, self.want = Asked(id=id_, at=now, want=self.want), None
        return self.asked.want

    def answered(self, now: int, *, again: bool = False) -> None:
        """An answer has come; whatever it says, the next question waits for a while.

        Args:
            again: It says nothing, so it is wanted again.
        """
        asked, self.asked = self.asked, None
        self.rests_until = now + self._settings.cooldown_ms
        if again and asked is not None:
            self._again(asked.want, now)

    def let_go(self, now: int) -> None:
        """One tile alone that no other has joined for so long is not asked about."""
        if self.want is not None and self.want.lone and now - self.want.at >= self._settings.patience_ms:
            self.want = None

    def overdue(self, now: int) -> str:
        """Id of the question under way if it must be lost by now; then it is wanted again. Empty: it isn't."""
        asked = self.asked
        if asked is None or now - asked.at <= self._settings.deadline_ms:
            return ""
        self.asked = None
        self._again(asked.want, now)
        return asked.id

    def _again(self, want: Want, now: int) -> None:
        """It came to nothing: it is wanted again, but not for ever at the same pace."""
        # Who ordered it may do so again.
        want.ordered, want.order = False, ""
        want.lost += 1
        if want.lost >= self._settings.attempts:
            want.waits_until = now + self._settings.retry_ms
        newer, self.want = self.want, want
        if newer is not None:
            want.join(newer)

    def state(self) -> Any:
        """Plain data; a want that nobody ordered is written as before there were orders."""
        data = msgspec.to_builtins([self.want, self.asked, self.rests_until])
        for want in (data[0], data[1] and data[1]["want"]):
            if want and not want["ordered"]:
                del want["ordered"]
            if want and not want["order"]:
                del want["order"]
        return data

    def restore(self, data: Any) -> None:
        """Take over what `state` gave."""
        self.want, self.asked, self.rests_until = msgspec.convert(data, tuple[Want | None, Asked | None, int])


def _around(one: Area, other: Area) -> Area:
    """The smallest area that holds both."""
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))
