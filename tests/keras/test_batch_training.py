"""Networks are trained by time, to the same bytes again, calibrated, and run in numpy as in Keras."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from batch_world import FIRST, HOUR_MS, LOAD, history, topology

from models.artifact import pack, unpack
from models.batch.calibration import calibration_error, platt
from models.batch.congestion import congestion_artifact, ordered_targets, train_congestion
from models.batch.failure import RECIPE, train_failure
from models.batch.fitting import fit, refit
from models.batch.recipe import TWIN, Recipe, Synthetic
from models.batch.regression import regression
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import FeatureSpec, spec_for
from models.batch.static import kinds_of
from models.batch.untrained import Untrained
from models.debias import _Plan
from models.logit import sigmoid
from models.network import Network
from models.targets import parse_target
from twin.errors import TrainingDataError

TARGETS = ordered_targets([parse_target(f"{LOAD}>{t}@{h}") for t in (55, 70) for h in ("1h", "1d")])
SMALL = Recipe(units=(8, 8), epochs=15, batch=256, rate=5e-3)
CELLS = 24
World = tuple[FeatureSpec, Samples]


@pytest.fixture(scope="module")
def world() -> World:
    graph = topology(CELLS)
    made = history(CELLS)
    spec = spec_for(TARGETS, HOUR_MS, kinds_of(graph, made.names))
    return spec, congestion_samples(spec, TARGETS, made, graph, most=1 << 30, seed=0)


@pytest.fixture(scope="module")
def fitted(world: World) -> Any:
    spec, samples = world
    return fit(samples, spec.marked, SMALL)


def test_parts_follow_each_other_and_no_label_lies_in_the_next(world: World) -> None:
    _, samples = world
    own, check, held = (samples.part(p) for p in ("training", "validation", "held out"))  # type: ignore[arg-type]
    assert own.time.max() + samples.longest < check.time.min()
    assert check.time.max() + samples.longest < held.time.min()
    assert held.time.max() == samples.time.max()


def test_numpy_says_what_keras_says(world: World, fitted: Any) -> None:
    spec, samples = world
    artifact = congestion_artifact(spec, TARGETS, samples, fitted, SMALL)
    held = samples.part("held out")
    out = np.asarray(fitted.model(fitted.inputs(held.X), training=False)).T.astype(np.float64)
    K = len(TARGETS)
    out[:K] = out[:K] * fitted.calibration[:, :1] + fitted.calibration[:, 1:]
    for row, output in enumerate(artifact.outputs[K:], K):
        out[row] = output.scale * out[row] + output.shift
    found = Network(unpack(pack(artifact))).outputs(held.X)
    np.testing.assert_allclose(found[:K], out[:K], atol=1e-5, rtol=1e-5)
    crossing = np.maximum.accumulate(out[K:].reshape(len(spec.horizons), 3, -1), axis=1).reshape(out[K:].shape)
    np.testing.assert_allclose(found[K:], crossing, rtol=1e-5, atol=1e-4)


def test_it_learns_and_keeps_its_word(world: World, fitted: Any) -> None:
    spec, samples = world
    artifact = congestion_artifact(spec, TARGETS, samples, fitted, SMALL)
    scores = artifact.model_performance_validation
    for target in TARGETS:
        brier, base = scores[f"{target.name}/brier"], scores[f"{target.name}/brier_prevalence"]
        assert brier is not None
        assert base is not None
        assert brier < 0.75 * base
        error = scores[f"{target.name}/calibration"]
        assert error is not None
        assert error < 0.1
    for level in (0.1, 0.5, 0.9):
        covered = scores[f"{LOAD}@3600s/q{level:g}/coverage"]
        assert covered is not None
        assert abs(covered - level) < 0.15
    assert regression(artifact).failed == []


def test_the_same_data_and_seed_make_the_same_bytes() -> None:
    made, graph = history(9, 6), topology(9)
    few = TARGETS[:2]
    recipe = SMALL._replace(epochs=1)
    bodies = [pack(train_congestion(few, made, graph, recipe)) for _ in range(2)]
    assert bodies[0] == bodies[1]
    assert pack(train_congestion(few, made, graph, recipe._replace(seed=1))) != bodies[0]


def test_training_ends_when_time_is_up(world: World) -> None:
    spec, samples = world
    told: list[str] = []

    def progress(stage: str, percent: float) -> bool:
        told.append(stage)
        return percent < 100 / SMALL.epochs

    done = fit(samples, spec.marked, SMALL, progress)
    assert done.ended == "time"
    assert len(done.losses) == 1
    assert "train" in told
    with pytest.raises(TrainingDataError, match="time was up before"):
        fit(samples, spec.marked, SMALL._replace(batch=64), lambda *_: False)


def test_it_tells_how_far_it_is_within_an_epoch_and_while_the_twin_is_learnt(world: World) -> None:
    spec, samples = world
    told: list[tuple[str, float]] = []
    synthetic = Synthetic(samples, TWIN)
    recipe = SMALL._replace(epochs=2, batch=64, objective="ppi")
    fit(samples, spec.marked, recipe, lambda *one: not told.append(one), synthetic)
    for stage in ("teach", "train"):
        percents = [percent for name, percent in told if name == stage]
        assert percents == sorted(percents)
        assert percents[-1] == 100
        assert sum(percent < 50 for percent in percents) > 0  # within the first of the two epochs


def test_what_speaks_has_learnt_from_all_and_the_evidence_is_of_what_has_not(world: World, fitted: Any) -> None:
    spec, samples = world
    whole = refit(samples, spec.marked, SMALL, fitted)
    alone = congestion_artifact(spec, TARGETS, samples, fitted, SMALL)
    made = unpack(pack(congestion_artifact(spec, TARGETS, samples, fitted, SMALL, whole=whole)))
    assert (alone.training.evidence_of, made.training.evidence_of) == ("", alone.m_l_model_version)
    assert made.m_l_model_version != alone.m_l_model_version
    assert made.training.samples == len(samples.time) > alone.training.samples
    assert made.model_performance_validation == alone.model_performance_validation
    p = sigmoid(Network(made).log_odds(samples.X).astype(np.float64))
    for said, label in zip(p, samples.labels, strict=True):
        known = ~np.isnan(label)
        assert np.average(said[known], weights=samples.weight[known]) == pytest.approx(
            np.average(label[known], weights=samples.weight[known]), rel=1e-3
        )


def test_the_newest_part_is_learnt_from(world: World) -> None:
    """What became frequent only lately is foretold by the second fit, and not by the first."""
    spec, samples = world
    season = samples.time >= np.quantile(samples.time, 0.88)
    labels = samples.labels.copy()
    labels[:, season] = np.where(np.isnan(labels[:, season]), np.nan, samples.now[season] > 30)
    moved = samples._replace(labels=labels)
    first = fit(moved, spec.marked, SMALL)
    second = refit(moved, spec.marked, SMALL, first)
    held = moved.part("held out")

    def loss(done: Any) -> float:
        artifact = congestion_artifact(spec, TARGETS, moved, done, SMALL)
        p = np.clip(sigmoid(Network(artifact).log_odds(held.X).astype(np.float64)), 1e-6, 1 - 1e-6)
        return float(-np.nanmean(held.labels * np.log(p) + (1 - held.labels) * np.log(1 - p)))

    assert loss(second) < loss(first)


def test_there_is_no_second_fit_where_time_is_up(world: World, fitted: Any) -> None:
    spec, samples = world
    assert refit(samples, spec.marked, SMALL, fitted, lambda *_: False) is fitted


def test_nothing_is_learnt_from_one_kind_of_labels(world: World) -> None:
    spec, samples = world
    with pytest.raises(TrainingDataError, match="one kind"):
        fit(samples._replace(labels=np.zeros_like(samples.labels)), spec.marked, SMALL)


def test_drawing_negatives_keeps_the_share_of_positives() -> None:
    made, graph = history(CELLS), topology(CELLS)
    rare = [parse_target(f"{LOAD}>95@1h")]
    spec = spec_for(rare, HOUR_MS)
    every = congestion_samples(spec, rare, made, graph, most=1 << 30, seed=0)
    some = congestion_samples(spec, rare, made, graph, most=1500, seed=0)
    assert len(some.time) < 0.4 * len(every.time)
    full, drawn = (float(np.average(s.labels[0] == 1, weights=s.weight)) for s in (every, some))
    assert drawn == pytest.approx(full, rel=0.25)
    assert (some.labels[0] == 1).mean() > 1.5 * full


def test_a_failure_model_is_honest_about_rare_failures() -> None:
    rng = np.random.default_rng(0)
    n = 30_000
    X = rng.normal(size=(4, n)).astype(np.float32)
    X[3, rng.random(n) < 0.2] = np.nan
    truth = sigmoid(1.5 * X[0] - 5)
    labels = (rng.random(n) < truth).astype(np.float32)[None]
    time = FIRST + np.arange(n) // 30
    artifact = train_failure(
        [("alarm:EQUIPMENT_ALARM@24h", 86_400)], ["a", "b", "c", "d"], X, labels, time, HOUR_MS,
        SMALL._replace(rate=1e-2), most=4000,
    )  # fmt: skip
    p = sigmoid(Network(artifact).log_odds(X)[0].astype(np.float64))
    assert p.mean() == pytest.approx(float(truth.mean()), rel=0.3)
    assert np.corrcoef(np.log(p), X[0])[0, 1] > 0.8
    assert artifact.targets == ["alarm:EQUIPMENT_ALARM@24h"]


def test_a_twins_labels_are_added_by_any_objective(world: World) -> None:
    """Few real labels and many of a twin that is right: `p-erm` does better than `erm`."""
    spec, samples = world
    few = samples.take(np.arange(0, len(samples.time), 12))
    twin = Synthetic(samples.part("training"), run="r1", twin_version="7")
    made = {
        name: fit(few, spec.marked, SMALL._replace(objective=name, batch=256), synthetic=s)
        for name, s in (("erm", None), ("p-erm", twin))
    }
    held = samples.part("held out")

    def loss(done: Any) -> float:
        artifact = congestion_artifact(spec, TARGETS, few, done, SMALL)
        p = np.clip(sigmoid(Network(artifact).log_odds(held.X).astype(np.float64)), 1e-6, 1 - 1e-6)
        y = held.labels
        return float(-np.nanmean(y * np.log(p) + (1 - y) * np.log(1 - p)))

    assert loss(made["p-erm"]) < loss(made["erm"])


def test_platt_finds_what_was_done_to_log_odds() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(size=20_000) * 2 - 1
    y = (rng.random(20_000) < sigmoid(honest)).astype(float)
    slope, shift = platt((honest - 0.7) / 0.5, y, np.ones(20_000))
    assert slope == pytest.approx(0.5, abs=0.03)
    assert shift == pytest.approx(0.7, abs=0.06)
    good, bad = (calibration_error(sigmoid(f * honest), y, np.ones(20_000)) for f in (1, 3))
    assert good is not None
    assert bad is not None
    assert good < 0.02 < 0.05 < bad


@pytest.mark.parametrize("objective", ["p-erm", "ppi", "tuned-ppi", "cross-ppi", "cdr"])
def test_a_network_taught_the_twins_samples_labels_real_ones_for_every_objective(world: World, objective: str) -> None:
    spec, samples = world
    known = np.flatnonzero(~(np.isnan(samples.labels).any(axis=0) | np.isnan(samples.future).any(axis=0)))
    own = samples.take(known[::4])._replace(weight=np.ones(len(known[::4]), dtype=np.float32))
    made = samples.take(known[1::4])._replace(weight=np.ones(len(known[1::4]), dtype=np.float32))
    contexts = [one.X[0] > np.nanmedian(own.X[0]) for one in (own, made)]
    context, groups = (one.astype(np.int64) for one in contexts)
    twin = Synthetic(made, TWIN, "r1", "7", groups if objective == "cdr" else None)
    recipe = SMALL._replace(objective=objective, epochs=4, batch=256)
    fitted = fit(own, spec.marked, recipe, synthetic=twin, context=context if objective == "cdr" else None)
    untrained = fit(own, spec.marked, recipe._replace(objective="erm", epochs=1, rate=1e-6))
    assert min(fitted.losses) < min(untrained.losses)
    artifact = congestion_artifact(spec, TARGETS, own, fitted, recipe, twin)
    assert (artifact.training.origin, artifact.training.run, artifact.training.objective) == ("both", "r1", objective)


def test_what_speaks_has_been_taught_by_the_objective_that_was_scored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The correction grew to its whole in the few epochs of the second fit; lam, from known pairs, fell to 0."""
    spec, samples = world
    known = np.flatnonzero(~(np.isnan(samples.labels).any(axis=0) | np.isnan(samples.future).any(axis=0)))
    own, made = (samples.take(known[k::4]) for k in range(2))
    twin = Synthetic(made, TWIN, context=(made.X[0] > 0.4).astype(np.int64))
    recipe = SMALL._replace(objective="cdr", epochs=5)
    taken: list[tuple[float, list[float]]] = []
    counted: list[Any] = []
    epoch = _Plan.epoch

    def watched(plan: Any, learner: Any, beta: float, *rest: Any) -> Any:
        loss, lam = epoch(plan, learner, beta, *rest)
        taken.append((beta, lam.tolist()))
        counted.append(plan.synthetic.weight)
        return loss, lam

    monkeypatch.setattr(_Plan, "epoch", watched)
    first = fit(own, spec.marked, recipe, synthetic=twin, context=(own.X[0] > 0.4).astype(np.int64))
    assert [beta for beta, _ in taken] == [0, 0.25, 0.5, 0.75, 1]
    assert first.lam.tolist() == [lam for _, lam in taken]
    assert 0.5 < first.shift["auc"] < 0.8  # the same network, of which the training part ends sooner
    assert len(made.time) / 20 < first.shift["effective"] < 0.99 * len(made.time) == 0.99 * first.shift["synthetic"]
    assert all(np.ptp(weight) > 0 and abs(weight.mean() - 1) < 1e-9 for weight in counted)
    first = first._replace(best=2)
    of_first = taken[:3]
    taken.clear()
    whole = refit(own, spec.marked, recipe, first, synthetic=twin, context=(own.X[0] > 0.4).astype(np.int64))
    assert [beta for beta, _ in taken] == [beta for beta, _ in of_first]
    np.testing.assert_allclose([lam for _, lam in taken], [lam for _, lam in of_first], rtol=1e-12)
    for told, before in zip(whole.lam_told(), first.lam_told(), strict=True):
        assert told == pytest.approx(before, abs=1e-6)
    assert [set(one) for one in whole.lam_told()] == [{"first", "last", "mean"}] * 2
    assert whole.lam_told()[1]["last"] == pytest.approx(first.lam[first.best, 1], abs=1e-6)


def test_quantiles_keep_their_distance_where_the_twin_is_believed(world: World) -> None:
    """The twin's label of a value is its median, which four in five rows were taught as the quantile of 90 %, too."""
    spec, samples = world
    known = np.flatnonzero(~(np.isnan(samples.labels).any(axis=0) | np.isnan(samples.future).any(axis=0)))
    own, made = (samples.take(rows) for rows in (known[::6], known[np.arange(len(known)) % 6 > 0]))
    assert len(made.time) >= 4 * len(own.time)
    recipe = SMALL._replace(epochs=8, patience=8)
    held = samples.part("held out")
    covered = {}
    for name, twin in (("erm", None), ("p-erm", Synthetic(made, TWIN))):
        done = fit(own, spec.marked, recipe._replace(objective=name), synthetic=twin)
        artifact = congestion_artifact(spec, TARGETS, own, done, recipe)
        out = Network(artifact).outputs(held.X)[len(TARGETS) :]
        covered[name] = float(np.nanmean((held.future[0] >= out[0]) & (held.future[0] <= out[2])))
    assert covered["p-erm"] > 0.6, covered


def test_synthetic_samples_keep_their_context() -> None:
    """They were all of context 0 once, so that lam of every other one was that of a context without any."""
    rng = np.random.default_rng(0)
    n = 600
    X = rng.normal(size=(3, n)).astype(np.float32)
    labels = (X[:1] > 0).astype(np.float32)
    nothing = np.full(n, np.nan, dtype=np.float32)
    samples = Samples(X, labels, np.empty((0, n), np.float32), np.ones(n, np.float32), np.arange(n), nothing, 1)
    context = (np.arange(n) % 3).astype(np.int64)
    network = Untrained(samples, samples, [], SMALL, context, Synthetic(samples, None, context=context[::-1]))
    assert network.as_set(samples, samples.weight, "real").context.tolist() == context.tolist()
    assert network.as_set(samples, samples.weight, "synthetic").context.tolist() == context[::-1].tolist()


def test_features_of_failures_are_not_cut_off_where_they_matter() -> None:
    """Nearly always zero: in measured deviations one standard error and ten would look the same."""
    X = np.zeros((2, 5000), dtype=np.float32)
    X[0, ::100] = 10
    labels = (X[:1] > 5).astype(np.float32)
    labels[0, ::200] = 0
    artifact = train_failure([("alarm:a@1d cell", 86_400)], ["a", "b"], X, labels, np.arange(5000) // 5, HOUR_MS,
                             RECIPE._replace(epochs=2))  # fmt: skip
    assert artifact.arrays["deviation"].tolist() == [2.0, 2.0]
    assert artifact.arrays["mean"].tolist() == [0.0, 0.0]
    assert artifact.m_l_model_id == "batch-failure-cell-86400s"
    assert artifact.training.evidence_of
