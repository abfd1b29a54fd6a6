"""The network gives the same bits however its objects are cut into batches, and what its equations say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from test_model_artifact import artifact, inputs

from models.artifact import ModelArtifact
from models.exact_sums import exact_product
from models.layers import FARTHEST
from models.network import CHUNK, Network
from twin.errors import ArtifactError


def plainly(made: ModelArtifact, X: np.ndarray) -> np.ndarray:
    """The equations of `models.network`, in double precision."""
    a = {name: array.astype(np.float64) for name, array in made.arrays.items()}
    own = (X.astype(np.float64) - a["mean"][:, None]) / a["deviation"][:, None]
    missing = np.isnan(own)
    first = np.concatenate([np.clip(np.where(missing, 0, own), -FARTHEST, FARTHEST), missing[made.marked]])
    h = first
    act = {
        "linear": lambda x: x,
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "softplus": lambda x: np.logaddexp(0, x),
    }
    for k, layer in enumerate(made.layers):
        below = np.concatenate([h, first]) if layer.kind == "wide" else h
        new = act[layer.activation](a[f"{k}/weights"] @ below + a[f"{k}/bias"][:, None])
        h = h + new if layer.kind == "residual" else new
    for row, output in enumerate(made.outputs):
        h[row] = output.scale * h[row] + output.shift
    h[2:] = np.maximum.accumulate(h[2:], axis=0)
    return h


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
@pytest.mark.parametrize("units", [(6,), (6, 6), (12, 5, 5)])
def test_it_computes_its_equations(activation: str, units: tuple[int, ...]) -> None:
    made, X = artifact(units=units, activation=activation), inputs()
    found = Network(made).outputs(X)
    np.testing.assert_allclose(found, plainly(made, X), atol=1e-5, rtol=1e-5)
    assert Network(made).log_odds(X).tobytes() == found[:2].tobytes()


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_the_bits_do_not_depend_on_the_batch(activation: str) -> None:
    network, X = Network(artifact(units=(24, 24), activation=activation)), inputs(3 * CHUNK + 5)
    whole = network.outputs(X)
    n, rng = X.shape[1], np.random.default_rng(0)
    for cut in (1, 2, 3, 7, 16, 100, CHUNK - 1, CHUNK + 1):
        edges = range(0, min(n, 60 * cut), cut)
        parts = np.concatenate([network.outputs(X[:, i : i + cut]) for i in edges], axis=1)
        assert parts.tobytes() == whole[:, : parts.shape[1]].tobytes(), cut
    for _ in range(20):
        edges = [0, *sorted(rng.choice(n, 5, replace=False).tolist()), n]
        parts = np.concatenate([network.outputs(X[:, i:j]) for i, j in pairwise(edges)], axis=1)
        assert parts.tobytes() == whole.tobytes()
    order = rng.permutation(n)
    assert network.outputs(X[:, order]).tobytes() == np.ascontiguousarray(whole[:, order]).tobytes()


def test_products_are_exact_in_any_order() -> None:
    """Sums of whole numbers below 2^53: Python's integers agree, and so does every permutation."""
    rng = np.random.default_rng(2)
    W, bounds = rng.normal(size=(5, 40)), np.full(40, 6.0)
    product = exact_product(W, bounds)
    h = rng.uniform(-6, 6, (40, 9))
    found = product(h)
    whole = np.rint(h * product.finer)
    exact = [
        [sum(int(p) * int(q) for p, q in zip(row, whole[:, j], strict=True)) for j in range(9)]
        for row in product.weights
    ]
    assert (found == np.array(exact, dtype=object).astype(np.float64) * product.coarser).all()
    order = rng.permutation(40)
    assert (product._replace(weights=product.weights[:, order])(h[order]) == found).all()
    assert (np.abs(found) <= product.reach[:, None]).all()
    np.testing.assert_allclose(found, W @ h, atol=1e-5)


def test_a_product_that_can_not_be_exact_is_refused() -> None:
    with pytest.raises(ArtifactError, match="bits"):
        exact_product(np.full((1, 4), 1e9), np.full(4, 6.0))


def test_what_is_missing_without_a_mark_makes_no_answer() -> None:
    made, X = artifact(), inputs(50)
    X[0, 7] = np.nan
    found = Network(made).outputs(X)
    assert np.isnan(found[:, 7]).all()
    assert not np.isnan(np.delete(found, 7, axis=1)).any()


def test_quantiles_never_cross() -> None:
    found = Network(artifact()).outputs(inputs())
    assert (np.diff(found[2:], axis=0) >= 0).all()
