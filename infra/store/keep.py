"""How long the database keeps what, and how late data may come to count in the summaries."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from twin.errors import ConfigurationError

MARGIN_DAYS = 2
"""Rows outlive the window in which summaries are computed again by this: a day's bucket, and a day for clocks and jobs.

A refresh that reached past the rows it reads would delete the summaries that were computed from them.
"""
LEAST_LATE_DAYS = 4
"""A refresh of the days covers two whole ones besides today and yesterday."""


@dataclass(frozen=True)
class Keep:
    """Ages at which data are dropped [days]; None: never.

    Attributes:
        raw: Rows as they were measured.
        five_minutes, hours, days: Their summaries.
        events: What the twin said of itself.
        late: Rows that come no later than this [days] are worked into the summaries by themselves.

    Raises:
        ConfigurationError: Summaries would be lost: rows go while summaries are still computed again from them.
    """

    raw: int | None = 90
    five_minutes: int | None = 365
    hours: int | None = 3650
    days: int | None = None
    events: int | None = 730
    late: int = 14

    def __post_init__(self) -> None:
        if self.late < LEAST_LATE_DAYS:
            raise ConfigurationError(f"late data must be awaited for {LEAST_LATE_DAYS} days or more, not {self.late}")
        for what in ("raw", "five_minutes", "hours", "days"):
            days: int | None = getattr(self, what)
            if days is not None and days < self.late + MARGIN_DAYS:
                raise ConfigurationError(
                    f"{what} are dropped after {days} days, but summaries are computed again up to {self.late} days "
                    f"back: keep them {self.late + MARGIN_DAYS} days or more, or await late data for less"
                )
        if self.events is not None and self.events < 1:
            raise ConfigurationError(f"events are kept for a day or more, not {self.events}")

    def rows(self) -> list[tuple[str, int | None]]:
        """As stored in the table `retention`."""
        return list(asdict(self).items())
