"""Breaks what Lockstep stands on, on purpose, and compares what is left with an undisturbed fold of the same log."""

import os

# Before numpy, as in the workers: the sums of a matrix product depend on how many threads share it.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
