"""Means over neighbouring rows, vectorised: a sparse relation in compressed sparse row (CSR) form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Csr = tuple[NDArray[np.int32], NDArray[np.int32]]
"""`(indices, indptr)`: the neighbours of row `i` are `indices[indptr[i]:indptr[i + 1]]`, ascending."""


def csr(rows: NDArray[np.int64], columns: NDArray[np.int64], n: int) -> Csr:
    """The symmetric closure of a list of pairs, without the diagonal and without repetitions.

    Args:
        rows, columns: One pair each, `[num_pairs]`, from 0 to `n - 1`.
        n: Number of rows.

    Returns:
        `indices` `[num_relations]` and `indptr` `[n + 1]`.
    """
    one_way = rows * n + columns
    codes = np.unique(np.concatenate((one_way, columns * n + rows)))
    source, target = np.divmod(codes, max(n, 1))
    off_diagonal = source != target
    source, target = source[off_diagonal], target[off_diagonal]
    indptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(source, minlength=n), out=indptr[1:])
    return target.astype(np.int32), indptr


def neighbour_mean(values: NDArray[np.floating], relation: Csr) -> NDArray[np.float64]:
    """Mean of the neighbours' values of every row.

    Args:
        values: `[n]`, NaN where missing; missing values don't count.
        relation: Of the same `n` rows.

    Returns:
        `[n]`, NaN where no neighbour has a value.
    """
    indices, indptr = relation
    mean = np.full(len(values), np.nan)
    # Rows without neighbours occupy no place in `indices`, so reduceat over the others' starts is exact.
    has_neighbours = np.flatnonzero(indptr[1:] > indptr[:-1])
    if has_neighbours.size == 0:
        return mean
    starts = indptr[has_neighbours]
    theirs = values[indices].astype(np.float64)
    present = ~np.isnan(theirs)
    count = np.add.reduceat(present.astype(np.float64), starts)
    total = np.add.reduceat(np.where(present, theirs, 0.0), starts)
    known = count > 0
    mean[has_neighbours[known]] = total[known] / count[known]
    return mean
