"""Batch models of failures in the fold: shadow, promotion and way back are events, and only the champion is heard."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import differing, fold, new_shard, outlets, reasons, state
from model_network import candidate, record
from numpy.typing import NDArray

from infra.settings import Settings
from models.artifact import Layer, ModelArtifact, Output, Training, with_version
from models.failure.names import horizons_of, read_kind
from models.failure.signals import feature_names
from models.gate import GateRule
from models.logit import sigmoid
from models.retraining import TrainingRule
from stream.failing import telling as failing_tell
from stream.registry.keeper_rules import horizons
from stream.registry.keeping import Keeping
from stream.sources.emulator.network import START
from tests.unit.test_failing import FAILING, of_worn, worn_fan
from twin.errors import ConfigurationError
from twin.events import Score
from twin.log import LogRecord
from twin.model_events import ModelTransition, new_transition

NAME = "alarm:EQUIPMENT_ALARM@1d element"
DAY_S, QUARTER_MS = 86_400, 900_000
DEVIATION = 2.0
LASTS = 92
"""Hours; the fan's alarm comes after 82 and a half."""


def artifact(name: str = "fans", bias: float = -7.0, **more: Any) -> ModelArtifact:
    """Says that an element will fail as far as its fan turns slower than it should."""
    features = feature_names("element")
    weights = np.zeros((1, len(features)), dtype=np.float32)
    weights[0, features.index("fan_speed.residual")] = 2 * DEVIATION
    made = {
        "m_l_model_id": name,
        "kind": "failure",
        "targets": [NAME],
        "horizons": [DAY_S],
        "granularity_ms": QUARTER_MS,
        "features": features,
        "marked": [],
        "layers": [Layer(kind="dense", units=1)],
        "outputs": [Output(kind="log_odds", target=NAME, horizon_s=DAY_S)],
        "training": Training(begin=0, end=1, samples=100, seed=0),
        "arrays": {
            "mean": np.zeros(len(features), dtype=np.float32),
            "deviation": np.full(len(features), DEVIATION, dtype=np.float32),
            "0/weights": weights,
            "0/bias": np.array([bias], dtype=np.float32),
        },
    }
    return with_version(ModelArtifact(**(made | more)))


GOOD = candidate(artifact())


def moved(to: str, hours: float) -> ModelTransition:
    return new_transition(GOOD.model, to, START + timedelta(hours=hours), reason="a test")  # type: ignore[arg-type]


@cache
def log() -> list[LogRecord]:
    """The worn fan with a model in shadow from the first day, champion from the second, retired at the end."""
    steps = [(0.5, GOOD), (1.0, moved("shadow", 1)), (30.0, moved("champion", 30)), (88.0, moved("retired", 88))]
    out: list[LogRecord] = []
    for one in worn_fan(LASTS):
        while steps and one.time >= int((START + timedelta(hours=steps[0][0])).timestamp() * 1000):
            out.append(record(steps.pop(0)[1], 0, one.time))  # type: ignore[arg-type]
        out.append(one)
    return [one._replace(offset=at) for at, one in enumerate(out)]


@cache
def told() -> tuple[Any, dict[str, list[dict[str, Any]]]]:
    shard = new_shard(FAILING)
    effects = fold(shard, log())
    return shard, {kind: outlets(effects, kind) for kind in ("failure", "comparisons", "monitoring", "rejected")}


def hour(body: dict[str, Any]) -> float:
    return (datetime.fromisoformat(body["time"]) - START) / timedelta(hours=1)


def test_only_the_champion_is_heard_blended_and_explained() -> None:
    _, said = told()
    assert said["rejected"] == []
    mine = of_worn(said["failure"])
    before, during = ([b for b in mine if low <= hour(b) < high] for low, high in ((0, 29), (31, 79)))
    assert before
    assert during
    assert {(b["model"], b["batch_model"]) for b in before} == {("online-failure", "")}
    assert {(b["model"], b["batch_model"]) for b in during} == {("blended-failure", GOOD.model)}
    assert all(set(b["blend"]) == {"online", "batch", "quiet", "one"} for b in during)
    assert all(b["model_version"].split("+")[1] == GOOD.model for b in during)
    assert any("batch" in b["drivers"] for b in during)
    others = [b for b in said["failure"] if b["kind"] == "cell" or "ENVIRONMENTAL" in b["target"]]
    assert {b["batch_model"] for b in others} == {""}


def test_what_both_said_is_compared_on_the_same_labels() -> None:
    _, said = told()
    pairs = {(c["target"], c["champion"], c["candidate"]) for c in said["comparisons"]}
    assert pairs == {(NAME, "online", GOOD.model), (NAME, GOOD.model, "online")}
    assert sum(c["n"] for c in said["comparisons"]) > 50
    assert sum(c["positives"] for c in said["comparisons"]) > 0


def test_what_is_scored_is_what_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """All predictions, not only those worth a message."""
    made: dict[int, NDArray[Any]] = {}
    tell = failing_tell.tell

    def listening(shard: Any, watched: Any, said: failing_tell.Made, *rest: Any) -> None:
        if (watched.kind, said.k) == ("element", 0) and said.spoken is not None:
            made[said.end // QUARTER_MS] = sigmoid(said.log_odds)
        tell(shard, watched, said, *rest)

    monkeypatch.setattr(failing_tell, "tell", listening)
    shard, pairs = new_shard(FAILING), []
    for at in range(0, len(log()), 100):
        shard.apply(log()[at : at + 100])
        for kind, k, _, matured in shard.matured_failures:
            if (kind, k) == ("element", 0):
                each = zip(matured.made.tolist(), matured.row.tolist(), matured.probability.tolist(), strict=True)
                pairs += [(p, float(made[step][row])) for step, row, p in each if step in made]
    assert len(pairs) > 30
    assert [scored for scored, _ in pairs] == [said for _, said in pairs]


def test_figures_are_those_of_who_spoke() -> None:
    _, said = told()
    rows = said["monitoring"]
    assert {row["model_version"] for row in rows if row["target"] == NAME} == {"online", GOOD.model}
    cells = "alarm:EQUIPMENT_ALARM@1d cell"
    assert {row["model_version"] for row in rows if row["target"] == cells} == {"online"}


def test_after_it_has_retired_the_online_model_speaks_alone_and_nothing_is_left() -> None:
    shard, said = told()
    assert {b["batch_model"] for b in said["failure"] if hour(b) > 88} == {""}
    assert shard.failing.watched["element"].batch.state() == {}
    assert shard.models.artifacts == {}


@pytest.mark.parametrize("share", [0.2, 0.6])
def test_cut_anywhere_and_restored_it_goes_on_as_if_nothing_had_happened(share: float) -> None:
    shard, said = told()
    at = int(len(log()) * share)
    one = new_shard(FAILING)
    before = outlets(fold(one, log()[:at], 77), "failure")
    other = new_shard(FAILING)
    other.restore(one.snapshot())
    assert differing(state(one), state(other)) == []
    assert before + outlets(fold(other, log()[at:], 333), "failure") == said["failure"]
    assert other.digest() == shard.digest()


@pytest.mark.parametrize("mode", ["online", "batch"])
def test_either_alone_is_possible(mode: str) -> None:
    shard = new_shard(msgspec.structs.replace(FAILING, blend=mode))
    body = next(b for b in of_worn(outlets(fold(shard, log()), "failure")) if 40 < hour(b) < 79)
    weights = {"online": 1.0, "batch": 0.0} if mode == "online" else {"online": 0.0, "batch": 1.0}
    assert {key: body["blend"][key] for key in weights} == weights


def test_the_next_version_begins_where_the_blend_has_come_to() -> None:
    shard = new_shard(FAILING)
    at = next(k for k, one in enumerate(log()) if one.time > (START + timedelta(hours=70)).timestamp() * 1000)
    fold(shard, log()[:at])
    batch = shard.failing.watched["element"].batch
    learnt = batch.versions[GOOD.model].stacked[0].blends[0].weights
    following = candidate(artifact(bias=-6.5))
    time = log()[at].time
    steps = (following, new_transition(following.model, "shadow", START + timedelta(hours=70)))
    shard.apply([record(step, at + k, time) for k, step in enumerate(steps)])
    assert batch.versions[following.model].stacked[0].blends[0].weights == learnt


BAD = {
    "of another kind of objects": artifact(targets=["alarm:EQUIPMENT_ALARM@1d cell"],
        outputs=[Output(kind="log_odds", target="alarm:EQUIPMENT_ALARM@1d cell", horizon_s=DAY_S)]),
    "with other features": artifact(features=[f"x{k}" for k in range(len(feature_names("element")))]),
    "of two kinds": artifact(targets=[NAME, "alarm:EQUIPMENT_ALARM@1d cell"], layers=[Layer(kind="dense", units=2)],
        outputs=[Output(kind="log_odds", target=t, horizon_s=DAY_S) for t in (NAME, "alarm:EQUIPMENT_ALARM@1d cell")],
        arrays=artifact().arrays | {"0/weights": np.zeros((2, len(feature_names("element"))), dtype=np.float32),
                                    "0/bias": np.zeros(2, dtype=np.float32)}),
}  # fmt: skip


@pytest.mark.parametrize("which", BAD)
def test_a_model_that_sees_other_things_is_unfit(which: str) -> None:
    shard = new_shard(FAILING)
    assert reasons(fold(shard, [record(candidate(BAD[which]), 0)])) == ["unfit-model"]


def test_a_model_for_other_steps_is_taken_in_and_runs_for_nothing() -> None:
    slow = candidate(artifact(granularity_ms=3_600_000))
    shard = new_shard(FAILING)
    steps = [record(slow, 0), record(new_transition(slow.model, "shadow", START), 1)]
    rest = [one._replace(offset=2 + k) for k, one in enumerate(worn_fan(LASTS)[:2000])]
    effects = fold(shard, [*steps, *rest])
    assert reasons(effects) == []
    assert outlets(effects, "comparisons") == []
    other = new_shard(FAILING)
    other.restore(shard.snapshot())
    assert other.digest() == shard.digest()


def test_names_of_targets_tell_kind_and_horizon() -> None:
    assert horizons_of(FAILING.failure_targets)[NAME] == DAY_S
    target, kind = read_kind(NAME)
    assert (target.name, kind) == ("alarm:EQUIPMENT_ALARM@1d", "element")
    with pytest.raises(ConfigurationError, match="names no kind"):
        read_kind("alarm:EQUIPMENT_ALARM@1d")


def test_the_keeper_admits_failure_models_and_hears_of_their_scores() -> None:
    settings = Settings(targets=[], failure_targets=["alarm:EQUIPMENT_ALARM@24h", "fade>10dB@15min"])
    keeping = Keeping(horizons(settings), GateRule(), TrainingRule(least_precision=0.5, history_ms=0, every_ms=0))
    assert keeping.candidate(GOOD)
    assert [(t.model, t.state, t.targets) for t in keeping.decisions()] == [(GOOD.model, "shadow", [NAME])]
    keeping.score(
        Score(id="s", time=START + timedelta(days=3), target=NAME, model_version="1", metrics={"ap": 0.1}, revision=1)
    )
    assert keeping.training(running=False) == f"score: average precision 0.100 of {NAME} is below 0.5"
