"""Summaries of the history mean the same on plain PostgreSQL and on TimescaleDB, fresh and after they were stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import count
from uuid import uuid4

import pytest
from history_rows import Row, put, quarter, run

from infra.store.migrate import migrate
from infra.store.prune import prune
from infra.store.queries import as_of, history
from infra.store.retention import refresh_all
from infra.store.summaries import Bucket, Resolution, aggregated, resolution_for
from twin.errors import ConfigurationError
from twin.rows import CORRECTED, LATE, SUSPECT

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


BEGINS = (datetime(2031, 3, 1, tzinfo=UTC) + 10 * DAY * i for i in count())
"""Each test has days of its own, later than all others: what is older than what is stored is not fresh."""


class Database:
    """One of the two, with a schema."""

    def __init__(self, dsn: str, timescale: bool) -> None:
        self.dsn, self.timescale = dsn, timescale
        self.begin = next(BEGINS)
        self.dn = f"ManagedElement={uuid4().hex},NRCellDU=1"

    def ask(self, resolution: Resolution, counter: str = "x", days: int = 2) -> list[Bucket]:
        return aggregated(self.dsn, self.dn, counter, self.begin - DAY, self.begin + days * DAY, resolution)

    def store(self) -> None:
        """Let summaries be stored instead of computed when read, as time would."""
        if self.timescale:
            assert refresh_all(self.dsn, self.begin - 2 * DAY, self.begin + 3 * DAY)
        else:
            put(self.dsn, f"{self.dn}/later", [Row(self.begin + 100 * DAY, [1.0, 1.0])])
            prune(self.dsn, self.begin + 100 * DAY)
            assert history(self.dsn, self.dn, "x", self.begin - DAY, self.begin + 9 * DAY) == []


@pytest.fixture(params=["plain", "timescale"])
def database(request: pytest.FixtureRequest) -> Database:
    timescale = request.param == "timescale"
    dsn: str = request.getfixturevalue("timescale_dsn" if timescale else "postgres_dsn")
    if not timescale:
        migrate(dsn)
    return Database(dsn, timescale)


@pytest.fixture(params=["fresh", "stored"])
def written(request: pytest.FixtureRequest, database: Database) -> tuple[Database, bool]:
    return database, request.param == "stored"


def hours(found: list[Bucket]) -> list[tuple[datetime, int, float | None]]:
    return [(bucket.begin, bucket.periods, bucket.mean) for bucket in found]


def test_a_period_that_ends_on_the_hour_belongs_to_the_hour_that_ends_then(written: tuple[Database, bool]) -> None:
    database, stored = written
    begin = database.begin
    at = partial(quarter, begin)
    put(database.dsn, database.dn, [at(i, i, i) for i in range(1, 9)])
    if stored:
        database.store()
    assert hours(database.ask("1h")) == [(begin, 4, 2.5), (begin + HOUR, 4, 6.5)]
    assert hours(database.ask("1d")) == [(begin, 8, 4.5)]


def test_a_day_of_24_hours_has_the_period_that_ends_at_midnight(written: tuple[Database, bool]) -> None:
    database, stored = written
    begin = database.begin
    put(database.dsn, database.dn, [Row(begin + i * HOUR, [i, None], 3600) for i in range(49)])
    if stored:
        database.store()
    assert [(b.begin, b.periods) for b in database.ask("1d")] == [(begin - DAY, 1), (begin, 24), (begin + DAY, 24)]
    assert [b.periods for b in database.ask("1h")] == [1] * 49


def test_samples_of_an_instant_are_bucketed_alike(written: tuple[Database, bool]) -> None:
    database, stored = written
    begin = database.begin
    ends = [0.0, 0.001, 299.999, 300.0, 300.001]
    put(database.dsn, database.dn, [Row(begin + timedelta(seconds=s), [1, 1], 0) for s in ends])
    if stored:
        database.store()
    minutes = timedelta(minutes=5)
    assert [(b.begin, b.periods) for b in database.ask("5min")] == [
        (begin - minutes, 1),
        (begin, 3),
        (begin + minutes, 1),
    ]


def test_means_are_of_values_not_of_means(written: tuple[Database, bool]) -> None:
    """One value in the first hour, four in the second: the mean of the day lies near the second's."""
    database, stored = written
    begin = database.begin
    at = partial(quarter, begin)
    x = [10, None, None, None, 20, 30, 40, 50]
    put(database.dsn, database.dn, [at(i + 1, x[i], None) for i in range(8)])
    if stored:
        database.store()
    assert hours(database.ask("1h")) == [(begin, 4, 10.0), (begin + HOUR, 4, 35.0)]
    assert database.ask("1d") == [Bucket(begin, 900, 8, 0, 0, 0, 5, 30.0, 10.0, 50.0, 150.0)]
    assert database.ask("1d", "y") == [Bucket(begin, 900, 8, 0, 0, 0, 0, None, None, None, None)]


def test_of_a_period_that_was_reported_again_the_last_word_counts(written: tuple[Database, bool]) -> None:
    database, stored = written
    begin = database.begin
    at = partial(quarter, begin)
    rows = [
        at(1, 1, -1, offset=1),
        at(2, 2, -2, offset=2, flags=SUSPECT),
        at(2, 20, None, offset=9, flags=CORRECTED),
        at(3, 3, -3, offset=3),
        # The same period of another log; that log is the later one, whatever its offsets are.
        at(3, 30, -30, offset=1, shard=2),
        at(4, 4, -4, offset=99, flags=LATE),
    ]
    put(database.dsn, database.dn, rows)
    if stored:
        database.store()
    (hour,) = database.ask("1h")
    assert hour == Bucket(begin, 900, 4, 0, 1, 1, 4, 13.75, 1.0, 30.0, 55.0)
    (hour,) = database.ask("1h", "y")
    assert (hour.measured, hour.total, hour.least, hour.greatest) == (3, -35.0, -30.0, -1.0)
    if not stored:
        raw = database.ask("raw")
        assert [(b.begin, b.mean, b.corrected, b.late) for b in raw] == [
            (begin, 1.0, 0, 0),
            (begin + HOUR / 4, 20.0, 1, 0),
            (begin + HOUR / 2, 30.0, 0, 0),
            (begin + 3 * HOUR / 4, 4.0, 0, 1),
        ]
        everything = history(database.dsn, database.dn, "x", begin, begin + DAY)
        assert [sample.value for sample in everything] == [1.0, 2.0, 20.0, 3.0, 30.0, 4.0]


def test_periods_of_another_length_are_another_series(written: tuple[Database, bool]) -> None:
    """An element that reports both every 5 and every 15 minutes must not count twice."""
    database, stored = written
    begin = database.begin
    at = partial(quarter, begin)
    short = [Row(begin + i * timedelta(minutes=5), [i, 0], 300, offset=100 + i) for i in range(1, 13)]
    put(database.dsn, database.dn, [*short, *(at(i, 100, 0, offset=i) for i in range(1, 5))])
    if stored:
        database.store()
    assert [(b.granularity, b.periods, b.total) for b in database.ask("1h")] == [(300, 12, 78.0), (900, 4, 400.0)]
    # The quarters don't fit into five minutes.
    assert [b.mean for b in database.ask("5min")] == [float(i) for i in range(1, 13)]


def test_late_rows_are_worked_into_stored_summaries(database: Database) -> None:
    begin = database.begin
    at = partial(quarter, begin)
    put(database.dsn, database.dn, [at(1, 1, 1), at(2, 3, 3)])
    if database.timescale:
        database.store()
    assert hours(database.ask("1h")) == [(begin, 2, 2.0)]
    put(database.dsn, database.dn, [at(3, 8, 8, flags=LATE, offset=7)])
    if database.timescale:
        assert hours(database.ask("1h")) == [(begin, 2, 2.0)], "stored, until it is refreshed"
        database.store()
    assert hours(database.ask("1h")) == [(begin, 3, 4.0)]
    assert [(b.periods, b.late) for b in database.ask("1d")] == [(3, 1)]


def test_views_say_the_same_as_the_queries(database: Database) -> None:
    begin = database.begin
    at = partial(quarter, begin)
    put(database.dsn, database.dn, [at(1, 1, None), at(2, 3, None, flags=SUSPECT)])
    for name in ("hourly", "daily"):
        long = run(
            database.dsn,
            "SELECT begin, granularity, counter, mean, min, max, sum, count, periods, suspect, late, corrected "
            f"FROM measurement_{name} WHERE dn = %s ORDER BY counter",
            [database.dn],
        )
        assert long == [
            (begin, 900, "x", 2.0, 1.0, 3.0, 4.0, 2, 2, 1, 0, 0),
            (begin, 900, "y", None, None, None, None, 0, 2, 1, 0, 0),
        ]
        wide = run(
            database.dsn,
            f"SELECT sum, count, min[1], max[1] FROM observation_{name} JOIN object ON id = object_id WHERE dn = %s",
            [database.dn],
        )
        assert wide == [([4.0, 0.0], [2, 0], 1.0, 3.0)]


def test_the_state_as_of_a_past_time(database: Database) -> None:
    begin = database.begin
    at = partial(quarter, begin)
    other = f"{database.dn}/other"
    rows = [at(1, 1, 10), at(2, 2, None), at(3, 3, 30)]
    put(database.dsn, database.dn, [*rows, at(2, 22, 20, flags=CORRECTED, offset=50)])
    put(database.dsn, database.dn, [Row(begin + HOUR / 4, [7], 60)], counters=("z",))
    put(database.dsn, other, [at(1, 5, 5)])
    asked = [database.dn, other, "ManagedElement=none"]
    found = as_of(database.dsn, asked, begin + HOUR / 2)
    assert set(found) == {database.dn, other}
    assert {counter: tuple(value) for counter, value in found[database.dn].items()} == {
        "x": (begin + HOUR / 2, 900, 22.0, CORRECTED),
        "y": (begin + HOUR / 2, 900, 20.0, CORRECTED),
        "z": (begin + HOUR / 4, 60, 7.0, 0),
    }
    assert found[other]["x"].value == 5.0
    assert as_of(database.dsn, asked, begin + HOUR / 4 - timedelta(seconds=1)) == {}
    assert set(as_of(database.dsn, asked, begin + HOUR, oldest=HOUR / 4 + timedelta(seconds=1))) == {database.dn}
    assert set(as_of(database.dsn, asked, begin + 3 * DAY)) == set(), "older than a day is not a state"


def test_an_unknown_resolution_is_refused(database: Database) -> None:
    with pytest.raises(ConfigurationError, match="choose raw, 5min, 1h, 1d"):
        database.ask("1w")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "minutes", "chosen"),
    [(1, 15, "raw"), (1, 1, "5min"), (30, 15, "1h"), (30, 1, "1h"), (365, 15, "1d"), (3650, 15, "1d"), (3, 0, "5min")],
)
def test_the_resolution_fits_the_span(days: int, minutes: int, chosen: str) -> None:
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    assert resolution_for(begin, begin + days * DAY, timedelta(minutes=minutes)) == chosen
