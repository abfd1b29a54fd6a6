"""What runs: agents, the shard, sources, replay, the command line."""

import os

# Before numpy: the sums of a matrix product depend on how many threads share it, and a fold must not.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
