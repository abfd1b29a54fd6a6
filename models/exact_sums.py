"""Matrix products that are exact, and so the same in every order of additions.

BLAS adds in another order for another number of columns, and on another processor, and rounding tells the difference:
what a network says of an object would depend on how the transport cut the log into batches. Here both factors are
rounded to whole multiples of powers of two first, coarse enough that every product and every partial sum is a whole
number below 2^53, which a 64-bit float holds exactly:

    W ~ P 2^-p,   h ~ Q 2^-q,   P and Q whole,   p + q = 53 - ceil(log2 B),   B >= max sum_j |W_uj| |h_j|

Then nothing is rounded, and nothing depends on an order, a fused step, a thread or a machine. The rounding of the
factors changes a sum by less than 2^-q sum |W| + 2^-p sum |h|: about 1e-6 for layers of some dozens of inputs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import ArtifactError

Floats = NDArray[np.float64]

MANTISSA = 53
LEAST_BITS = 32
"""Of `p + q`: with fewer, rounding the factors would be seen in the third digit."""


class ExactProduct(NamedTuple):
    """A matrix prepared for exact products.

    Attributes:
        weights: P, `[units, inputs]`, whole numbers.
        finer: 2^q: what inputs are multiplied with before they are rounded.
        coarser: 2^-(p + q): what a product is multiplied with after it.
        reach: Bound on each row of a product, `[units]`.
    """

    weights: Floats
    finer: float
    coarser: float
    reach: Floats

    def __call__(self, h: Floats) -> Floats:
        """W h, `[units, n]`, for h `[inputs, n]` within the bounds; exact but for the rounding of its factors."""
        whole = h * self.finer
        np.rint(whole, out=whole)
        out: Floats = self.weights @ whole
        out *= self.coarser
        return out

    def head(self, units: int) -> ExactProduct:
        """Its first rows alone, to the same bits."""
        return self._replace(weights=self.weights[:units], reach=self.reach[:units])


def exact_product(weights: NDArray[np.floating], bounds: Floats) -> ExactProduct:
    """Prepare a matrix.

    Args:
        weights: `[units, inputs]`.
        bounds: Largest magnitude of each input, `[inputs]`.

    Raises:
        ArtifactError: Weights so large that too few bits are left.
    """
    W = weights.astype(np.float64)
    # Rounding moves a factor by half a step at most; the margin of 1.001 covers it.
    largest = 1.001 * float((np.abs(W) @ bounds).max(initial=0)) + 1e-6
    bits = MANTISSA - int(np.ceil(np.log2(largest))) if np.isfinite(largest) else 0
    bits = min(bits, MANTISSA)
    if bits < LEAST_BITS:
        raise ArtifactError(f"weights that make sums up to {largest:.3g} leave {max(bits, 0)} bits behind the point")
    # Both roundings change a sum about as much as each other.
    lean = np.log2((np.abs(W).sum(axis=1).max() + 1e-6) / (bounds.sum() + 1e-6)) / 2
    q = int(np.clip(round(bits / 2 + lean), 8, bits - 8))
    p = bits - q
    P = np.rint(W * 2.0**p)
    rounded = np.abs(P) @ (np.floor(bounds * 2.0**q) + 1)
    if rounded.max(initial=0) >= 2.0**MANTISSA:
        raise ArtifactError(f"sums up to {largest:.3g} aren't exact")
    return ExactProduct(P, 2.0**q, 2.0**-bits, rounded * 2.0**-bits)
