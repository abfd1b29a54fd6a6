"""One fold, many readers: the fold lets readers in between two slices of its work."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

POLITE_S = 0.0005


class Gate:
    """A lock that the fold doesn't take again while somebody waits for it: a plain one would let it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing changes meanwhile."""
        with self._count:
            self._waiting += 1
        self._lock.acquire()
        with self._count:
            self._waiting -= 1
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def folding(self) -> Iterator[None]:
        """Nobody reads meanwhile."""
        if self._waiting:
            sleep(POLITE_S)
        with self._lock:
            yield
