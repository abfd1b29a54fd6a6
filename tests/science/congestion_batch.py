"""Batch models trained again and again on what was known before, and put into the log as candidates that speak.

Training is that of `models.batch`: its features, its recipe, its parts by time. A model that was trained on the hours
before `t` enters the log at `t` and is taken into shadow, where its blend learns, unheard, for a quarter of the time to
the next one; then it speaks. The gate, which might have kept it from speaking, is left out, so that the batch models
are never older than 1.25 refits and the table shows them as they are. Horizons of a day have a model of their own: a
label that is known a day later would keep the others from learning the last day.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from models.artifact import ModelArtifact, pack
from models.batch.congestion import RECIPE, congestion_artifact, ordered_targets
from models.batch.fitting import fit, refit
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
    """A model, since when it runs in shadow, and since when it speaks: rows of the grid."""

    since: int
    speaks: int
    artifact: ModelArtifact


class Course(NamedTuple):
    """All stages of a recording; the targets are in the order of the outputs."""

    spec: FeatureSpec
    stages: list[Stage]
    targets: list[CongestionTarget]


def groups(targets: Sequence[CongestionTarget]) -> list[list[CongestionTarget]]:
    """Those of less than a day and those of a day or more."""
    long = [t for t in targets if t.horizon_s >= 86_400]
    return [group for group in ([t for t in targets if t not in long], long) if group]


def trained(log: Log, targets: Sequence[CongestionTarget], every: int, seed: int) -> Course:
    """A model every so many hours, each from the hours before, as soon as there is enough to learn from."""
    history = log.history()
    spec = spec_for(targets, HOUR_MS, kinds_of(log.topology, log.names))
    ordered = ordered_targets(targets)
    samples = congestion_samples(spec, ordered, history, log.topology, most=EVERYTHING, seed=seed)
    recipe = RECIPE._replace(seed=seed)
    stages = []
    for since in range(every, len(log.hour), every):
        known = _known_by(samples, spec, ordered, int(log.hour[0]) + since)
        if not len(known.time):
            continue
        try:
            fitted = fit(known, spec.marked, recipe)
        except TrainingDataError:
            continue
        whole = refit(known, spec.marked, recipe, fitted)
        made = congestion_artifact(spec, ordered, known, fitted, recipe, whole=whole)
        stages.append(Stage(since, since + every // 4, made))
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


def alone(log: Log, courses: Sequence[Course], targets: Sequence[CongestionTarget]) -> Array:
    """What the batch model of each hour says by itself, `[num_targets, T, n]`; NaN where there is none yet."""
    out = np.full((len(targets), *log.load.shape), np.nan)
    for course in courses:
        out[[targets.index(target) for target in course.targets]] = _said(log, course)
    return out


def _said(log: Log, course: Course) -> Array:
    out = np.full((len(course.targets), *log.load.shape), np.nan)
    networks = {stage.speaks: Network(stage.artifact) for stage in course.stages}
    network = None
    for t, X in features_by_period(course.spec, log.history(), log.topology):
        network = networks.get(t, network)
        if network is not None:
            out[:, t] = sigmoid(network.log_odds(X).astype(np.float64))
    return out


def with_models(
    log: Sequence[LogRecord], hours: Array, courses: Sequence[Course], partitions: int
) -> Iterator[LogRecord]:
    """The log, and in each partition the candidates and what becomes of them, before the first report it matters to."""
    told = sorted((event for course in courses for event in _told(course, int(hours[0]))), key=lambda one: one[0])
    waiting = {p: list(told) for p in range(partitions)}
    offset = dict.fromkeys(range(partitions), 0)
    for record in log:
        p = record.partition
        while waiting[p] and record.time > waiting[p][0][0]:
            _, key, type_, value = waiting[p].pop(0)
            yield LogRecord(p, offset[p], key, record.time, type_, value)
            offset[p] += 1
        yield record._replace(offset=offset[p])
        offset[p] += 1


def _told(course: Course, first: int) -> list[tuple[int, str, str, bytes]]:
    """Time, key, type and body of each event of the stages."""
    found = []
    for stage in course.stages:
        a = stage.artifact
        since, speaks = ((first + row - 1) * HOUR_MS for row in (stage.since, stage.speaks))
        event = new_candidate(a.m_l_model_id, a.m_l_model_version, a.targets, pack(a), from_ms(since))
        found += [
            (since, event.model, CANDIDATE, ENCODER.encode(event)),
            (since, event.model, TRANSITION, ENCODER.encode(new_transition(event.model, "shadow", from_ms(since)))),
            (speaks, event.model, TRANSITION, ENCODER.encode(new_transition(event.model, "champion", from_ms(speaks)))),
        ]
    return found
