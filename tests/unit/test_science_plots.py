"""Pictures of the tables: who has something to draw is asked to, axes say what they are in, and what is drawn is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from models.targets import CongestionTarget
from tests.science import (
    backhaul_plots,
    backhaul_scores,
    congestion_plots,
    drift_run_length,
    equipment_plots,
    failure_batch_plots,
    gate,
    updating,
)
from tests.science.backhaul_warnings import COSTS, Warned
from tests.science.congestion_scores import Forecast, Window, reliability, scores
from tests.science.equipment_scoring import Tally
from tests.science.plots import BLUE, dots, panels, sheet
from tests.science.updating import Scored
from tests.science.updating_streams import Case
from tests.unit.pictures import at, pictures

ROOT = Path(__file__).parents[2]
DRAWING = {"congestion", "backhaul", "equipment", "failure_batch", "gate", "updating", "drift_run_length"}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    with pictures(monkeypatch) as found:
        yield found


def test_make_science_draws_whatever_can_be_drawn() -> None:
    recipe = re.search(r"^science:[^\n]*\n((?:\t[^\n]*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    asked = dict(re.findall(r"-m tests\.science\.(\w+)(.*)", recipe[1]))
    able = {name for name in asked if _has_option(name)}
    assert able >= DRAWING
    assert {name for name, options in asked.items() if "--plot $(PLOTS)" in options} == able
    folder = re.search(r"^PLOTS \?= (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert folder
    assert folder[1].split("/")[0] + "/" in (ROOT / ".gitignore").read_text().split()


def test_numbers_names_each_table_with_the_options_that_make_science_gives_it() -> None:
    numbers = (ROOT / "docs" / "numbers.md").read_text()
    recipe = re.search(r"^science:[^\n]*\n((?:\t[^\n]*\n)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    for name, options in re.findall(r"-m (tests\.science\.\w+)(.*)", recipe[1]):
        assert f"`python -m {name}{options.replace(' --plot $(PLOTS)', '')}`" in numbers


def _has_option(name: str) -> bool:
    file = ROOT / "tests" / "science" / f"{name}.py"
    return file.is_file() and '"--plot"' in file.read_text()


def test_probabilities_that_are_honest_lie_on_the_diagonal_and_others_beside_it() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(60_000)
    window = Window(rng.random(len(p)) < p, np.ones(len(p), dtype=bool), np.arange(len(p)) // 600)
    weights = window.draws(0)
    honest = reliability(window, p, weights)
    np.testing.assert_allclose(honest.said, np.arange(10) / 10 + 0.05, atol=0.005)
    np.testing.assert_allclose(honest.came, honest.said, atol=4 * honest.spread.max())
    assert 0.002 < honest.spread.max() < 0.02
    boastful = reliability(window, np.minimum(p * 2, 1.0), weights)
    assert boastful.came[6] == pytest.approx(0.325, abs=0.03)
    assert np.isnan(reliability(window, p * 0.5, weights).came[9])
    assert honest.count.sum() == len(p)


def test_congestion(tmp_path: Path, drawn: list[Figure]) -> None:
    rng = np.random.default_rng(1)
    found = []
    for target in ("> 50 %, 1 h", "> 70 %, 1 h", "> 50 %, 3 h", "> 70 %, 3 h"):
        for name in ("last 25 %", "after 30 d"):
            p = rng.beta(0.4, 4, 2000)
            window = Window(rng.random(len(p)) < p, rng.random(len(p)) < 0.9, np.arange(len(p)) // 50)
            said = {
                who: [Forecast(q, q) for q in [np.clip(p + rng.normal(0, 0.05 + 0.02 * k, len(p)), 0, 1)]]
                for k, who in enumerate(("blended", "online", "batch", "HGB, refit every 12 h", "yesterday", "as now",
                                         "last week", "HGB, trained before, LEAKS"))
            }  # fmt: skip
            weights = window.draws(0)
            kept = {who: [scores(window, one, weights) for one in ones] for who, ones in said.items()}
            found.append(congestion_plots.drawn(target, name, window, said, kept, weights))
    congestion_plots.draw("prb", found, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["congestion-prb-reliability.png", "congestion-prb.png"]
    upper, _, lower, _ = drawn[0].axes
    assert {c.get_label() for c in upper.containers} == set(congestion_plots.STYLES)
    first = found[0].scores["blended"]
    assert at(upper, "blended")[1][0] == first["AP"][0]
    assert at(lower, "blended")[1][0] == first["onset AP"][0]
    assert next(axes.get_title() for axes in drawn[1].axes if axes.get_visible()) == "prb, after 30 d: > 50 %, 1 h"


def test_the_interval_of_an_average_precision_is_wider_where_blocks_differ() -> None:
    rng = np.random.default_rng(2)
    T, n = 40 * backhaul_scores.BLOCK, 3
    score = rng.random((T, n)).astype(np.float32)
    label = rng.random((T, n)) < 0.02 + 0.3 * (score > 0.9)
    known = np.ones((T, n), dtype=bool)
    truth = backhaul_scores.Labels(label, known, label, np.argwhere(label))
    whole = backhaul_scores.interval(truth, score, slice(0, T), 1)
    rained = (np.arange(T) // backhaul_scores.BLOCK % 8 == 0)[:, None]
    showers = truth._replace(label=rng.random((T, n)) < 0.02 + 0.9 * (score > 0.95) * rained)
    wide = backhaul_scores.interval(showers, score, slice(0, T), 1)
    assert whole[0] == backhaul_scores.ap(truth, score, slice(0, T))
    assert whole[1] < whole[0] < whole[2] < whole[1] + 0.05
    assert wide[1] < wide[0] < wide[2]
    assert wide[2] - wide[1] > 2 * (whole[2] - whole[1])
    high = backhaul_scores.interval(truth, score, slice(0, T), 1, score > 0.9)
    assert high[0] == pytest.approx(label[score > 0.9].mean(), abs=0.03)


def test_fades(tmp_path: Path, drawn: list[Figure]) -> None:
    names = ("attenuation now", "online, link alone", "online, link + neighbours", "HGB, link + neighbours")
    precision = {
        part: {name: (0.05 * k + 0.02, 0.04 * k + 0.01, 0.07 * k + 0.03) for k, name in enumerate(names[:count])}
        for part, count in (("whole run", 3), ("last 2 days", 4), ("last 2 days, below 1 dB now", 4))
    }
    rng = np.random.default_rng(0)
    warnings = {
        name: {
            cost: Warned([0.1], 1.0, 0.5 - 0.01 * cost, 0.4 + 0.01 * cost, 9.0, 0.2, rng.integers(1, 16, 50))
            for cost in COSTS
        }
        for name in backhaul_plots.STYLES
    }
    warnings["link alone"][3.0] = Warned([2.0], 0.0, 0.0, 0.0, float("nan"), 0.0, np.zeros(0))
    backhaul_plots.draw(precision, dict.fromkeys(precision, 0.004), warnings, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["backhaul-ap.png", "backhaul-warnings.png"]
    assert [text.get_text() for text in drawn[0].axes[0].get_yticklabels()] == list(names)
    left, right = drawn[1].axes
    assert at(left, "link + neighbours")[1] == [pytest.approx(0.5 - 0.01 * cost) for cost in COSTS]
    assert at(right, "link + neighbours")[1] == [pytest.approx(0.4 + 0.01 * cost) for cost in COSTS]


def test_equipment(tmp_path: Path, drawn: list[Figure]) -> None:
    kinds = {"wear-out": 4, "random": 2}
    one = Tally(3, 1, [10.0, 20.0, 60.0], {"wear-out": 3, "random": 0}, kinds, 100.0, 2.0)
    none = Tally(0, 0, [], {"wear-out": 0, "random": 0}, kinds, 100.0, 0.0)
    found = {ratio: {name: [one, none] for name in equipment_plots.STYLES} for ratio in (5.0, 20.0)}
    equipment_plots.draw(found, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["equipment.png"]
    upper = drawn[0].axes[0]
    (whole,) = [line for line in upper.lines if line.get_label() == "failure model (ours)"]
    assert (whole.get_xdata()[0], whole.get_ydata()[0]) == (3 / 8, 3 / 4)
    assert [text.get_text() for text in drawn[0].axes[2].get_yticklabels()] == list(equipment_plots.STYLES)


def test_failures_by_batch(tmp_path: Path, drawn: list[Figure]) -> None:
    found = {
        "cell": {"online": (0.36, [0.3, 0.4]), "batch": (0.44, [0.5, 0.36]), "blended": (0.4, [0.35, 0.45])},
        "element": {"online": (0.35, [0.3, 0.4]), "batch": (0.41, [0.6, 0.2]), "blended": (0.42, [0.5, 0.3])},
    }
    failure_batch_plots.draw(found, {"cell": 0.016, "element": 0.088}, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["failure-batch.png"]
    lines = drawn[0].axes[1].lines
    assert [line.get_ydata()[0] for line in lines if line.get_markersize() == 10] == [0.35, 0.41, 0.42]


def test_the_gate(tmp_path: Path, drawn: list[Figure]) -> None:
    found = {shape: [[mean, min(mean * 1.5, 1.0)] for mean in gate.MEANS] for shape in gate.SHAPES}
    gate.draw(found, 0.05, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["gate.png"]
    across, up = at(drawn[0].axes[0], gate.SHAPES["normal"])
    assert tuple(across) == gate.MEANS
    assert up[1] == pytest.approx(0.125)


def test_run_lengths(tmp_path: Path, drawn: list[Figure]) -> None:
    made = [drift_run_length.Outcome(f"d{k}", 0.1 * k, [1, 1, 1], [9, 5, k + 1], [1, 1, 1], 1.0) for k in range(6)]
    drift_run_length.draw(dict.fromkeys(drift_run_length.CORRELATIONS, made), tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["drift-run-length.png"]
    false, *delays = drawn[0].axes
    assert min(false.lines[0].get_ydata()) > 0
    assert [line.get_ydata()[0] for line in delays[2].lines] == [1, 2, 3, 4, 5, 6]


def test_updating(tmp_path: Path, drawn: list[Figure]) -> None:
    target = CongestionTarget(counter="X", threshold=50.0, horizon_s=3600)
    case = Case("prb, winter", np.zeros((340, 1)), 0, target, 100, 48)
    row = np.arange(100, 340)
    p = np.tile([[0.1], [0.2], [0.4]], len(row)).astype(np.float32)
    scored = Scored(row, np.zeros_like(row), p, p, p[0], np.zeros(len(row), dtype=bool))
    updating.draw(case, scored, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["updating-prb-winter.png"]
    found = {line.get_label(): line.get_ydata() for line in drawn[0].axes[0].lines}
    assert found["learns on"] == pytest.approx(-np.log(0.9), rel=1e-6)
    assert found["everything frozen"] == pytest.approx(-np.log(0.6), rel=1e-6)
    assert "[d]" in drawn[0].axes[0].get_xlabel()


def test_series_stand_side_by_side_and_whoever_is_unknown_is_not_drawn(tmp_path: Path, drawn: list[Figure]) -> None:
    nan = float("nan")
    with sheet(tmp_path / "new" / "a.png") as axes:
        two = {"a": [(1.0, 0.5, 1.5), (nan, nan, nan)], "b": [(2.0, 2.0, 2.0), (3.0, 2.0, 4.0)]}
        dots(axes[0][0], ["x", "y"], two, {"a": BLUE, "b": BLUE})
        axes[0][0].set(xlabel="x", ylabel="y")
        axes[0][0].legend()
    (first, _), (second, _) = at(axes[0][0], "a")[0], at(axes[0][0], "b")[0]
    assert first == pytest.approx(-second)
    assert (tmp_path / "new" / "a.png").stat().st_size > 1000
    panels(tmp_path / "b.png", [("t", {"dr": [[1, 2, 3], [2, 3, 4]]}, {"dr": [2.0]})], [0.1, 1.0], "share", "loss")
    middle = [line for line in drawn[1].axes[0].lines if line.get_label() == "dr"]
    assert list(middle[0].get_ydata()) == [2.0, 3.0]
