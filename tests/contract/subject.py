"""A model as the checks see it: it is fed periods of load, and says something of every object."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from twin import snapshot

Array = NDArray[Any]


class Subject(ABC):
    """One model of `n` objects.

    Attributes:
        exact: Predictions are the same to the bit, however they are batched; else to `RTOL`.
        probability: What it predicts lies in [0, 1].
        speaks_after: Periods with values of an object from which everything it says of it is finite, as long as the
            newest period has a value; before, something isn't.
        inputs: What it looks at; each may be lost for good.
        published: Names in its state that a prediction may write: what it has published.
        settled: Periods after which it takes no more memory.
        in_parts: It can be fed the objects of a period part by part.
    """

    exact: ClassVar[bool] = True
    probability: ClassVar[bool] = False
    speaks_after: ClassVar[int] = 1
    inputs: ClassVar[tuple[str, ...]] = ()
    published: ClassVar[tuple[str, ...]] = ()
    settled: ClassVar[int] = 30
    in_parts: ClassVar[bool] = False

    lost: str | None = None
    """The input that nobody measures any more; the newest period of it is gone, too."""

    def __init__(self, n: int) -> None:
        self.n = 0
        self.grow(n)

    def grow(self, n: int) -> None:
        """There are `n` objects from now on."""
        self.n = n

    @abstractmethod
    def step(self, values: Array, parts: int = 1) -> None:
        """One period of load [%], `[n]`, NaN where missing; fed in so many parts."""

    @abstractmethod
    def predict(self, rows: Array) -> Array:
        """What it says of some objects, `[..., len(rows)]`."""

    @abstractmethod
    def state(self) -> Mapping[str, Array]:
        """Everything it knows, as arrays."""

    @abstractmethod
    def restore(self, state: Mapping[str, Array]) -> None:
        """Take over what `state` gave of another."""

    def version(self) -> str | None:
        """Name of its parameters, if they have one."""
        return None

    def parameters(self) -> list[Array]:
        """What the version names."""
        return []

    # What checks ask ------------------------------------------------------------------------------------------------

    def everyone(self) -> Array:
        """What it says of all objects."""
        return np.asarray(self.predict(np.arange(self.n)))

    def digest(self) -> str:
        """Of its state, but for what predictions may write."""
        return snapshot.digest({}, {k: v for k, v in self.state().items() if not k.startswith(self.published or "\0")})

    def owed(self, told: Array) -> Array:
        """What it says without the lost input, of all that `everyone` gave; the rest may be missing."""
        return told

    def size(self) -> int:
        """Of its state [byte]."""
        return sum(array.nbytes for array in self.state().values())


def parts_of(n: int, parts: int) -> list[Array]:
    """Rows 0 to n - 1 in so many parts, in no order in particular."""
    return [part for part in np.array_split(np.random.default_rng(n).permutation(n), parts) if len(part)]


def below(state: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """The arrays whose names begin so, without that."""
    return {name[len(prefix) :]: array for name, array in state.items() if name.startswith(prefix)}
