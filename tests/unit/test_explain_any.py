"""Contributions add up to the difference in log-odds exactly, and are right where one knows what is right."""

from __future__ import annotations

import numpy as np
import pytest

from models.explain_any import contributions, largest, of_network
from models.failure.heads import FailureHead, parse_failure_target
from models.network import Network
from tests.contract.artifacts import some_artifact

AVERAGE = np.array([0.5, 0.5, 0.0])


def sample(n: int = 9) -> np.ndarray:
    rng = np.random.default_rng(1)
    X = rng.uniform(0, 1, (3, n))
    X[1, ::4] = np.nan  # may be missing
    return X


@pytest.mark.parametrize("pairs", [1, 4])
def test_a_networks_parts_add_up(pairs: int) -> None:
    network, X = Network(some_artifact()), sample()
    parts = of_network(network, X, AVERAGE, pairs)
    average = np.tile(AVERAGE[:, None], (1, X.shape[1]))
    np.testing.assert_allclose(parts.sum(axis=1), network.log_odds(X) - network.log_odds(average), atol=1e-6)
    assert np.abs(parts).max() > 0.1


def test_any_batch_is_explained_alike() -> None:
    network, X = Network(some_artifact()), sample()
    whole = of_network(network, X, AVERAGE)
    for k in range(X.shape[1]):
        np.testing.assert_array_equal(of_network(network, X[:, [k]], AVERAGE), whole[:, :, [k]])


def test_of_a_linear_model_it_is_weight_times_distance() -> None:
    weights, X = np.array([[1.0, -2.0, 0.0], [0.5, 0.0, 3.0]]), np.nan_to_num(sample())
    parts = contributions(lambda Z: weights @ Z, X, AVERAGE)
    np.testing.assert_allclose(parts, weights[:, :, None] * (X - AVERAGE[:, None]), atol=1e-12)


def test_a_feature_without_influence_has_no_part_and_equal_ones_have_equal_parts() -> None:
    X = np.array([[2.0], [2.0], [7.0]])
    parts = contributions(lambda Z: Z[None, 0] * Z[1], X, np.zeros(3))
    np.testing.assert_allclose(parts[0, :, 0], [2.0, 2.0, 0.0])


def test_features_can_be_put_in_place_together() -> None:
    X = np.array([[2.0], [2.0], [7.0]])
    parts = contributions(lambda Z: Z[None, 0] * Z[1] + Z[2], X, np.zeros(3), parts=[(0, 1), (2,)])
    np.testing.assert_allclose(parts[0, :, 0], [4.0, 7.0])


def test_the_largest_come_first_and_the_rest_is_kept() -> None:
    parts = np.array([[[0.1], [-3.0], [2.0], [0.2]]])
    told = largest(parts, 2)
    assert told.which[0, :, 0].tolist() == [1, 2]
    assert told.value[0, :, 0].tolist() == [-3.0, 2.0]
    assert told.rest[0, 0] == pytest.approx(0.3)


def test_a_failure_heads_parts_add_up_to_its_distance_from_one_without_evidence() -> None:
    rng = np.random.default_rng(0)
    head = FailureHead(parse_failure_target("alarm:EQUIPMENT_ALARM@2h"), ["heat", "age", "noise"], 3_600_000)
    heat = np.zeros(40)
    for period in range(200):
        head.learn(period, (heat > 1.5).astype(float))
        heat = 0.7 * heat + rng.normal(0, 0.7, 40)
        head.file(period, np.stack([heat, np.ones(40), rng.normal(0, 1, 40)]), heat <= 1.5)
    X = np.stack([heat, np.ones(40), np.full(40, np.nan)]).astype(np.float32)
    nothing = head.log_odds(np.zeros((3, 40), dtype=np.float32))
    np.testing.assert_allclose(head.contributions(X).sum(axis=0), head.log_odds(X) - nothing, atol=1e-5)
    assert head.learnt > 100
    assert np.abs(head.contributions(X)[0]).max() > 0.3
    assert not head.contributions(X)[2].any()  # what is missing adds nothing
