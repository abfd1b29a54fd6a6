"""Batch models trained again and again on what was known before, and put into the log as candidates that speak.

Training is that of `models.batch`: its features, its recipe, its parts by time. A model that was trained on the hours
before `t` enters the log at `t`, is taken into shadow and speaks from the next report on; the gate, which would have
compared it first, is left out, so that every hour has a batch model whose data end at most one refit before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from models.artifact import ModelArtifact, pack
from models.batch.congestion import RECIPE, congestion_artifact, ordered_targets
from models.batch.fitting import fit
from models.batch.history import features_by_period
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import FeatureSpec, spec_for
from models.batch.static import kinds_of
from models.logit import sigmoid
from models.network import Network
from models.targets import CongestionTarget
from stream.decode import CANDIDATE, TRANSITION, from_ms
from stream.outlets import ENCODER
from tests.science.congestion_log import HOUR_MS, Array, Log
from twin.errors import TrainingDataError
from twin.log import LogRecord
from twin.model_events import new_candidate, new_transition

EVERYTHING = 1 << 40


class Stage(NamedTuple):
    """A model and since when it speaks: row of the grid."""

    since: int
    artifact: ModelArtifact


class Course(NamedTuple):
    """All stages of a recording; the targets are in the order of the outputs."""

    spec: FeatureSpec
    stages: list[Stage]
    targets: list[CongestionTarget]


def trained(log: Log, targets: Sequence[CongestionTarget], refit: int, seed: int) -> Course:
    """A model every `refit` hours, each from the hours before, as soon as there is enough to learn from."""
    history = log.history()
    spec = spec_for(targets, HOUR_MS, kinds_of(log.topology, log.names))
    ordered = ordered_targets(targets)
    samples = congestion_samples(spec, ordered, history, log.topology, most=EVERYTHING, seed=seed)
    recipe = RECIPE._replace(seed=seed)
    stages = []
    for since in range(refit, len(log.hour), refit):
        known = _known_by(samples, spec, ordered, int(log.hour[0]) + since)
        if not len(known.time):
            continue
        try:
            fitted = fit(known, spec.marked, recipe)
        except TrainingDataError:
            continue
        stages.append(Stage(since, congestion_artifact(spec, ordered, known, fitted, recipe)))
    return Course(spec, stages, ordered)


def _known_by(samples: Samples, spec: FeatureSpec, targets: list[CongestionTarget], hour: int) -> Samples:
    """Those that were there before an hour, without the labels that weren't known yet."""
    kept = samples.take(np.flatnonzero(samples.time < hour))
    labels, future = kept.labels.copy(), kept.future.copy()
    for row, target in zip(labels, targets, strict=True):
        row[kept.time + target.horizon_s // 3600 >= hour] = np.nan
    for row, horizon in zip(future, spec.horizons, strict=True):
        row[kept.time + horizon >= hour] = np.nan
    kept = kept._replace(labels=labels, future=future)
    return kept.take(np.flatnonzero(~np.isnan(labels).all(axis=0)))


def alone(log: Log, course: Course, targets: Sequence[CongestionTarget]) -> Array:
    """What the batch model of each hour says by itself, `[num_targets, T, n]`; NaN where there is none yet."""
    out = np.full((len(targets), *log.load.shape), np.nan)
    place = [course.targets.index(target) for target in targets]
    networks = {stage.since: Network(stage.artifact) for stage in course.stages}
    network = None
    for t, X in features_by_period(course.spec, log.history(), log.topology):
        network = networks.get(t, network)
        if network is not None:
            out[:, t] = sigmoid(network.log_odds(X)[place].astype(np.float64))
    return out


def with_models(log: Sequence[LogRecord], hours: Array, course: Course, partitions: int) -> Iterator[LogRecord]:
    """The log, and in each partition the candidates and their promotions before the first report they may speak of."""
    waiting = {p: list(course.stages) for p in range(partitions)}
    offset = dict.fromkeys(range(partitions), 0)
    first = int(hours[0])
    for record in log:
        p = record.partition
        while waiting[p] and record.time > (first + waiting[p][0].since - 1) * HOUR_MS:
            stage = waiting[p].pop(0)
            for key, type_, event in _events(stage, (first + stage.since - 1) * HOUR_MS):
                yield LogRecord(p, offset[p], key, record.time, type_, ENCODER.encode(event))
                offset[p] += 1
        yield record._replace(offset=offset[p])
        offset[p] += 1


def _events(stage: Stage, end: int) -> list[tuple[str, str, Any]]:
    a = stage.artifact
    event = new_candidate(a.m_l_model_id, a.m_l_model_version, a.targets, pack(a), from_ms(end))
    moves = [new_transition(event.model, state, from_ms(end)) for state in ("shadow", "champion")]
    return [(event.model, CANDIDATE, event), *((event.model, TRANSITION, move) for move in moves)]
