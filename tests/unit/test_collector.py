"""What is put aside is not kept for ever."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from stream.collector import settle


class Connection:
    """A cycle, as connections are."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def _thaw() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_lives_is_left_out_of_collections() -> None:
    kept = [[] for _ in range(1000)]
    settle()
    assert gc.get_freeze_count() > len(kept)


def test_what_was_put_aside_and_died_is_found_the_next_time() -> None:
    lost = Connection()
    seen = weakref.ref(lost)
    settle()
    del lost
    gc.collect()
    assert seen() is not None
    settle()
    assert seen() is None
