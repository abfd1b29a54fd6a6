"""What is put aside is not kept for ever."""

from __future__ import annotations

import ctypes
import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.engine.collector import settle


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


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only glibc keeps free memory, and gives it back"
)
def test_what_a_backlog_took_is_given_back() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    # Pieces too small for pages of their own, and one on top that keeps the heap from shrinking by itself.
    pieces = [ctypes.create_string_buffer(60_000) for _ in range(2000)]
    for piece in pieces:
        piece[0], piece[-1] = b"1", b"1"
        ctypes.memset(piece, 1, 60_000)
    top = ctypes.create_string_buffer(60_000)
    ctypes.memset(top, 1, 60_000)
    full = resident()
    del pieces, piece
    settle()
    assert resident() < full - 80_000_000
    assert top[0] == b"\x01"
