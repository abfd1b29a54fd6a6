"""Python's garbage collector, kept from walking through the whole twin again and again.

A shard of 100,000 cells is some 100,000 containers that live for ever; every full collection visits them all. What is
alive now is put aside; new garbage in cycles, of which there is little, is still found.

What was put aside and has died since is looked for each time anew: a connection to a broker that went away is a cycle,
and holds what it had fetched.
"""

from __future__ import annotations

import gc

THRESHOLDS = (50_000, 20, 20)


def settle() -> None:
    """Collect once, also what was put aside before, then leave what is alive out of all collections to come."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
