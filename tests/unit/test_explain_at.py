"""Which prediction of an object is asked for: a target is known however its horizon is written."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from stream.explaining import at_time
from twin.errors import BadInput, LogGone

CELL = "SubNetwork=1,ManagedElement=a,NRCellDU=1"
TOLD = {
    "alarm:EQUIPMENT_ALARM@1d": {"probability": 0.2, "health": 90.0},
    "alarm:ENVIRONMENTAL_ALARM@1d": {"probability": 0.1, "health": 90.0},
    "RRU.PrbTotDl>70@1h": {"probability": 0.3},
}


@pytest.fixture(autouse=True)
def history(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is gone, and a database that has what was told."""

    async def rebuild(*_: Any) -> None:
        raise LogGone("the log of that time is gone")

    async def stored(*_: Any) -> dict[str, Any]:
        return dict(TOLD)

    monkeypatch.setattr(at_time, "load", lambda: SimpleNamespace(targets=[]))
    monkeypatch.setattr(at_time, "running", lambda _: SimpleNamespace(partitions=1))
    monkeypatch.setattr(at_time, "rebuild", rebuild)
    monkeypatch.setattr(at_time, "_stored", stored)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("alarm:EQUIPMENT_ALARM@24h", "alarm:EQUIPMENT_ALARM@1d"),  # as the default of the setting has it
        ("alarm:EQUIPMENT_ALARM@1d", "alarm:EQUIPMENT_ALARM@1d"),
        ("RRU.PrbTotDl > 70.0 @ 60min", "RRU.PrbTotDl>70@1h"),
    ],
)
def test_a_target_is_found_however_it_is_written(asked: str, found: str) -> None:
    assert [one["target"] for one in at_time.explanation_of(CELL, asked, None)["predictions"]] == [found]


@pytest.mark.parametrize("asked", ["alarm:EQUIPMENT_ALARM@2d", "rain"])
def test_another_target_is_refused(asked: str) -> None:
    with pytest.raises(BadInput, match="only for"):
        at_time.explanation_of(CELL, asked, None)
