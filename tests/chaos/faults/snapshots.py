"""Snapshots that can't be used: the twin must come from an older one, or from the log."""

from __future__ import annotations

import time

import psycopg

from tests.chaos.trial import Trial
from twin import snapshot

NEWEST = "SELECT max(id) FROM snapshot WHERE body <> '' GROUP BY partition"
"""What an earlier trial has emptied can't be damaged any further."""


def damaged(trial: Trial) -> float:
    """The newest snapshot of every partition: bytes flipped, cut off, none, or not a snapshot at all."""
    return _restart(trial, lambda body: trial.rng.choice(DAMAGE)(trial, body), newest_only=True)


def older(trial: Trial) -> float:
    """All snapshots: another version's, or whole but without a part that this program needs."""
    ways = (lambda body: body[:8] + b"\0\0" + body[10:], _incomplete)
    way = ways[trial.outcome.tried % 2]
    return _restart(trial, way, newest_only=False)


def _restart(trial: Trial, change: object, *, newest_only: bool) -> float:
    assert callable(change)
    for worker in trial.workers:
        worker.kill()
    with psycopg.connect(trial.pipe.dsn) as connection:
        chosen = connection.execute(f"SELECT id, body FROM snapshot {f'WHERE id IN ({NEWEST})' if newest_only else ''}")
        changed = [(change(body), id_) for id_, body in chosen.fetchall()]
        assert changed, "there is no snapshot to damage"
        for body, id_ in changed:
            connection.execute("UPDATE snapshot SET body = %s WHERE id = %s", [body, id_])
    at = time.time()
    worker = trial.pipe.start()
    trial.wait(lambda: "is passed over" in worker.log.read_text(errors="replace"), 60, "the snapshot to be refused")
    return at


def _flipped(trial: Trial, body: bytes) -> bytes:
    where = trial.rng.randrange(len(body))
    return body[:where] + bytes([body[where] ^ (1 << trial.rng.randrange(8))]) + body[where + 1 :]


def _cut(trial: Trial, body: bytes) -> bytes:
    return body[: trial.rng.randrange(len(body))]


def _random(trial: Trial, body: bytes) -> bytes:
    return trial.rng.randbytes(len(body))


def _incomplete(body: bytes) -> bytes:
    data, arrays = snapshot.unpack(body)
    data.pop("channels")
    return snapshot.pack(data, arrays)


DAMAGE = (_flipped, _cut, _random, lambda _trial, _body: b"")
