"""Targets are written as they are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.targets import CongestionTarget, parse_duration_s, parse_target
from twin.errors import ConfigurationError


@given(st.integers(1, 999), st.integers(1, 10_000).map(lambda m: 60 * m))
def test_a_name_reads_back_as_the_target(threshold: int, horizon_s: int) -> None:
    target = CongestionTarget(counter="RRU.PrbTotDl", threshold=threshold / 10, horizon_s=horizon_s)
    assert parse_target(target.name) == target


def test_names_are_short() -> None:
    assert parse_target("RRU.PrbTotDl > 70 @ 60min").name == "RRU.PrbTotDl>70@1h"
    assert parse_target("A>0.5@90min").name == "A>0.5@90min"
    assert parse_target("A>1@2d").horizon_s == 172_800


@pytest.mark.parametrize("text", ["", "A>70", "A@1h", "A>x@1h", "A>70@1w", "A>70@-1h", ">70@1h", "A<70@1h"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="can't read the target"):
        parse_target(text)


def test_durations() -> None:
    assert [parse_duration_s(t) for t in ("30s", "15min", "15m", "24h", "28d")] == [30, 900, 900, 86_400, 2_419_200]
    with pytest.raises(ConfigurationError, match="duration"):
        parse_duration_s("soon")
