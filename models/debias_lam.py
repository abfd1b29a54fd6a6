"""How much of the twin's labels is believed: lam, from gradients with real and with the twin's labels.

    lam_c = clip( Cov_c(g, g~) / ((1 + n_c / N_c) Var_c(g~)), 0, 1 )

Covariances are traces over the parameters. Where f is right g = g~ and lam = N / (n + N), which gives the variance of
n + N samples; where it says nothing lam = 0, which is ERM.

Sources: Angelopoulos et al., "PPI++", 2023, eq. (7); Ruah et al., "Context-aware doubly-robust semi-supervised
learning", 2025.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
Ints = NDArray[np.int64]


class Moments(NamedTuple):
    """Sums over the real samples of a batch, one a context.

    Attributes:
        n: Samples, `[num_contexts]`.
        products: Of `g . g~`, `[num_contexts]`.
        squares: Of `g~ . g~`, `[num_contexts]`.
        g, f: The gradients' own sums, `[num_contexts, num_parameters]`.
    """

    n: Ints
    products: Floats
    squares: Floats
    g: Floats
    f: Floats

    def pooled(self) -> Moments:
        """As if all samples were of one context."""
        return Moments(*(np.sum(x, axis=0, keepdims=True) for x in self))

    def added(self, other: Moments) -> Moments:
        """Of two batches together."""
        return Moments(*(a + b for a, b in zip(self, other, strict=True)))


def moments(g: Floats, f: Floats, context: Ints, num_contexts: int) -> Moments:
    """From per-sample gradients `[n, num_parameters]` with real and with the twin's labels."""
    member = (context == np.arange(num_contexts)[:, None]).astype(g.dtype)
    products, squares = np.sum(g * f, axis=1), np.sum(f * f, axis=1)
    count = np.bincount(context, minlength=num_contexts)
    return Moments(count, member @ products, member @ squares, member @ g, member @ f)


def lam_of(seen: Moments, labelled: Ints | Floats, unlabelled: Ints | Floats) -> Floats:
    """lam of each context, `[num_contexts]`, in 0 to 1.

    Where no two real samples speak for a context the twin is believed (1); where it has no unlabelled sample there is
    nothing to believe (0).

    Args:
        labelled, unlabelled: Samples of the batch with and without real labels, `[num_contexts]`.
    """
    n = seen.n.astype(np.float64)
    safe = np.maximum(n, 1)
    covariance = (seen.products - np.sum(seen.g * seen.f, axis=1) / safe) / np.maximum(n - 1, 1)
    variance = (seen.squares - np.sum(seen.f * seen.f, axis=1) / safe) / np.maximum(n - 1, 1)
    scale = (1 + labelled / np.maximum(unlabelled, 1)) * variance
    lam = np.divide(covariance, scale, out=np.zeros_like(scale, dtype=np.float64), where=scale > 0)
    lam = np.where(n < 2, 1.0, np.clip(lam, 0.0, 1.0))
    return np.where(np.asarray(unlabelled) == 0, 0.0, lam)
