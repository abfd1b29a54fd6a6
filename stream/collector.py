"""Python's garbage collector, kept from walking through the whole twin again and again.

A shard of 100,000 cells is some 100,000 containers that live for ever; every full collection visits them all. What is
alive now is put aside; new garbage in cycles, of which there is little, is still found.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 20)


def settle() -> None:
    """Collect once, then leave what is alive out of all collections to come."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
