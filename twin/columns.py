"""Growing columns: arrays that share their last dimension, the rows, kept in buffers that double."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]


class Columns:
    """Named arrays `[*head, n]` that grow together.

    Rows are the last dimension, so that one quantity of all objects lies together in memory. A view from
    `columns["name"]` is valid until the next `grow` or `widen`.
    """

    def __init__(self) -> None:
        self.n = 0
        self._capacity = 0
        self._fill: dict[str, Any] = {}
        self._buffers: dict[str, Array] = {}

    def add(self, name: str, dtype: DTypeLike, head: tuple[int, ...] = (), fill: Any = 0) -> None:
        """Add a column of shape `[*head, n]`, filled with `fill`."""
        self._fill[name] = fill
        self._buffers[name] = np.full((*head, self._capacity), fill, dtype=dtype)

    def widen(self, name: str, width: int) -> None:
        """Give a column of shape `[old, n]` the shape `[width, n]`; what is new holds its fill value."""
        old = self._buffers[name]
        new = np.full((width, self._capacity), self._fill[name], dtype=old.dtype)
        new[: len(old)] = old
        self._buffers[name] = new

    def grow(self, n: int) -> None:
        """Make every column `n` rows long (never shorter)."""
        if n > self._capacity:
            capacity = max(n, 2 * self._capacity, 64)
            for name, old in self._buffers.items():
                new = np.full((*old.shape[:-1], capacity), self._fill[name], dtype=old.dtype)
                new[..., : self.n] = old[..., : self.n]
                self._buffers[name] = new
            self._capacity = capacity
        self.n = max(self.n, n)

    def __getitem__(self, name: str) -> Array:
        return self._buffers[name][..., : self.n]

    def state(self) -> dict[str, Array]:
        """Every column, `[*head, n]`."""
        return {name: self[name] for name in self._buffers}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over columns made by `state`; a column that `arrays` lacks keeps its fill value.

        Raises:
            KeyError: There is no such column.
            ValueError: A column has another type or width.
        """
        for name, array in arrays.items():
            own = self._buffers[name]
            if array.dtype != own.dtype or array.shape[:-1] != own.shape[:-1] or not array.ndim:
                raise ValueError(f"column {name!r} is {array.dtype}{array.shape}, not {own.dtype}{own.shape}")
        self.grow(max((a.shape[-1] for a in arrays.values()), default=0))
        for name, array in arrays.items():
            self._buffers[name][..., : array.shape[-1]] = array
