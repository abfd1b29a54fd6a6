"""Breaks what Lockstep stands on, on purpose, and compares what is left with an undisturbed fold of the same log."""
