"""What a replica remembers of what the twin says: the newest of each, bounded, whatever comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from infra.api.ports import Listed
from stream.api import predictions, said
from stream.api.replica import start_of
from stream.api.said import Said
from stream.outlets import ENCODER
from twin.events import CongestionPrediction, Rejected, Score
from twin.log import LogRecord

TIME = datetime(2026, 1, 5, tzinfo=UTC)
TARGET = "RRU.PrbTotDl>70@1h"


def record(body: Any, key: str = "ManagedElement=1") -> LogRecord:
    return LogRecord(0, 0, key, 0, "", body if isinstance(body, bytes) else ENCODER.encode(body))


def congestion(element: str, probability: list[float | None], target: str = TARGET) -> CongestionPrediction:
    n = len(probability)
    return CongestionPrediction(
        id=f"{element}/{target}",
        time=TIME,
        element=element,
        target=target,
        counter="RRU.PrbTotDl",
        threshold=70.0,
        horizon_s=3600,
        cells=[f"NRCellDU={k}" for k in range(n)],
        probability=probability,
        value=[1.0] * n,
        expected=[2.0] * n,
        drivers=[["now"]] * n,
        contributions=[[0.5]] * n,
        model="m",
        model_version="1",
        tier="statistical",
        revision=3,
    )


def test_the_newest_of_each_is_kept() -> None:
    table = Said()
    for p in (0.1, 0.9, 0.4):
        assert table.hear("congestion", record(congestion("ManagedElement=1", [p]))) is not None
    (kept,) = table.congestion.values()
    assert kept.probability == [0.4]


def test_scores_of_each_granularity_and_partition_are_kept() -> None:
    table = Said()
    parts = [("900/0", 1), ("60/0", 2), ("900/1", 3), ("900/0", 4)]
    for part, n in parts:
        told = Score(
            id=f"score/{TARGET}/RRU.PrbTotDl/{part}/{n}",
            time=TIME,
            target=TARGET,
            model_version="1",
            metrics={"n": float(n)},
            revision=n,
        )
        assert table.hear("scores", record(told)) is not None
    assert sorted(one.metrics["n"] for one in table.scores.values()) == [2.0, 3.0, 4.0]


def test_tables_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "MOST", 3)
    table = Said()
    for n in range(5):
        table.hear("congestion", record(congestion(f"ManagedElement={n}", [0.5])))
    table.hear("congestion", record(congestion("ManagedElement=2", [0.6])))
    assert [element for _, element in table.congestion] == ["ManagedElement=3", "ManagedElement=4", "ManagedElement=2"]


def test_rejected_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(said, "MOST_REJECTED_BYTES", 100)
    table = Said()
    for n in range(5):
        told = Rejected(
            id=f"t-0-{n}", time=TIME, reason="malformed", detail="", topic="t", partition=0, offset=n, size=40,
            original=b"x" * 40,
        )  # fmt: skip
        change = table.hear("rejected", record(told))
        assert change is not None
        # Subscribers are told where the bytes are, not the bytes.
        assert json.loads(change.body)["original"] == f"/api/v1/rejected/originals/t-0-{n}"
    assert list(table.rejected) == ["t-0-3", "t-0-4"]
    assert table.rejected_count == 5


@pytest.mark.parametrize(
    "kind", ["congestion", "failure", "fidelity", "scores", "rejected", "updates", "drift", "bursts"]
)
@pytest.mark.parametrize("body", [b"", b"{", b"[]" * 2, b"\xff", b"[" * 100_000, b'{"id": 1}'])
def test_what_cannot_be_read_is_passed_over(kind: str, body: bytes) -> None:
    table = Said()
    change = table.hear(kind, record(body))
    assert change is None or json.loads(change.body) == {"id": 1}


def test_a_line_break_does_not_end_an_event() -> None:
    change = Said().hear("drift", record(b'{\n"a":\r\n1}'))
    assert change is not None
    assert b"\n" not in change.body
    assert b"\r" not in change.body
    assert json.loads(change.body) == {"a": 1}


def test_pages_of_predictions_make_the_whole() -> None:
    kept = [congestion(f"ManagedElement={n}", [0.1 * (n % 4), None, 0.5]) for n in range(7)]
    whole = predictions.congestion(kept, "", "", 0.0, None, 1000)
    assert len(whole.items) == 14
    found, after = [], None
    while True:
        page: Listed = predictions.congestion(kept, "", "", 0.0, after, 4)
        found += page.items
        if (after := page.next) is None:
            break
    assert found == whole.items
    assert [each["probability"] for each in found] == sorted((each["probability"] for each in found), reverse=True)
    assert {each["cell"] for each in predictions.congestion(kept, "", "ManagedElement=3", 0.4, None, 9).items} == {
        "ManagedElement=3,NRCellDU=2"
    }
    assert predictions.likely(kept, 0.5) == 7


@pytest.mark.parametrize(
    ("begin", "end", "place", "start"),
    [(0, 5000, None, 3000), (0, 10, None, 0), (0, 5000, 4999, 4999), (4000, 9000, 100, 7000), (0, 3, 100, 0)],
)
def test_where_an_outlet_is_gone_on_with(begin: int, end: int, place: int | None, start: int) -> None:
    assert start_of(begin, end, place) == start
