"""Sums of outer products in parts are those of all rows at once, whatever is left over for the last part."""

from __future__ import annotations

import numpy as np
import pytest

from models.debias_dense import AT_ONCE, _outer


@pytest.mark.parametrize("rows", [1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE - 3])
def test_products_in_parts(rows: int) -> None:
    rng = np.random.default_rng(rows)
    a, d = rng.normal(size=(rows, 9)), rng.normal(size=(rows, 4))
    context = rng.integers(0, 3, rows)
    context[context == 1] = 2  # one of them has no row
    found = _outer(a, d, [np.flatnonzero(context == c) for c in range(3)])
    member = (context == np.arange(3)[:, None]).astype(float)
    np.testing.assert_allclose(found, np.einsum("cn,ni,no->cio", member, a, d).reshape(3, -1), rtol=1e-9, atol=1e-12)
    assert not found[1].any()
