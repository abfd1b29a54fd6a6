"""Python's garbage collector, kept from walking through the whole twin again and again; and memory, given back.

A shard of 100,000 cells is some 100,000 containers that live for ever; every full collection visits them all. What is
alive now is put aside; new garbage in cycles, of which there is little, is still found.

What was put aside and has died since is looked for each time anew: a connection to a broker that went away is a cycle,
and holds what it had fetched. What a backlog took, the C library keeps unless it is told to give it back.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable

THRESHOLDS = (50_000, 20, 20)


def settle() -> None:
    """Collect once, also what was put aside before, then leave what is alive out of all collections to come."""
    gc.unfreeze()
    gc.collect()
    _give_back(0)
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


def _trim() -> Callable[[int], int]:
    """The function of glibc that gives free memory back to the system; elsewhere one that does nothing."""
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return lambda _: 0
    return found


_give_back = _trim()
