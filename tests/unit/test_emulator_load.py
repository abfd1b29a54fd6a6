"""Load of the emulated network: counters that fit together, days with a shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from emulated import DAY, quiet, run

from stream.sources.emulator.traffic import CURVES, curve


@pytest.fixture(scope="module")
def day() -> list[dict[str, np.ndarray]]:
    """A whole day of a network with an empty stadium."""
    return run(quiet(), DAY)


def test_blocks_add_up_and_percent_is_rounded_down(day: list[dict[str, np.ndarray]]) -> None:
    for step in day:
        used, available = step["RRU.PrbUsedDl"], step["RRU.PrbAvailDl"]
        assert (used >= 0).all()
        assert (used <= available).all()
        np.testing.assert_array_equal(step["RRU.PrbTotDl"], np.floor(100 * used / available))


def test_throughput_is_zero_exactly_where_the_cell_is_idle(day: list[dict[str, np.ndarray]]) -> None:
    seen_idle = 0
    for step in [*day, *run(quiet(granularity_s=10), 30)]:  # in ten seconds of a night many cells have no user
        idle = step["DRB.PdcpSduVolumeDL"] == 0
        seen_idle += int(idle.sum())
        for counter in ("DRB.UEThpDl", "DRB.UEThpUl", "RRU.PrbUsedDl", "TB.TotNbrDlInitial", "RRC.ConnEstabAtt"):
            np.testing.assert_array_equal(step[counter] == 0, idle, err_msg=counter)
    assert seen_idle > 20


def test_parts_never_exceed_the_whole(day: list[dict[str, np.ndarray]]) -> None:
    for part, whole in (
        ("RRC.ConnEstabSucc", "RRC.ConnEstabAtt"),
        ("MM.HoExeInterSucc", "MM.HoExeInterReq"),
        ("TB.ErrTotNbrDl", "TB.TotNbrDlInitial"),
        ("RRC.ConnMean", "RRC.ConnMax"),
    ):
        for step in day:
            assert (step[part] <= step[whole]).all(), part


def test_users_get_less_when_the_cell_is_full(day: list[dict[str, np.ndarray]]) -> None:
    load = np.concatenate([step["RRU.PrbTotDl"] for step in day])
    throughput = np.concatenate([step["DRB.UEThpDl"] / step["RRU.PrbAvailDl"] for step in day])
    active = np.concatenate([step["DRB.MeanActiveUeDl"] for step in day])
    bins = [(load >= low) & (load < low + 20) for low in (1, 21, 41, 61, 81)]
    means = [throughput[b].mean() for b in bins]
    assert means == sorted(means, reverse=True)
    assert active[bins[4]].mean() > 5 * active[bins[1]].mean()


def test_days_have_a_shape_and_cells_congest_sometimes(day: list[dict[str, np.ndarray]]) -> None:
    hourly = np.array([step["RRU.PrbTotDl"].mean() for step in day]).reshape(24, 4).mean(axis=1)
    assert hourly[3] < 5 < 20 < hourly[20]
    share = np.mean([step["RRU.PrbTotDl"] > 70 for step in day])
    assert 0.005 < share < 0.25


def test_curves_are_periodic_and_differ_by_area_and_day() -> None:
    monday = datetime(2026, 1, 5, 8, tzinfo=UTC)
    np.testing.assert_allclose(curve(monday), curve(monday + timedelta(days=7)))
    home, work, way, stadium = curve(monday)
    assert stadium < home < way
    assert work > 5 * curve(monday + timedelta(days=6))[1]
    np.testing.assert_allclose(curve(datetime(2026, 1, 5, 0, 30, tzinfo=UTC)), CURVES[:, 0])
