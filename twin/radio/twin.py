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
from twin.radio.planning import LOOK, NEW_CELLS, NO_MAP, Planner, PlanSettings, Want
from twin.radio.region import Region
from twin.radio.soundings import Heard, SoundingMemory, columns
from twin.radio.watch import Moved, Watch
from twin.rows import stable_id

__all__ = ["EMPIRICAL", "PERIOD_MS", "RAY_TRACED", "REMEMBERED", "Believed", "Looking", "RadioTwin"]

Floats = NDArray[np.float64]

GEOMETRY = "geometry"
REMEMBERED = 1000
"""Positions."""
PERIOD_MS = 900_000
USUAL_STEP_DB = 0.005
"""How far what is usual moves in a period [dB]."""
LOOK_AT = 240
"""Positions heard since a map was adopted, before it is judged."""
AS_RIGHT, AS_RIGHT_DB = 1.3, 0.3
"""Times what is usual, and more [dB], that the error may be to be as right as before."""
MOST_LOOKS = 4
USUAL_SLACK_DB = 0.1
TIMES = 2
"""In a row that it must be as right: what goes on getting worse passes once."""
MOST_HEARD = 1024
"""Ids of soundings by which repeated ones are told."""
MOST_LATE = 8
"""Periods that a sounding may come late and still be remembered."""


class Taken(NamedTuple):
    """Values of a sounding, by the tier that they were compared with."""

    traced: int
    empirical: int


class Looking(msgspec.Struct, kw_only=True):
    """After a change the twin looks whether it is as right again as it was before.

    Attributes:
        cells: That were touched.
        since: When the newest map was adopted [ms since 1970].
        use_since: From when on soundings may be used for the next one [ms since 1970].
        looks: How often it has asked again.
        passed: How often in a row it was as right.
    """

    cells: list[str]
    since: int
    use_since: int
    looks: int = 0
    passed: int = 0


class RadioTwin:
    """One region's radio twin.

    Attributes:
        region: As the topology has it.
        believed: In use; `previous` what was before it, while it is on probation.
        period: That is open, counted in quarters of an hour since 1970; -1: none yet.
        trial: Absolute errors of the previous and the new map since it was adopted, `[2, m]` [dB].
        agreement: How well it agrees with what is heard.
        usual: Median absolute residual of each cell in quiet periods [dB].
        looking: After a change, until it is as right again; None: nothing to look after.
        since: What was heard up to then says nothing of what is believed now [ms since 1970].
    """

    def __init__(self, region: Region, plans: PlanSettings) -> None:
        self.region = region
        self.believed = Believed(None, None)
        self.previous: Believed | None = None
        self.trial: Floats = np.zeros((2, 0))
        self.period = -1
        self.memory = SoundingMemory(REMEMBERED)
        self.memory.follow([cell.dn for cell in region.cells])
        self.watch = Watch()
        self.planner = Planner(plans)
        self.agreement = Agreement()
        self.usual: dict[str, float] = {}
        self.looking: Looking | None = None
        self.since = -1
        self._heard: dict[int, None] = {}

    def follow(self, region: Region) -> None:
        """The inventory has changed: cells that the map doesn't know, or not where they stand now, want another."""
        known = {} if region.scene != self.region.scene else {cell.dn: cell for cell in self.region.cells}
        new = [c.dn for c in region.cells if c.dn not in known or known[c.dn].position != c.position]
        if self.believed.map is not None and new:
            now = self.period * PERIOD_MS
            self.planner.note(Want(reason=NEW_CELLS, at=now, since=now, touched=new))
        self.region = region
        self.memory.follow([cell.dn for cell in region.cells])

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
        checksum = stable_id(id_)
        if checksum in self._heard:
            return True
        self._heard[checksum] = None
        if len(self._heard) > MOST_HEARD:
            del self._heard[next(iter(self._heard))]
        return False

    def heard_before(self, checksums: list[int] | None = None) -> list[int]:
        """Checksums of the ids that are remembered, oldest first; given some, it remembers those."""
        if checksums is not None:
            self._heard = dict.fromkeys(checksums)
        return list(self._heard)

    def hear(self, time: int, heard: Heard) -> Taken | None:
        """Take a sounding of the open period. Returns None for one that comes too late to count.

        Args:
            time: [ms since 1970].
        """
        period = time // PERIOD_MS
        names = [cell.dn for cell in self.region.cells]
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
        self._learn_usual()
        return self.watch.close(self.period)

    def _errors(self, since: int) -> dict[str, float]:
        """Median absolute residual of each cell over what is remembered since a time [dB]."""
        young = self.memory.time > since
        off = np.abs(self.memory.rsrp[young] - self.expect(self.memory.positions[young]).mean)
        names = [cell.dn for cell in self.region.cells]
        return {n: float(np.nanmedian(off[:, k])) for k, n in enumerate(names) if not np.isnan(off[:, k]).all()}

    def _learn_usual(self) -> None:
        busy = self.planner.want is not None or self.planner.asked is not None or self.looking is not None
        if self.believed.map is None or busy:
            return
        for name, error in self._errors(self.period * PERIOD_MS - 1).items():
            known = self.usual.get(name, error)
            # In small steps: until a change is noticed it must not pass for what is usual.
            self.usual[name] = known + float(np.clip(error - known, -USUAL_STEP_DB, USUAL_STEP_DB))

    def look(self, now: int) -> None:
        """Is it as right again as before the change? If not, another burst, from what was heard since the last."""
        looking = self.looking
        if looking is None or self.planner.want is not None or self.planner.asked is not None:
            return
        if self.memory.since(looking.since + 1) < LOOK_AT:
            return
        found = self._errors(looking.since)
        wrong = [name for name in looking.cells if name in found and self._off(name, found[name])]
        if wrong and looking.looks < MOST_LOOKS:
            looking.looks, looking.passed = looking.looks + 1, 0
            self.planner.note(Want(reason=LOOK, at=now, since=looking.use_since, touched=wrong))
            return
        # What four bursts can't mend is usual from now on.
        self.usual |= {name: found[name] for name in wrong}
        looking.passed += 1
        if looking.passed >= TIMES or wrong:
            self.looking = None
        else:
            looking.use_since = now + 1 if looking.use_since > looking.since else looking.use_since
            looking.since = now

    def look_around(self) -> None:
        """With nothing else going on: has a cell got worse so slowly that no drift was noticed?"""
        busy = self.planner.want is not None or self.planner.asked is not None or self.looking is not None
        if self.believed.map is None or busy or self.memory.since(self.since + 1) < 3 * LOOK_AT:
            return
        # Over so many that the watch has had its say: it knows better since when, and somebody has asked it why.
        wrong = [name for name, error in self._errors(self.since).items() if self._off(name, error)]
        if wrong:
            since = int(np.sort(self.memory.time)[-LOOK_AT])
            self.looking = Looking(cells=wrong, since=since - 1, use_since=since)

    def excuse(self, cell: str) -> None:
        """A cell is heard otherwise, and no burst would help: what is usual of it is learnt anew."""
        self.usual.pop(cell, None)
        self.since = (self.period + 1) * PERIOD_MS - 1
        self.planner.withdraw(cell)

    def right_about(self, cell: str, since: int) -> bool:
        """Whether a cell is heard as the map says, as well as ever, since a time [ms since 1970]."""
        error = self._errors(since - 1).get(cell)
        return error is not None and cell in self.usual and error <= self.usual[cell] + USUAL_SLACK_DB

    def want_map(self, now: int) -> None:
        """Without a map the first burst is for one, from whatever is remembered."""
        known = self.planner.want is not None or self.planner.asked is not None
        if self.believed.map is None and not known and self.region.cells and len(self.memory):
            self.planner.note(Want(reason=NO_MAP, at=now, since=int(self.memory.time.min())))

    def touched(self, want: Want) -> list[str]:
        """The cells a burst is about: those of its drifts, and others that are off since, too."""
        if self.believed.map is None:
            return [cell.dn for cell in self.region.cells]
        found = self._errors(want.since - 1)
        return sorted({*want.touched, *(name for name, error in found.items() if self._off(name, error))})

    def _off(self, name: str, error: float) -> bool:
        return name in self.usual and error > AS_RIGHT * self.usual[name] + AS_RIGHT_DB

    def error_db(self) -> float | None:
        """Median absolute residual of what is remembered [dB]."""
        if not len(self.memory) or not self.region.cells:
            return None
        residual = self.memory.rsrp - self.expect(self.memory.positions).mean
        return None if np.isnan(residual).all() else float(np.nanmedian(np.abs(residual)))

    def objection(self, result: BurstResult) -> str:
        """Why a result is not adopted; empty: it may be."""
        asked = self.planner.asked.id if self.planner.asked else ""
        names = [cell.dn for cell in self.region.cells]
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
            cells = want.touched if want and want.touched else [cell.dn for cell in self.region.cells]
            looks = 0
            if self.looking and want and want.reason == LOOK:
                # What it has asked about again is still one change, with all that this has touched.
                looks, cells = self.looking.looks, sorted({*cells, *self.looking.cells})
            # A building stands from one moment on; an amplifier may go on getting weaker.
            use = want.since if want and result.finding == GEOMETRY else now + 1
            self.looking = Looking(cells=cells, since=now, use_since=use, looks=looks)
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
            looks = self.looking.looks if self.looking else 0
            cells = asked.want.touched or [cell.dn for cell in self.region.cells]
            self.looking = Looking(cells=cells, since=now, use_since=asked.want.since, looks=looks)

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
