"""Fuzzing of every decoder: `python -m tests.fuzz --runs 100000`, one process a target, coverage-guided by atheris."""

import sys
from pathlib import Path

# Hand-made logs and bad messages of the unit tests are the first seeds.
sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
