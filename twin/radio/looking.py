"""After a change a radio twin looks whether it is as right again as it was before, and asks again where it isn't."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from twin.radio.planning import LOOK, Want

GEOMETRY = "geometry"
LOOK_AT = 240
"""Positions heard since a map was adopted, before it is judged."""
MOST_LOOKS = 4
TIMES = 2
"""In a row that it must be as right: what goes on getting worse passes once."""


class Looking(msgspec.Struct, kw_only=True):
    """What is looked after.

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

    @property
    def may_ask(self) -> bool:
        """Whether another burst may mend it."""
        return self.looks < MOST_LOOKS

    def again(self, wrong: list[str], now: int) -> Want:
        """Another burst is wanted, from what was heard since the last."""
        self.looks, self.passed = self.looks + 1, 0
        return Want(reason=LOOK, at=now, since=self.use_since, touched=wrong)

    def passes(self, now: int) -> bool:
        """It is as right as before. Returns whether that was often enough."""
        self.passed += 1
        if self.passed >= TIMES:
            return True
        self.use_since = now + 1 if self.use_since > self.since else self.use_since
        self.since = now
        return False


def after_adoption(before: Looking | None, want: Want | None, finding: str, every: Sequence[str], now: int) -> Looking:
    """A new map is believed.

    Args:
        before: What was looked after until now.
        want: What the burst was for.
        finding: What it found.
        every: Cells of the region.
        now: Event time [ms since 1970].
    """
    cells, looks = _touched(want, every), 0
    if before and want and want.reason == LOOK:
        # What it has asked about again is still one change, with all that this has touched.
        looks, cells = before.looks, sorted({*cells, *before.cells})
    # A building stands from one moment on; an amplifier may go on getting weaker.
    use = want.since if want and finding == GEOMETRY else now + 1
    return Looking(cells=cells, since=now, use_since=use, looks=looks)


def after_refusal(before: Looking | None, want: Want, every: Sequence[str], now: int) -> Looking:
    """What has changed still has, unless it went by itself; see `after_adoption`."""
    looks = before.looks if before else 0
    return Looking(cells=_touched(want, every), since=now, use_since=want.since, looks=looks)


def _touched(want: Want | None, every: Sequence[str]) -> list[str]:
    return want.touched if want and want.touched else list(every)
