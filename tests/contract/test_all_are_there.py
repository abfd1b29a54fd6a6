"""Whatever in `models` has a state is under contract, or is excused by name with the reason."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import numpy as np

import models
from tests.contract.checks import fed, network
from tests.contract.subjects import SUBJECTS

EXCUSED = {
    "models.failure.scores.FailureWindow": "scores what was predicted, and predicts nothing",
    "models.scoring.ScoreWindow": "the same",
    "models.monitor.Monitor": "counts what became of predictions",
    "models.monitor_episodes.Episodes": "the same",
    "models.monitor_tally.Tally": "the same",
    "models.registry.Registry": "lists versions of models",
}


def stateful() -> dict[str, type]:
    """Classes in `models` that give their state and take it back, by name."""
    found = {}
    for info in pkgutil.walk_packages(models.__path__, "models."):
        for _, one in inspect.getmembers(importlib.import_module(info.name), inspect.isclass):
            own = vars(one)
            if one.__module__.startswith("models.") and "restore" in own and "state" in own:
                found[f"{one.__module__}.{one.__qualname__}"] = one
    return found


def parts(thing: Any, seen: set[int]) -> Iterator[type]:
    """Classes of what an object is made of, itself included."""
    if id(thing) in seen or isinstance(thing, str | bytes | np.ndarray):
        return
    seen.add(id(thing))
    yield type(thing)
    inside: list[Any] = []
    inside: list[Any] = []
    if isinstance(thing, dict):
        inside = list(thing.values())
    elif isinstance(thing, list | tuple):
        inside = list(thing)
    elif type(thing).__module__.split(".")[0] in ("models", "twin", "tests"):
        inside = list(getattr(thing, "__dict__", {}).values())
    for one in inside:
        yield from parts(one, seen)


def test_every_model_with_a_state_is_under_contract_or_excused() -> None:
    under = {kind for subject in SUBJECTS for kind in parts(fed(subject, network(periods=2)), set())}
    known = stateful()
    assert len(known) > 15
    missing = {name for name, one in known.items() if one not in under}
    assert missing == set(EXCUSED)
