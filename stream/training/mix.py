"""What a run of a twin adds to a training: its source, which samples are fit to be mixed, and their contexts."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.store import synthetic as store
from infra.store.training import Source
from models.batch.samples import Samples
from models.batch.spec import FeatureSpec
from models.debias_objectives import OBJECTIVES, objective_named
from twin.errors import ConfigurationError, TrainingDataError
from twin.topology import Topology

Ints = NDArray[np.int64]
Floats = NDArray[Any]

ALIASES = {"context": "cdr"}
"""Objectives that are easier to find by what they do."""
ALL = 1 << 60
"""So many rows that none is left out: samples that are mixed must all count alike."""
CONDITIONS = 3
"""Radio conditions: thirds of what a block carries."""


class TwinRun(NamedTuple):
    """A run to learn from."""

    run: store.Run
    source: Source
    topology: Topology

    @property
    def time_zone(self) -> str:
        """Whose clock its people live by: its hours are those, as the hours of a real network are its own zone's."""
        return str(self.run.how.get("timeZone", "UTC"))


def objective_of(name: str) -> str:
    """An objective's name in `models.debias`.

    Raises:
        ConfigurationError: There is none.
    """
    known = ALIASES.get(name, name)
    if known not in OBJECTIVES:
        raise ConfigurationError(f"there is no objective {name!r}; known: {', '.join([*OBJECTIVES, *ALIASES])}")
    return known


def check_mix(objective: str, run: str, origin: str) -> None:
    """Whether objective and origin of the data go together.

    Raises:
        ConfigurationError: They don't.
    """
    both = objective_named(objective).synthetic
    if (both or origin != "real") and not run:
        raise ConfigurationError(
            f"{objective!r} of origin {origin!r} needs a run of a twin: make one with `lockstep synthesise` and name "
            "it with --run"
        )
    if both and origin != "both":
        raise ConfigurationError(f"the objective {objective!r} needs real and synthetic rows: leave --origin out")
    if origin == "both" and not both:
        raise ConfigurationError("`erm` learns from rows of one origin; choose real or synthetic, or another objective")


def run_named(dsn: str, run: str) -> TwinRun:
    """A run by its name.

    Raises:
        ConfigurationError: There is none.
        Unavailable: The database doesn't answer.
    """
    found = store.runs(dsn, run)
    if not found:
        raise ConfigurationError(f"there is no run {run!r}; `lockstep synthesise --list` shows those there are")
    (one,) = found
    source = Source(one.origin, one.id, one.run, one.twin_version)
    return TwinRun(one, source, Topology.from_dict(one.topology))


def complete(samples: Samples, most: int, seed: int) -> tuple[Samples, Ints]:
    """Rows all of whose labels are known, and which of the whole they are.

    A twin labels every output: what the real label of one is missing can't be corrected there.
    """
    known = ~(np.isnan(samples.labels).any(axis=0) | np.isnan(samples.future).any(axis=0))
    rows = np.flatnonzero(known)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng((seed, 3)).choice(rows, most, replace=False))
    if not len(rows):
        raise TrainingDataError("no row has all its labels: give a longer time range, or fewer targets")
    return samples.take(rows)._replace(weight=np.ones(len(rows), dtype=np.float32)), rows


def contexts(how: Literal["class", "radio"], spec: FeatureSpec, real: Samples, made: Samples) -> tuple[Ints, Ints]:
    """Context of real and of synthetic samples, `[n]` and `[N]`.

    `class`: the declared kind of the cell, 0 where none of those that have a row is. `radio`: by what a block of the
    cell carries now, in thirds of the real samples; 0 where volume isn't reported.

    Raises:
        ConfigurationError: There is nothing to tell contexts apart by.
    """
    if how == "class":
        if not spec.kinds:
            raise ConfigurationError("the inventory declares no class of cells; train with another --context")
        first = spec.names.index("kind0")
        return tuple(  # type: ignore[return-value]
            _first_of(one.X[first : first + len(spec.kinds)]) for one in (real, made)
        )
    ours, theirs = (_carried(spec, one) for one in (real, made))
    if np.isnan(ours).all():
        raise ConfigurationError("no cell reports its volume, so nothing tells radio conditions apart")
    edges = np.nanquantile(ours, np.arange(1, CONDITIONS) / CONDITIONS)
    return _sorted_in(ours, edges), _sorted_in(theirs, edges)


def _first_of(kinds: Floats) -> Ints:
    out: Ints = np.where(kinds.max(axis=0) > 0, kinds.argmax(axis=0) + 1, 0)
    return out


def _carried(spec: FeatureSpec, samples: Samples) -> Floats:
    """Logarithm of volume over load."""
    out: Floats = samples.X[spec.names.index("volume")] - np.log1p(np.maximum(samples.now, 0))
    return out


def _sorted_in(values: Floats, edges: Floats) -> Ints:
    return np.where(np.isnan(values), 0, 1 + np.searchsorted(edges, values)).astype(np.int64)
