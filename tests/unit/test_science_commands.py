"""Commands that print tables draw the same: networks, links and recordings are made up, all that follows is as ever."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from models.targets import CongestionTarget
from stream.sources.emulator.units import Failure
from tests.science import (
    backhaul,
    congestion,
    equipment,
    equipment_plots,
)
from tests.science.congestion_log import RECORDINGS, Log
from tests.science.equipment_run import Seen
from tests.unit.pictures import at, pictures
from twin.topology import Topology


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    with pictures(monkeypatch) as found:
        yield found


def test_what_the_commands_print_is_what_they_draw(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks and links are made up: the commands themselves go from what was said to table and picture."""

    def network(seed: int, sites: int, days: int, factor: float) -> list[Seen]:
        rng = np.random.default_rng(seed)
        failures = [Failure("fan", unit, "wear-out", 0.0, (845 + 24 * unit) * 3600.0, (900 + 24 * unit) * 3600.0)
                    for unit in range(sites)]  # fmt: skip
        failed = np.zeros((days * 24, sites), dtype=bool)
        sure = np.zeros(failed.shape)
        for one in failures:
            end = int(one.failed / 3600)
            failed[end : int(one.repaired / 3600), one.unit] = True
            sure[end - 30 : end, one.unit] = 0.9
        names = [name for name in equipment_plots.STYLES if "hindsight" not in name]
        noise = {name: rng.random(failed.shape) * 0.01 for name in names}
        return [Seen("fan", noise | {names[0]: sure}, failed, failures)]

    monkeypatch.setattr(equipment, "played", network)
    monkeypatch.setattr(
        "sys.argv", ["x", "--seeds", "1", "2", "--sites", "3", "--days", "45", "--plot", str(tmp_path / "e")]
    )
    equipment.main()
    whole = {line.get_label(): line for line in drawn[0].axes[0].lines if line.get_markersize() == 10}
    assert whole["failure model (ours)"].get_xdata()[0] == 1.0
    assert np.isnan(whole["sensor threshold"].get_ydata()[0])
    assert len(drawn[0].axes) == 4

    n, T = 4, 4 * backhaul.DAY
    rng = np.random.default_rng(0)
    attenuation = np.where(rng.random((T, n)) < 0.005, 12.0, 0.0)
    ahead = np.array([attenuation[t + 1 : t + 10].max(axis=0, initial=0) > 10 for t in range(T)])

    def said(*_: Any, neighbours: bool, **__: Any) -> backhaul.Run:
        p = np.where(ahead & neighbours, 0.8, 0.1 * rng.random((T, n)))
        return backhaul.Run(p, attenuation, np.zeros(0), (), 1.0)

    (tmp_path / backhaul.LEVELS).touch()
    monkeypatch.setattr(backhaul, "recording", lambda _: (np.zeros((2, n, T)), np.arange(T), None, None))
    monkeypatch.setattr(backhaul, "online", said)
    monkeypatch.setattr("sys.argv", ["x", "--quick", "--folder", str(tmp_path), "--plot", str(tmp_path / "b")])
    backhaul.main()
    found = [line.get_xdata()[0] for line in drawn[1].axes[1].lines if line.get_marker() == "o"]
    assert found[2] > found[1] > 0
    recall = at(drawn[2].axes[1], "link + neighbours")[1]
    assert min(recall) > 0.5


def test_congestion_draws_what_it_prints(
    tmp_path: Path, drawn: list[Figure], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    T, n = 1400, 3
    load = 40 + 25 * np.sin(np.arange(T) / 24 * 2 * np.pi)[:, None] + rng.normal(0, 5, (T, n))

    def replayed(recording: Any, messages: Any, targets: list[CongestionTarget]) -> Log:
        ahead = [np.roll(load, -t.horizon_s // 3600, axis=0) - t.threshold for t in targets]
        said = np.stack([1 / (1 + np.exp(-(a + rng.normal(0, 8, a.shape)) / 4)) for a in ahead])
        return Log(np.arange(T), load, {}, ("a", "b", "c"), np.zeros(n), said, Topology(), "")

    batch = {
        "groups": lambda targets: [targets],
        "trained": lambda *_: SimpleNamespace(stages=[1]),
        "with_models": lambda messages, *_: messages,
        "alone": lambda log, courses, targets: np.full_like(log.probability, np.nan),
    }
    for name, made in batch.items():
        monkeypatch.setattr(congestion.congestion_batch, name, made)
    monkeypatch.setattr(congestion, "log_of", lambda *_: [])
    monkeypatch.setattr(congestion, "replayed", replayed)
    monkeypatch.setattr(congestion, "table", lambda *_: np.zeros(0))
    monkeypatch.setattr(congestion, "reference", lambda X, label, *_: rng.random(label.shape))
    congestion.compare("prb", RECORDINGS["prb"], tmp_path, [1, 3], [0], tmp_path)
    printed = capsys.readouterr().out
    first = re.search(r"last 25 %.*?blended\D+([\d.]+)", printed, re.DOTALL)
    assert first
    assert at(drawn[0].axes[0], "blended")[1][0] == pytest.approx(float(first[1]), abs=0.0006)
    assert [text.get_text() for text in drawn[0].axes[0].get_xticklabels()] == [
        f"> {share} %\n{horizon} h" for horizon in (1, 3) for share in (50, 70)
    ]
    assert len(drawn[1].axes) == 6
    assert printed.count("congested,") == 8
