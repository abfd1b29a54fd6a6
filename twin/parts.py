"""The state of something made of parts, as arrays named `part/array`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class Stateful(Protocol):
    """Whatever gives its state as arrays."""

    def state(self) -> dict[str, NDArray[Any]]: ...


class Part(Stateful, Protocol):
    """Takes it back, too."""

    def restore(self, state: Any, /) -> None: ...


def gathered(parts: Mapping[str, Stateful]) -> dict[str, NDArray[Any]]:
    """The arrays of all parts."""
    return {f"{part}/{name}": array for part, owner in parts.items() for name, array in owner.state().items()}


def scattered(parts: Mapping[str, Part], arrays: Arrays) -> None:
    """Give every part its arrays back."""
    for part, owner in parts.items():
        owner.restore(below(arrays, f"{part}/"))


def below(arrays: Arrays, prefix: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin so, without that."""
    return {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
