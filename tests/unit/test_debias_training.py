"""What a training asks of the network, step by step: whose loss, with which label, with which weight.

The network is a recorder. Inputs are numbers: real ones from 0, synthetic ones from 100, held-out ones below 0; the
label of x is 10 x, and the twin's is something else, so that every term of a step says what it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from models.debias import OBJECTIVES, Fixed, History, TrainingSet, train_learner, training_set
from models.debias_labels import Labeller
from models.debias_lam import Moments, moments
from twin.errors import ConfigurationError

EPOCHS, REAL, SYNTHETIC = 5, 24, 96
REAL_BATCH, BATCH = 8, 24
STEPS = SYNTHETIC // BATCH
RAMP = [0.0, 0.25, 0.5, 0.75, 1.0]


class Step(NamedTuple):
    """Terms of one step, `[num_terms]` each."""

    x: Any
    y: Any
    weight: Any

    def real(self) -> Step:
        return self.where((self.x < 100) & (self.y == 10 * self.x))

    def corrected(self) -> Step:
        return self.where((self.x < 100) & (self.y != 10 * self.x))

    def synthetic(self) -> Step:
        return self.where(self.x >= 100)

    def where(self, chosen: Any) -> Step:
        return Step(self.x[chosen], self.y[chosen], self.weight[chosen])


class Recorder:
    """A network that learns nothing. The gradient of a sample's loss is its label, so lam follows from the labels."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.kept: list[Any] = []

    def step(self, x: Any, rows: Any, y: Any, weight: Any) -> float:
        self.steps.append(Step(x[rows, 0], y[:, 0], weight))
        return float(weight.sum())

    def losses(self, x: Any, y: Any) -> Any:
        return np.full(len(x), float(len(self.steps)))

    def moments(self, x: Any, y: Any, f: Any, context: Any, num_contexts: int) -> Moments:
        return moments(y, f, context, num_contexts)

    def parameters(self) -> list[Any]:
        return [len(self.steps)]

    def put(self, parameters: list[Any]) -> None:
        self.kept = parameters


def agreeing(x: Any) -> Any:
    """A twin that is off by 1 everywhere: its gradients vary as those of the real labels do."""
    return 10 * x + 1


def real(context: Any = None, begin: int = 0, n: int = REAL) -> TrainingSet:
    x = np.arange(begin, begin + n, dtype=float)[:, None]
    return training_set(x, 10 * x, "real", context)


def synthetic(context: Any = None) -> TrainingSet:
    x = 100 + np.arange(SYNTHETIC, dtype=float)[:, None]
    return training_set(x, None, "synthetic", context)


def recorded(name: str, twin: Any = agreeing, **options: Any) -> tuple[list[Step], History]:
    """The steps of a training; a twin that is a function is taken as it is."""
    learner = Recorder()
    given = {"epochs": EPOCHS, "batch": BATCH, "real_batch": REAL_BATCH, "seed": 0, **options}
    label_model = Fixed(twin) if callable(twin) else twin
    history = train_learner(learner, name, real(), synthetic(), label_model, **given)
    return learner.steps, history


TUNED = SYNTHETIC / (REAL + SYNTHETIC)
"""lam of the whole sets, where the twin agrees."""
PUBLISHED = BATCH / (REAL_BATCH + BATCH)
"""lam of a batch."""

TOTALS: dict[str, Callable[[float], tuple[float, float, float]]] = {
    "p-erm": lambda beta: (1 - TUNED, 0, TUNED),
    "ppi": lambda beta: (1, 1, 1),
    "cross-ppi": lambda beta: (1, 1, 1),
    "tuned-ppi": lambda beta: (1, TUNED, TUNED),
    "tuned-cross-ppi": lambda beta: (1, TUNED, TUNED),
    "dr": lambda beta: (beta, beta - (1 - PUBLISHED), PUBLISHED),
    "tdr": lambda beta: (beta, beta * PUBLISHED, PUBLISHED),
    "cdr": lambda beta: (beta, beta * PUBLISHED, PUBLISHED),
}
"""Weight of all real labels, of what is taken away, and of all synthetic labels, with the ramp at beta."""


@pytest.mark.parametrize("name", TOTALS)
def test_every_step_weighs_as_the_equation_says(name: str) -> None:
    steps, _ = recorded(name)
    assert len(steps) == EPOCHS * STEPS
    for number, step in enumerate(steps):
        owed = TOTALS[name](RAMP[number // STEPS])
        sides = step.real().weight, -step.corrected().weight, step.synthetic().weight
        for side, total, count in zip(sides, owed, (REAL_BATCH, REAL_BATCH, BATCH), strict=True):
            np.testing.assert_allclose(side, np.full(len(side), total / count), atol=1e-12)
            assert len(side) == count or total == 0


@pytest.mark.parametrize("name", [name for name, one in OBJECTIVES.items() if one.synthetic])
def test_an_epoch_shows_each_synthetic_input_once_and_each_label_with_its_input(name: str) -> None:
    steps, _ = recorded(name)
    for epoch in range(EPOCHS):
        seen = Counter(x for step in steps[epoch * STEPS : (epoch + 1) * STEPS] for x in step.synthetic().x)
        assert seen == Counter(100.0 + np.arange(SYNTHETIC))
    for step in steps:
        assert (step.synthetic().y == agreeing(step.synthetic().x)).all()
        assert (step.corrected().y == agreeing(step.corrected().x)).all()
        assert len(set(step.corrected().x)) == len(step.corrected().x)


def test_erm_shows_each_real_pair_once_an_epoch_and_nothing_else() -> None:
    steps, history = recorded("erm")
    assert len(steps) == EPOCHS * REAL // REAL_BATCH
    for epoch in range(EPOCHS):
        part = steps[epoch * 3 : (epoch + 1) * 3]
        assert sorted(x for step in part for x in step.x) == list(range(REAL))
        for step in part:
            assert (step.y == 10 * step.x).all()
            np.testing.assert_allclose(step.weight, 1 / REAL_BATCH)
    assert (history.lam == 0).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_only_the_doubly_robust_ones_grow_their_correction(name: str) -> None:
    steps, _ = recorded(name)
    per_epoch = len(steps) // EPOCHS
    told = [sum(step.real().weight) for step in steps[::per_epoch]]
    total = 1 - TUNED if name == "p-erm" else 1.0
    np.testing.assert_allclose(told, RAMP if name in ("dr", "tdr", "cdr") else [total] * EPOCHS, atol=1e-12)


def test_the_only_epoch_of_a_training_corrects_in_full() -> None:
    steps, _ = recorded("cdr", epochs=1)
    assert sum(steps[0].real().weight) == pytest.approx(1)


def test_a_training_that_takes_fewer_epochs_climbs_no_faster() -> None:
    steps, _ = recorded("cdr", epochs=3, ramp_epochs=EPOCHS)
    np.testing.assert_allclose([sum(step.real().weight) for step in steps[::STEPS]], RAMP[:3], atol=1e-12)
    steps, _ = recorded("cdr", ramp_epochs=2)
    np.testing.assert_allclose([sum(step.real().weight) for step in steps[::STEPS]], [0, 1, 1, 1, 1], atol=1e-12)


def test_lam_of_an_earlier_training_is_taken_epoch_by_epoch_and_heard() -> None:
    given, heard = np.linspace(0.1, 0.5, EPOCHS)[:, None], []
    steps, history = recorded("cdr", lam=given, heard=lambda lam: heard.append(float(lam[0])))
    assert history.lam.tolist() == pytest.approx(given)
    assert heard == pytest.approx(given[:, 0])
    for number, step in enumerate(steps):
        lam, beta = given[number // STEPS, 0], RAMP[number // STEPS]
        assert step.synthetic().weight.sum() == pytest.approx(lam)
        assert -step.corrected().weight.sum() == pytest.approx(beta * lam)
    with pytest.raises(ConfigurationError, match="lam of"):
        recorded("cdr", lam=given[1:])


@pytest.mark.parametrize(
    ("name", "lam"),
    [("erm", 0), ("p-erm", 0), ("ppi", 1), ("dr", 1), ("tuned-ppi", TUNED), ("tdr", PUBLISHED), ("cdr", PUBLISHED)],
)
def test_the_history_tells_how_much_the_twin_was_believed(name: str, lam: float) -> None:
    _, history = recorded(name)
    assert history.lam == pytest.approx(np.full((EPOCHS, 1), lam))


@pytest.mark.parametrize(("name", "lam"), [("tuned-ppi", TUNED), ("tdr", PUBLISHED), ("cdr", PUBLISHED)])
def test_lam_comes_from_held_out_pairs_where_there_are_some(name: str, lam: float) -> None:
    def knows_nothing_of_the_training(x: Any) -> Any:
        return np.where(x < 0, agreeing(x), 5.0)

    _, alone = recorded(name, knows_nothing_of_the_training)
    assert (alone.lam == 0).all()
    steps, told = recorded(name, knows_nothing_of_the_training, held_out=real(begin=-10, n=10))
    assert told.lam == pytest.approx(np.full((EPOCHS, 1), lam))
    assert sum(steps[-1].corrected().weight) == pytest.approx(-lam)
    assert all((step.x >= 0).all() for step in steps), "a held-out pair was learnt from"


def test_a_twin_that_is_right_in_one_context_is_believed_and_corrected_in_that_one_only() -> None:
    def half(x: Any) -> Any:
        return np.where(x % 2 == 0, agreeing(x), 5.0)

    context, far = np.arange(REAL) % 2, np.arange(SYNTHETIC) % 2
    learner = Recorder()
    history = train_learner(learner, "cdr", real(context), synthetic(far), Fixed(half), epochs=3, batch=1000, seed=0)
    assert history.lam == pytest.approx(np.tile([TUNED, 0.0], (3, 1)))
    last = learner.steps[-1]
    np.testing.assert_allclose(last.corrected().weight, np.where(np.arange(REAL) % 2, 0, -TUNED / REAL))
    at = (last.synthetic().x % 2).astype(int)
    np.testing.assert_allclose(last.synthetic().weight, np.array([TUNED / SYNTHETIC, 0])[at])


class Fits:
    """A twin that is fitted; each fit's labels have a fraction of their own, which tells it from the others."""

    def __init__(self) -> None:
        self.seen: list[set[float]] = []

    def fit(self, real: TrainingSet, seed: int) -> Labeller:
        number = len(self.seen)
        self.seen.append(set(real.x[:, 0].tolist()))
        return lambda x: 10 * x + 1 + number / 8

    def made(self, step: Step) -> list[int]:
        """Which fit each label is of."""
        return ((step.y - 10 * step.x - 1) * 8).astype(int).tolist()


CROSS = [name for name, one in OBJECTIVES.items() if one.fit == "cross"]


@pytest.mark.parametrize("name", CROSS)
def test_a_fold_is_labelled_by_the_fit_that_has_not_seen_it(name: str) -> None:
    twin = Fits()
    steps, _ = recorded(name, twin, folds=3, real_batch=None)
    assert len(twin.seen) == 3
    assert [len(seen) for seen in twin.seen] == [16, 16, 16]
    used = steps[-1].corrected()
    assert sorted(used.x) == list(range(REAL))
    for x, which in zip(used.x, twin.made(used), strict=True):
        assert x not in twin.seen[which]


@pytest.mark.parametrize("name", CROSS)
def test_a_synthetic_input_has_a_label_of_every_fit_and_no_more_weight_by_it(name: str) -> None:
    fits, alone = Fits(), recorded(name, folds=3)[0]
    steps, _ = recorded(name, fits, folds=3)
    for step, one in zip(steps, alone, strict=True):
        made = step.synthetic()
        assert Counter(zip(made.x, fits.made(made), strict=True)) == Counter(
            (x, k) for x in one.synthetic().x for k in range(3)
        )
        # Labels that differ a little make lam a little less.
        assert made.weight == pytest.approx(np.full(3 * BATCH, one.synthetic().weight[0] / 3), rel=0.01)


def test_labels_of_all_fits_are_averaged_where_the_loss_allows_it() -> None:
    steps, _ = recorded("cross-ppi", Fits(), folds=3, mean_labels=True)
    made = steps[0].synthetic()
    assert len(made.x) == BATCH
    assert made.y == pytest.approx(10 * made.x + 1 + 1 / 8)
    assert made.weight.sum() == pytest.approx(1)


@pytest.mark.parametrize("name", ["ppi", "tuned-ppi"])
def test_pairs_that_the_twin_was_fitted_on_are_left_out(name: str) -> None:
    twin = Fits()
    steps, _ = recorded(name, twin, real_batch=None)
    own = set(steps[0].real().x)
    assert len(own) == REAL // 2
    assert own == set(steps[0].corrected().x) == set(range(REAL)) - twin.seen[0]
    assert steps[0].real().weight.sum() == pytest.approx(1)


def test_the_weights_of_the_epoch_with_the_least_loss_are_kept() -> None:
    learner, losses = Recorder(), iter([3.0, 2.0, 1.0, 4.0, 1.0])
    history = train_learner(
        learner, "ppi", real(), synthetic(), Fixed(agreeing), epochs=5, batch=BATCH, seed=0, validation=losses.__next__
    )
    assert history.best == 2
    assert learner.kept == [3 * STEPS]
    assert history.validation.tolist() == [3, 2, 1, 4, 1]


def test_a_validation_set_is_judged_by_the_network_after_each_epoch() -> None:
    _, history = recorded("ppi", validation=real(begin=50, n=4))
    assert history.validation.tolist() == [STEPS * (1 + epoch) for epoch in range(EPOCHS)]
    assert history.best == 0
