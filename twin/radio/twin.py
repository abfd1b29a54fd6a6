"""The radio twin of one region, as the fold keeps it: expects, watches, remembers, asks, adopts. It traces no rays.

sounding -> expected by the best tier there is -> residual -> watch -> drift -> plan -> burst request
burst result -> objections -> adopted, on probation -> kept, or rolled back
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from twin.radio import adoption
from twin.radio.agreement import Agreement
from twin.radio.events import BurstResult
from twin.radio.expecting import EMPIRICAL, RAY_TRACED, Believed, Expectation, expect
from twin.radio.looking import LOOK_AT, Looking, after_adoption, after_refusal
from twin.radio.planning import NEW_CELLS, NO_MAP, Planner, PlanSettings, Want
from twin.radio.region import Region
from twin.radio.soundings import Heard, SoundingMemory, columns
from twin.radio.usual import Usual
from twin.radio.watch import Moved, Watch
from twin.repeats import Repeats
from twin.rows import stable_id

Floats = NDArray[np.float64]

REMEMBERED = 1000
"""Positions."""
PERIOD_MS = 900_000
MOST_HEARD = 1024
"""Ids of soundings by which repeated ones are told."""
MOST_LATE = 8
"""Periods that a sounding may come late and still be remembered."""


class Taken(NamedTuple):
    """Values of a sounding, by the tier that they were compared with."""

    traced: int
    empirical: int


class RadioTwin:
    """One region's radio twin.

    Attributes:
        region: As the topology has it.
        believed: In use; `previous` what was before it, while it is on probation.
        period: That is open, counted in quarters of an hour since 1970; -1: none yet.
        trial: Absolute errors of the previous and the new map since it was adopted, `[2, m]` [dB].
        agreement: How well it agrees with what is heard.
        usual: How wrong it is about each cell in quiet periods.
        looking: After a change, until it is as right again; None: nothing to look after.
        since: What was heard up to then says nothing of what is believed now [ms since 1970].
        heard: Ids of the last soundings, by their checksums.
    """

    def __init__(self, region: Region, plans: PlanSettings) -> None:
        self.region = region
        self.believed = Believed(None, None)
        self.previous: Believed | None = None
        self.trial: Floats = np.zeros((2, 0))
        self.period = -1
        self.memory = SoundingMemory(REMEMBERED)
        self.memory.follow(self._names())
        self.watch = Watch()
        self.planner = Planner(plans)
        self.agreement = Agreement()
        self.usual = Usual()
        self.looking: Looking | None = None
        self.since = -1
        self.heard = Repeats(MOST_HEARD)

    def follow(self, region: Region) -> None:
        """The inventory has changed: cells that the map doesn't know, or not where they stand now, want another."""
        known = {} if region.scene != self.region.scene else {cell.dn: cell for cell in self.region.cells}
        new = [c.dn for c in region.cells if c.dn not in known or known[c.dn].position != c.position]
        if self.believed.map is not None and new:
            now = self.period * PERIOD_MS
            self.planner.note(Want(reason=NEW_CELLS, at=now, since=now, touched=new))
        self.region = region
        self.memory.follow(self._names())

    def _names(self) -> list[str]:
        return [cell.dn for cell in self.region.cells]

    @property
    def tier(self) -> str:
        """The best that this region has."""
        return RAY_TRACED if self.believed.map else EMPIRICAL

    def tier_of(self, cell: str) -> str:
        """The best that a cell has."""
        return RAY_TRACED if self.believed.map and cell in self.believed.map.cells else EMPIRICAL

    def expect(self, positions: Floats, believed: Believed | None = None) -> Expectation:
        """What the region's cells should be heard with.

        Args:
            positions: `[n, 3]` [m].
            believed: Other than in use.
        """
        return expect(self.region, (believed or self.believed).map, positions)

    def repeated(self, id_: str) -> bool:
        """Whether a sounding of this id has come before, lately."""
        return self.heard.note(stable_id(id_))

    def hear(self, time: int, heard: Heard) -> Taken | None:
        """Take a sounding of the open period. Returns None for one that comes too late to count.

        Args:
            time: [ms since 1970].
        """
        period = time // PERIOD_MS
        names = self._names()
        if period >= self.period - MOST_LATE:
            self.memory.add(time, heard, names)
        if period < self.period:
            return None
        measured = columns(heard, names)
        expected = self.expect(heard.positions)
        residual = measured - expected.mean
        self.watch.add(names, heard.positions, residual)
        self.agreement.take(names, measured, expected)
        if self.previous is not None:
            old = measured - self.expect(heard.positions, self.previous).mean
            both = ~(np.isnan(old) | np.isnan(residual))
            self.trial = np.concatenate([self.trial, np.abs(np.stack([old[both], residual[both]]))], axis=1)
        there = ~np.isnan(measured)
        return Taken(int((there & expected.traced).sum()), int((there & ~expected.traced).sum()))

    def close(self) -> list[Moved]:
        """The open period is over: what has moved."""
        self.agreement.close()
        if self._quiet:
            self.usual.learn(self._errors(self.period * PERIOD_MS - 1))
        return self.watch.close(self.period)

    def _errors(self, since: int) -> dict[str, float]:
        """Median absolute residual of each cell over what is remembered since a time [dB]."""
        young = self.memory.time > since
        off = np.abs(self.memory.rsrp[young] - self.expect(self.memory.positions[young]).mean)
        names = self._names()
        return {n: float(np.nanmedian(off[:, k])) for k, n in enumerate(names) if not np.isnan(off[:, k]).all()}

    @property
    def _quiet(self) -> bool:
        """There is a map, and nothing is wanted, under way or looked after."""
        return self.believed.map is not None and not self.planner.busy and self.looking is None

    def look(self, now: int) -> None:
        """Is it as right again as before the change? If not, another burst, from what was heard since the last."""
        looking = self.looking
        if looking is None or self.planner.busy or self.memory.since(looking.since + 1) < LOOK_AT:
            return
        found = self._errors(looking.since)
        wrong = self.usual.off({name: found[name] for name in looking.cells if name in found})
        if wrong and looking.may_ask:
            self.planner.note(looking.again(wrong, now))
            return
        # What four bursts can't mend is usual from now on.
        self.usual.errors |= {name: found[name] for name in wrong}
        if looking.passes(now) or wrong:
            self.looking = None

    def look_around(self) -> None:
        """With nothing else going on: has a cell got worse so slowly that no drift was noticed?"""
        if not self._quiet or self.memory.since(self.since + 1) < 3 * LOOK_AT:
            return
        # Over so many that the watch has had its say: it knows better since when, and somebody has asked it why.
        wrong = self.usual.off(self._errors(self.since))
        if wrong:
            since = int(np.sort(self.memory.time)[-LOOK_AT])
            self.looking = Looking(cells=wrong, since=since - 1, use_since=since)

    def excuse(self, cell: str) -> None:
        """A cell is heard otherwise, and no burst would help: what is usual of it is learnt anew."""
        self.usual.forget(cell)
        self.since = (self.period + 1) * PERIOD_MS - 1
        self.planner.withdraw(cell)

    def right_about(self, cell: str, since: int) -> bool:
        """Whether a cell is heard as the map says, as well as ever, since a time [ms since 1970]."""
        error = self._errors(since - 1).get(cell)
        return error is not None and self.usual.as_ever(cell, error)

    def want_map(self, now: int) -> None:
        """Without a map the first burst is for one, from whatever is remembered."""
        if self.believed.map is None and not self.planner.busy and self.region.cells and len(self.memory):
            self.planner.note(Want(reason=NO_MAP, at=now, since=int(self.memory.time.min())))

    def touched(self, want: Want) -> list[str]:
        """The cells a burst is about: those of its drifts, and others that are off since, too."""
        if self.believed.map is None:
            return self._names()
        return sorted({*want.touched, *self.usual.off(self._errors(want.since - 1))})

    def error_db(self) -> float | None:
        """Median absolute residual of what is remembered [dB]."""
        if not len(self.memory) or not self.region.cells:
            return None
        residual = self.memory.rsrp - self.expect(self.memory.positions).mean
        return None if np.isnan(residual).all() else float(np.nanmedian(np.abs(residual)))

    def objection(self, result: BurstResult) -> str:
        """Why a result is not adopted; empty: it may be."""
        asked = self.planner.asked.id if self.planner.asked else ""
        names = self._names()
        want = self.planner.asked.want if self.planner.asked else None
        # The parameters' own evidence says nothing of cells that had no map: before and after both trace them.
        first = self.believed.map is None or (want is not None and want.reason == NEW_CELLS)
        if why := adoption.objection(result, asked, self.believed.version, names, first=first):
            return why
        assert want is not None
        young = self.memory.time >= want.since
        places, measured = self.memory.positions[young], self.memory.rsrp[young]
        other = self.expect(places, Believed(result.posterior, result.map))
        if adoption.silent(measured, np.where(other.traced, other.mean, np.nan)):
            return "its map says nothing of most of what was heard since: does it cover the places of the soundings?"
        compared = adoption.compare(measured - self.expect(places).mean, measured - other.mean)
        if adoption.worse(compared):
            return (
                f"worse on the soundings that the twin remembers: median error {compared.old:.2f} dB before, "
                f"{compared.new:.2f} dB after"
            )
        return ""

    def adopt(self, result: BurstResult, now: int) -> None:
        """Believe a result, on probation where something else was believed before.

        Args:
            now: Event time [ms since 1970].
        """
        self.previous = self.believed if self.believed.map is not None else None
        self.believed = Believed(result.posterior, result.map)
        if self.previous is not None:
            want = self.planner.asked.want if self.planner.asked else None
            self.looking = after_adoption(self.looking, want, result.finding, self._names(), now)
        self._drop_want()
        self._begin_anew()

    def _drop_want(self) -> None:
        """What has drifted from the old map while the burst was under way: the new one is looked at instead."""
        want = self.planner.want
        if want is None or want.reason == NEW_CELLS:
            return
        self.planner.want = None
        if self.looking is not None:
            self.looking.cells = sorted({*self.looking.cells, *want.touched})

    def refuse(self, result: BurstResult, now: int) -> None:
        """Go on with what is believed. What has changed still has: ask again, or look whether it went by itself.

        Args:
            now: Event time [ms since 1970].
        """
        asked = self.planner.asked
        first = self.believed.map is None
        self.planner.answered(now, again=result.outcome == "failed" or (result.outcome == "done" and first))
        if result.outcome == "done" and not first and asked is not None:
            self.looking = after_refusal(self.looking, asked.want, self._names(), now)

    def _begin_anew(self) -> None:
        self.since = (self.period + 1) * PERIOD_MS - 1
        self.trial = np.zeros((2, 0))
        self.watch.forget()

    def on_trial(self) -> adoption.Compared | None:
        """The verdict on a new map, once there is one: it is over then, and the map rolled back if it was worse."""
        if self.previous is None or self.trial.shape[1] < adoption.PROBATION:
            return None
        compared = adoption.compare(self.trial[0], self.trial[1])
        if adoption.worse(compared):
            # The parameters get a version of their own: a burst that began from the others must not be adopted.
            version = self.believed.version + 1
            old = self.previous.posterior
            self.believed = Believed(old and msgspec.structs.replace(old, version=version), self.previous.map)
            self._begin_anew()
        self.previous, self.trial = None, np.zeros((2, 0))
        return compared
