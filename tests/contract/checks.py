"""The checks: each takes a way to make a model of n objects, and raises an AssertionError where a promise is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tests.contract.subject import Array, Subject
from twin import snapshot

Make = Callable[[int], Subject]
Check = Callable[[Make], None]

N, PERIODS, RTOL = 12, 60, 1e-9


def network(n: int = N, periods: int = PERIODS, seed: int = 0, missing: float = 0.05) -> Array:
    """Load [%] with a daily curve, slow noise and holes, `[periods, n]`."""
    rng = np.random.default_rng((seed, n))
    hour = np.arange(periods)[:, None]
    level, swing, phase = rng.uniform(20, 70, n), rng.uniform(10, 35, n), rng.uniform(0, 24, n)
    values = level + swing * np.sin((hour - phase) / 24 * 2 * np.pi)
    noise = np.zeros(n)
    for row in values:
        noise = 0.7 * noise + rng.normal(0, 5, n)
        row += noise
    values = np.clip(values, 0, 100)
    values[rng.random(values.shape) < missing] = np.nan
    values[-1] = np.clip(np.nan_to_num(values[-1], nan=50.0), 0, 100)
    return values


def fed(make: Make, values: Array) -> Subject:
    """A model that has seen some periods."""
    subject = make(values.shape[1])
    for row in values:
        subject.step(row)
    return subject


def alike(subject: Subject, one: Array, other: Array) -> None:
    if subject.exact:
        np.testing.assert_array_equal(one, other)
    else:
        np.testing.assert_allclose(one, other, rtol=RTOL, atol=RTOL)


def copied(subject: Subject, make: Make) -> Subject:
    """A new one with the state of another, by way of a snapshot's bytes."""
    _, arrays = snapshot.unpack(snapshot.pack({}, subject.state()))
    other = make(0)
    other.restore(arrays)
    other.n = subject.n
    return other


# Predicting ---------------------------------------------------------------------------------------------------------


def check_predict_is_pure(make: Make) -> None:
    """A prediction changes nothing, neither the next one nor what is learnt afterwards."""
    values = network()
    asked, silent = fed(make, values[:40]), fed(make, values[:40])
    before = asked.digest()
    first = asked.everyone().copy()
    np.testing.assert_array_equal(asked.everyone(), first)
    asked.predict(np.array([3, 1]))
    np.testing.assert_array_equal(asked.everyone(), first)
    assert asked.digest() == before, "predicting has changed the state"
    for row in values[40:]:
        asked.step(row)
        asked.everyone()
        silent.step(row)
    assert asked.digest() == silent.digest(), "predicting has changed what is learnt"


def check_batch_equals_one_by_one(make: Make) -> None:
    """However objects are batched and in whatever order, the same is said of each."""
    subject = fed(make, network())
    whole = subject.everyone().copy()
    for size in (1, 5):
        order = np.random.default_rng(size).permutation(subject.n)
        parts = [np.asarray(subject.predict(order[i : i + size])).copy() for i in range(0, subject.n, size)]
        alike(subject, np.concatenate(parts, axis=-1)[..., np.argsort(order)], whole)


def check_predicting_before_anything_is_learnt(make: Make) -> None:
    """A model that has seen one period answers, and speaks from the period on that it is said to."""
    subject = make(N)
    for period, row in enumerate(network(periods=subject.speaks_after, missing=0), 1):
        subject.step(row)
        told = subject.everyone()
        assert told.shape[-1] == N
        assert not np.isinf(told).any()
        assert np.isfinite(told).all() == (period == subject.speaks_after), f"period {period}: {told}"


def check_nothing_but_numbers(make: Make) -> None:
    """No NaN and no infinity comes out, whatever the load does; probabilities lie in [0, 1]."""
    n, periods = 4, max(30, make(0).speaks_after)
    streams = {
        "idle": np.zeros((periods, n)),
        "full": np.full((periods, n), 100.0),
        "jumping": np.broadcast_to(np.where(np.arange(periods)[:, None] % 2, 100.0, 0.0), (periods, n)),
        "tiny": np.full((periods, n), 1e-30),
        "usual": network(n, periods, missing=0),
    }
    for name, values in streams.items():
        subject = fed(make, values)
        told = subject.everyone()
        assert np.isfinite(told).all(), f"{name}: {told}"
        if subject.probability:
            assert ((told >= 0) & (told <= 1) | np.isnan(told)).all(), f"{name}: {told}"


# Learning -----------------------------------------------------------------------------------------------------------


def check_missing_values(make: Make) -> None:
    """Holes, whole periods of nothing and objects that never say anything leave no trace of NaN in what is said."""
    values = network(periods=PERIODS + 2 * make(0).speaks_after, missing=0.4)
    values[20:23] = np.nan
    values[:, 0] = np.nan
    subject = fed(make, values)
    told = subject.everyone()
    assert not np.isinf(told).any()
    assert np.isfinite(told[..., 1:]).all(), "what is missing has spread"


def check_vanishing_feature(make: Make) -> None:
    """A counter that nobody reports any more silences what rests on it alone; when it is back, all is as before."""
    periods = max(30, 2 * make(0).speaks_after)
    values = network(periods=3 * periods)
    values[[periods - 1, 2 * periods - 1]] = values[-1]
    for name in make(0).inputs:
        subject = fed(make, values[:periods])
        shape = subject.everyone().shape
        for lost, part in ((name, values[periods : 2 * periods]), (None, values[2 * periods :])):
            subject.lost = lost
            for row in part:
                subject.step(row)
            told = subject.everyone()
            assert told.shape == shape
            assert not np.isinf(told).any()
            assert np.isfinite(subject.owed(told)).all(), f"without {name}: {told}" if lost else f"{name} is back"
            if subject.probability:
                assert ((told >= 0) & (told <= 1) | np.isnan(told)).all(), f"without {name}: {told}"


def check_new_objects(make: Make) -> None:
    """Objects that appear later are taken in, and soon are as good as the others."""
    values = network(2 * N, PERIODS + 2 * make(0).speaks_after)
    subject = fed(make, values[:30, :N])
    before = subject.everyone().shape
    subject.grow(2 * N)
    for row in values[30:]:
        subject.step(row)
    told = subject.everyone()
    assert told.shape == (*before[:-1], 2 * N)
    assert np.isfinite(told).all(), "of some that came later nothing is said"


def check_bounded_memory(make: Make) -> None:
    """After some time the state grows no more, however long the stream is."""
    values = network(4, 40, missing=0.1)
    subject = make(4)
    sizes = []
    for k in range(5 * subject.settled):
        subject.step(values[k % len(values)])
        subject.everyone()
        sizes.append(subject.size())
    assert max(sizes[subject.settled :]) <= max(sizes[: subject.settled]), "the state grows with the stream"


def check_seeded(make: Make) -> None:
    """The same stream makes the same model, to the bit."""
    values = network()
    one = fed(make, values)
    np.random.default_rng(99).random(10)
    other = fed(make, values)
    assert one.digest() == other.digest()
    np.testing.assert_array_equal(one.everyone(), other.everyone())


def check_fed_in_parts(make: Make) -> None:
    """What is learnt does not depend on how a period's objects came in."""
    whole, split = make(N), make(N)
    for row in network():
        whole.step(row)
        split.step(row, parts=4)
    assert whole.digest() == split.digest()
    np.testing.assert_array_equal(whole.everyone(), split.everyone())


# Keeping ------------------------------------------------------------------------------------------------------------


def check_snapshot(make: Make) -> None:
    """State, bytes, state: the copy says the same, and learns on as the original does."""
    values = network()
    one = fed(make, values[:45])
    other = copied(one, make)
    assert other.digest() == one.digest(), "the restored state is another"
    assert other.version() == one.version()
    np.testing.assert_array_equal(other.everyone(), one.everyone())
    for row in values[45:]:
        for subject in (one, other):
            subject.step(row)
        np.testing.assert_array_equal(other.everyone(), one.everyone())
    assert other.digest() == one.digest(), "the restored model learns otherwise"


def check_snapshot_at_any_period(make: Make) -> None:
    """The same wherever the snapshot is taken, from the beginning on."""
    values = network(4, 14)
    whole = fed(make, values)
    for at in range(len(values)):
        subject = make(4)
        for k, row in enumerate(values):
            if k == at:
                subject = copied(subject, make)
            subject.step(row)
        assert subject.digest() == whole.digest(), f"restored before period {at}"


def check_restored_state_is_its_own(make: Make) -> None:
    """A model that was restored shares no memory with the one it came from."""
    values = network()
    one, other = fed(make, values[:40]), make(0)
    other.restore(one.state())
    other.n = one.n
    before = one.digest()
    for row in values[40:]:
        other.step(row)
    assert one.digest() == before, "restoring shares memory"


def check_version_names_the_parameters(make: Make) -> None:
    """A version never means two sets of parameters, and a prediction doesn't change it."""
    subject = make(N)
    known: dict[str, str] = {}
    for row in network(periods=3 * 24):
        subject.step(row)
        version = subject.version()
        assert version is not None
        subject.everyone()
        assert subject.version() == version
        now = snapshot.digest({}, {str(k): np.asarray(array) for k, array in enumerate(subject.parameters())})
        assert known.setdefault(version, now) == now, f"{version} names different parameters"
    assert len(known) > 1, "nothing was learnt, or the version stands still"


EVERYONE: tuple[Check, ...] = (
    check_predict_is_pure,
    check_batch_equals_one_by_one,
    check_predicting_before_anything_is_learnt,
    check_nothing_but_numbers,
    check_missing_values,
    check_new_objects,
    check_bounded_memory,
    check_seeded,
    check_snapshot,
    check_snapshot_at_any_period,
    check_restored_state_is_its_own,
)


def yield_checks(make: Make) -> Iterator[Check]:
    """The checks that a model has to pass."""
    yield from EVERYONE
    sample = make(1)
    if sample.in_parts:
        yield check_fed_in_parts
    if sample.inputs:
        yield check_vanishing_feature
    if sample.version() is not None and sample.parameters():
        yield check_version_names_the_parameters
