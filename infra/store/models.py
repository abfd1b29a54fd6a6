"""Batch models in the database: versions, their bytes by hash, and their lives. Writing one twice changes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg

from infra.store.faults import translated
from infra.store.queries import ask
from twin.model_events import ModelCandidate, ModelTransition, digest_of

CONNECTION: dict[str, Any] = {
    "connect_timeout": 10,
    "options": "-c timezone=UTC",
    "application_name": "lockstep keeper",
    "prepare_threshold": None,
}

ARTIFACT = "INSERT INTO ml_artifact (digest, body) VALUES (%s, %b) ON CONFLICT DO NOTHING"
MODEL = """
INSERT INTO ml_model (model, ml_model_id, ml_model_version, candidate_id, time, targets, digest, evidence, source)
VALUES (%s, %s, %s, %s, %s, %s::text[], %s, %s::text::jsonb, %s) ON CONFLICT DO NOTHING
"""
EVENT = """
INSERT INTO ml_model_event (id, time, model, state, targets, by, reason, evidence)
VALUES (%s, %s, %s, %s, %s::text[], %s, %s, %s::text::jsonb) ON CONFLICT DO NOTHING
"""
LIVES = """
SELECT e.id, e.time, e.model, e.state, e.targets, e.by, e.reason, e.evidence::text, e.recorded_at
FROM ml_model_event AS e ORDER BY e.number
"""
MODELS = """
SELECT model, ml_model_id, ml_model_version, candidate_id, time, targets, digest, evidence::text, source, recorded_at
FROM ml_model ORDER BY recorded_at, model
"""
BYTES = "SELECT a.body FROM ml_model AS m JOIN ml_artifact AS a USING (digest) WHERE m.model = %(model)s"
COMPARISONS = """
SELECT body::text FROM event WHERE kind = 'comparisons' AND time > %(since)s
AND body->>'champion' = ANY(%(models)s) AND body->>'candidate' = ANY(%(models)s) ORDER BY time, id
"""
NEWEST = """
SELECT time FROM event
WHERE kind = 'comparisons' AND time <= coalesce(%(at)s::timestamptz, 'infinity') ORDER BY time DESC LIMIT 1
"""


class StoredModel(NamedTuple):
    """One version; `evidence` is its training report."""

    model: str
    ml_model_id: str
    ml_model_version: str
    candidate_id: str
    time: datetime
    targets: list[str]
    digest: str
    evidence: dict[str, Any]
    source: str
    recorded_at: datetime


class StoredStep(NamedTuple):
    """One step of a version's life; `state` is what it became."""

    id: str
    time: datetime
    model: str
    state: str
    targets: list[str]
    by: str
    reason: str
    evidence: dict[str, Any]
    recorded_at: datetime


def record_candidate(dsn: str, event: ModelCandidate) -> None:
    """Keep a candidate: its bytes, what it is, and that it came.

    Raises:
        Unavailable: The database doesn't answer.
        ConfigurationError: It won't until somebody acts.
    """
    digest = digest_of(event.artifact)
    named = (event.model, event.ml_model_id, event.ml_model_version, event.id, event.time)
    with translated(), psycopg.connect(dsn, **CONNECTION) as connection:
        connection.execute(ARTIFACT, [digest, event.artifact])
        connection.execute(MODEL, [*named, sorted(event.targets), digest, _json(event.evidence), _text(event.source)])
        connection.execute(EVENT, [event.id, event.time, event.model, "candidate", [], _text(event.source), "", "{}"])


def record_transition(dsn: str, event: ModelTransition) -> None:
    """Keep a step of a version that is known.

    Raises:
        Unavailable, ConfigurationError: See `record_candidate`.
    """
    said = (_text(event.by), _text(event.reason), _json(event.evidence))
    with translated(), psycopg.connect(dsn, **CONNECTION) as connection:
        connection.execute(EVENT, [event.id, event.time, event.model, event.state, event.targets, *said])


def models(dsn: str) -> list[StoredModel]:
    """Every version, oldest first.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return [StoredModel(*row)._replace(evidence=json.loads(row[7])) for row in ask(dsn, MODELS, {})]


def lives(dsn: str) -> list[StoredStep]:
    """Every step of every version, in the order of the log.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return [StoredStep(*row)._replace(evidence=json.loads(row[7])) for row in ask(dsn, LIVES, {})]


def artifact_of(dsn: str, model: str) -> bytes | None:
    """The bytes of a version, None if it isn't known.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = ask(dsn, BYTES, {"model": model})
    return bytes(found[0][0]) if found else None


def newest_comparison(dsn: str, at: datetime | None = None) -> datetime | None:
    """The end of the newest hour in which models were compared, by `at` if that is given; None: there was none.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = ask(dsn, NEWEST, {"at": at})
    return found[0][0] if found else None


def comparisons(dsn: str, since: datetime, models: Sequence[str]) -> list[bytes]:
    """What the fold has told of models on the same events, in hours that end after `since`, as JSON.

    Args:
        models: Of whom: years of others are not read.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return [row[0].encode() for row in ask(dsn, COMPARISONS, {"since": since, "models": list(models)})]


def _text(text: str) -> str:
    """`text` without the one character that PostgreSQL can't store."""
    return text.replace("\0", "\ufffd")


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.encode(value).decode().replace("\\u0000", "\\ufffd")
