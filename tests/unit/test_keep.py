"""How long what is kept, and that no summary is lost by it."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.settings import Settings, load
from infra.store.keep import LEAST_LATE_DAYS, MARGIN_DAYS, Keep
from infra.store.migrate import steps
from infra.store.policies import policies
from twin.errors import ConfigurationError

DAY = timedelta(days=1)
SOURCE = {"summary_5min": "observation", "summary_hourly": "observation", "summary_daily": "summary_hourly"}
days = st.none() | st.integers(0, 4000)


@given(days, days, days, days, days, st.integers(0, 4000))
def test_what_is_accepted_keeps_rows_longer_than_they_are_read(
    raw: int | None, five: int | None, hours: int | None, by_day: int | None, events: int | None, late: int
) -> None:
    try:
        keep = Keep(raw, five, hours, by_day, events, late)
    except ConfigurationError:
        short = [x for x in (raw, five, hours, by_day) if x is not None and x < late + MARGIN_DAYS]
        assert short or late < LEAST_LATE_DAYS or events == 0
        return
    found = policies(keep)
    drop = {one.relation: one.after for one in found if one.kind == "drop"}
    refresh = {one.relation: one for one in found if one.kind == "refresh"}
    compress = {one.relation: one.after for one in found if one.kind == "compress"}
    assert set(refresh) == set(SOURCE)
    for relation, policy in refresh.items():
        for table in (SOURCE[relation], relation):
            assert table not in drop or drop[table] >= policy.after + MARGIN_DAYS * DAY
        # What is refreshed is not compressed yet, and the window holds two buckets.
        assert relation not in compress or compress[relation] > policy.after
        assert policy.until is not None
        assert policy.after - policy.until >= 3 * DAY
    assert len({(one.relation, one.kind) for one in found}) == len(found)


def test_limits() -> None:
    Keep(raw=16, five_minutes=16, hours=16, days=16)
    for wrong in (
        {"raw": 15},
        {"five_minutes": 15},
        {"hours": 15},
        {"days": 15},
        {"late": 89},
        {"late": 3},
        {"events": 0},
    ):
        with pytest.raises(ConfigurationError, match="day"):
            Keep(**wrong)


def test_settings_say_it_in_days_and_zero_is_for_ever() -> None:
    assert Settings(_env_file=None).keep() == Keep()
    settings = Settings(_env_file=None, keep_raw_days=0, keep_hours_days=100, keep_days_days=5000, late_days=20)
    assert settings.keep() == Keep(raw=None, hours=100, days=5000, late=20)


def test_settings_that_would_lose_summaries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_KEEP_RAW_DAYS", "15")
    with pytest.raises(ConfigurationError, match="raw are dropped after 15 days"):
        load(None)
    monkeypatch.setenv("LOCKSTEP_LATE_DAYS", "13")
    assert load(None).keep().raw == 15


def test_steps_are_numbered_without_holes() -> None:
    assert [step.number for step in steps()] == list(range(1, len(steps()) + 1))
    names = sorted(file.name for file in files("infra.store.migrations").iterdir() if file.name.endswith(".sql"))
    assert all(re.fullmatch(r"\d{4}_[a-z_]+(\.timescale)?\.sql", name) for name in names), "or it is passed over"
    plain = {name for name in names if ".timescale" not in name}
    assert len(plain) == len(steps()), "two of one number"
    assert {name.replace(".timescale", "") for name in names} == plain, "a variant of nothing"
