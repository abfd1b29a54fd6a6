"""Objectives that correct a twin: unbiased whatever it says, as exact as its rightness allows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.debias import OBJECTIVES, Fixed, TrainingSet, train_learner, training_set
from models.debias_labels import Labeller, label
from models.debias_lam import lam_of, moments
from models.debias_objectives import objective_named, weights
from tests.science.beams.network import DenseNetwork, Optimiser, fourier, squared_loss
from twin.errors import ConfigurationError

NONE = np.zeros(0, np.int64)
POPULATION = np.linspace(-1, 1, 50)
TRUTH = np.sin(3 * POPULATION)
THETA = 0.7
"""The model predicts `THETA * x`; the losses below are squared errors."""


def loss(x: Any, y: Any) -> Any:
    return (THETA * x - y) ** 2


def drawn(rng: np.random.Generator, n: int, N: int) -> tuple[Any, Any]:
    return rng.integers(0, 50, n), rng.integers(0, 50, N)


def value(name: str, lam: float, real: Any, synthetic: Any, f: Any) -> float:
    """The objective's value with a twin that says `f` of the population."""
    w = weights(OBJECTIVES[name], 0 * real, 0 * synthetic, np.array([lam]))
    own, theirs = POPULATION[real], POPULATION[synthetic]
    return float(
        w.real @ loss(own, TRUTH[real]) - w.corrected @ loss(own, f[real]) + w.synthetic @ loss(theirs, f[synthetic])
    )


@pytest.mark.parametrize("twin", [TRUTH, 1 - TRUTH, 3 * POPULATION**2], ids=["right", "mirrored", "nonsense"])
@pytest.mark.parametrize(("name", "lam"), [("ppi", 1), ("tuned-ppi", 0.4), ("dr", 1), ("tdr", 0.4)])
def test_estimates_are_unbiased_whatever_the_twin_says(name: str, lam: float, twin: Any) -> None:
    rng = np.random.default_rng(0)
    seen = np.array([value(name, lam, *drawn(rng, 10, 40), twin) for _ in range(3000)])
    expected = loss(POPULATION, TRUTH).mean()
    assert abs(seen.mean() - expected) < 4 * seen.std() / np.sqrt(len(seen))


def test_believing_a_wrong_twin_is_biased() -> None:
    rng = np.random.default_rng(0)
    seen = np.array([value("p-erm", 0, *drawn(rng, 10, 40), 1 - TRUTH) for _ in range(1000)])
    assert abs(seen.mean() - loss(POPULATION, TRUTH).mean()) > 10 * seen.std() / np.sqrt(len(seen))


class Line:
    """A twin fitted on real pairs, which knows them by heart: out of fold it is as wrong as it is."""

    def fit(self, real: TrainingSet, seed: int) -> Labeller:
        known = {float(x): float(y) for x, y in zip(real.x, real.labels, strict=True)}
        return lambda x: np.array([known.get(float(v), 2 * float(v) + 1) for v in x])


def cross_value(name: str, rng: np.random.Generator, n: int, N: int) -> float:
    a, b = drawn(rng, n, N)
    noise = rng.normal(0, 1e-6, n)  # so that no two inputs are the same
    real = training_set(POPULATION[a] + noise, TRUTH[a], "real")
    synthetic = training_set(POPULATION[b], None, "synthetic")
    made = label(OBJECTIVES[name], real, synthetic, Line(), folds=5, seed=int(rng.integers(1 << 30)))
    own = real.take(made.rows)
    w = weights(OBJECTIVES[name], own.context, synthetic.context, np.ones(1))
    told = np.mean([w.synthetic @ loss(synthetic.x, f) for f in made.synthetic])
    return float(w.real @ loss(own.x, own.labels) - w.corrected @ loss(own.x, made.real) + told)


@pytest.mark.parametrize("name", ["ppi", "cross-ppi"])
def test_fitted_twins_label_only_pairs_they_have_not_seen(name: str) -> None:
    rng = np.random.default_rng(1)
    seen = np.array([cross_value(name, rng, 10, 40) for _ in range(800)])
    assert abs(seen.mean() - loss(POPULATION, TRUTH).mean()) < 4 * seen.std() / np.sqrt(len(seen)) + 1e-4


def test_with_a_right_twin_ppi_has_the_variance_of_its_synthetic_samples_and_tuned_ppi_that_of_all() -> None:
    rng = np.random.default_rng(2)
    n, N = 30, 60
    one = loss(POPULATION, TRUTH).var()
    ppi, tuned = (
        np.var([value(name, N / (n + N), *drawn(rng, n, N), TRUTH) for _ in range(6000)])
        for name in ("ppi", "tuned-ppi")
    )
    assert ppi == pytest.approx(one / N, rel=0.08)
    assert tuned == pytest.approx(one / (n + N), rel=0.08)


def test_lam_is_what_makes_the_variance_least() -> None:
    rng = np.random.default_rng(3)
    g = rng.normal(size=(400, 3))
    f = 0.5 * g + rng.normal(size=(400, 3))
    n, N = 400, 1000
    lam = lam_of(moments(g, f, np.zeros(400, np.int64), 1), np.array([n]), np.array([N]))[0]
    trace = [np.var(g - x * f, axis=0, ddof=1).sum() / n + x**2 * np.var(f, axis=0, ddof=1).sum() / N
             for x in (lam - 0.02, lam, lam + 0.02)]  # fmt: skip
    assert 0 < lam < 1
    assert trace[1] < min(trace[0], trace[2])
    assert lam_of(moments(g, g, np.zeros(400, np.int64), 1), np.array([n]), np.array([N]))[0] == pytest.approx(N / 1400)


def test_a_context_without_labelled_samples_believes_the_twin_one_without_unlabelled_has_nothing_to_believe() -> None:
    g = np.random.default_rng(4).normal(size=(20, 2))
    seen = moments(g, -g, np.repeat([0, 2], 10), 3)
    assert lam_of(seen, seen.n, np.array([5, 5, 0])).tolist() == [0, 1, 0]


def sets(seed: int = 0, contexts: int = 2) -> tuple[TrainingSet, TrainingSet, Fixed]:
    rng = np.random.default_rng(seed)
    x, more = rng.uniform(-1, 1, (24, 1)), rng.uniform(-1, 1, (300, 1))
    c, d = ((v[:, 0] > 0) * (contexts > 1) for v in (x, more))
    twin = Fixed(lambda v: np.where(v > 0, 0.0, np.sin(3 * v)))
    return training_set(x, np.sin(3 * x), "real", c), training_set(more, None, "synthetic", d), twin


def trained(name: Any, given: tuple[Any, Any, Any], seed: int = 0) -> tuple[list[Any], Any]:
    network = DenseNetwork((1, 16, 1), squared_loss, seed, optimiser=Optimiser(5e-3))
    history = train_learner(network, name, *given, epochs=6, batch=100, seed=seed)
    return network.parameters(), history


def test_one_context_makes_the_context_aware_objective_the_tuned_one() -> None:
    (cdr, one), (tdr, other) = (trained(name, sets(contexts=1)) for name in ("cdr", "tdr"))
    assert one.lam.max() > 0
    np.testing.assert_allclose(one.lam, other.lam, rtol=1e-6)
    for a, b in zip(cdr, tdr, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_without_belief_the_tuned_objective_is_erm() -> None:
    real, synthetic, _ = sets()
    w = weights(OBJECTIVES["tuned-ppi"], real.context, synthetic.context, np.zeros(2))
    erm = weights(OBJECTIVES["erm"], real.context, synthetic.context, np.zeros(2))
    assert [a.tolist() for a in w] == [a.tolist() for a in erm]


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    (one, history), (other, _) = trained(name, sets()), trained(name, sets())
    assert all((a == b).all() for a, b in zip(one, other, strict=True))
    assert np.isfinite(history.loss).all()
    assert history.lam.shape == (6, 2)


def test_what_does_not_fit_is_refused() -> None:
    real, synthetic, twin = sets()
    with pytest.raises(ConfigurationError, match="no objective 'best'"):
        objective_named("best")
    with pytest.raises(ConfigurationError, match="give a label model"):
        trained("cdr", (real, synthetic, None))
    with pytest.raises(ConfigurationError, match="has no labels"):
        trained("p-erm", (real, synthetic, None))
    with pytest.raises(ConfigurationError, match="of origin"):
        trained("cdr", (real, real, twin))
    with pytest.raises(ConfigurationError, match="can't train"):
        trained("cdr", (real.take(NONE), synthetic, twin))
    with pytest.raises(ConfigurationError, match="folds"):
        trained("cross-ppi", (real.take(np.arange(3)), synthetic, Line()))
    with pytest.raises(ConfigurationError, match="not finite"):
        training_set([[np.nan]], None, "real")


def example(seed: int) -> tuple[TrainingSet, TrainingSet, Fixed, Any, Any]:
    """The one-dimensional example of Ruah et al., 2025: a twin that is right below 0 and not above."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (5000, 1))

    def wave(x: Any, w: Any, v: Any) -> Any:
        return 0.5 * x * (np.cos(w * np.pi * x) - np.sin(v * np.pi * x))

    y = wave(x, np.where(x < 0, 2, 4), np.where(x < 0, 4, 2)) + 0.05
    said = wave(x, np.where(x < 0, 2, 3), np.where(x < 0, 4, 5)) + 0.05 * (x < 0)
    X = fourier((x + 1) / 2, 10.0 ** (np.arange(10) / 10))
    known = {row.tobytes(): value for row, value in zip(X, said, strict=True)}
    context, n = (x[:, 0] >= 0).astype(int), 20
    real = training_set(X[:n], y[:n], "real", context[:n])
    synthetic = training_set(X[n:4000], None, "synthetic", context[n:4000])
    return real, synthetic, Fixed(lambda q: np.stack([known[r.tobytes()] for r in q])), X[4000:], y[4000:]


def test_of_a_twin_that_is_right_in_one_context_only_that_one_is_believed() -> None:
    found: dict[str, list[float]] = {}
    for seed in range(3):
        real, synthetic, twin, x, y = example(seed)
        for name in ("erm", "dr", "cdr"):
            network = DenseNetwork((20, 64, 32, 1), squared_loss, seed, optimiser=Optimiser(2e-3))
            epochs = 160 if name == "erm" else 40
            history = train_learner(network, name, real, synthetic, twin, epochs=epochs, batch=1000, seed=seed)
            found.setdefault(name, []).append(float(network.losses(x, y).mean()))
            if name == "cdr":
                assert history.lam[-1, 0] > 0.8  # below 0
                assert history.lam[-1, 1] < 0.3
    middle = {name: np.median(losses) for name, losses in found.items()}
    assert middle["cdr"] < min(middle["erm"], middle["dr"])
