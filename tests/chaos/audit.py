"""Who moved which offset when: a trigger in the trial's database writes it down.

It is where recovery times come from, to the millisecond and without a word from the worker, and what shows the fence:
within one owner epoch only the connection that claimed it writes, and no epoch comes back.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg

AUDIT = """
CREATE TABLE audit (n bigint GENERATED ALWAYS AS IDENTITY, at double precision NOT NULL, partition integer NOT NULL,
    epoch bigint NOT NULL, next_offset bigint NOT NULL, backend integer NOT NULL, claim boolean NOT NULL);
CREATE FUNCTION note_shard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (at, partition, epoch, next_offset, backend, claim) VALUES (
        extract(epoch FROM clock_timestamp()), new.partition, new.epoch, new.next_offset, pg_backend_pid(),
        old IS NULL OR new.epoch > old.epoch);
    RETURN new;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON shard FOR EACH ROW EXECUTE FUNCTION note_shard();
"""
MOVES = """
SELECT at, partition, epoch, next_offset, backend, claim FROM audit WHERE at > %s ORDER BY n
"""


class Move(NamedTuple):
    """One write to a shard's row: a claim, or an advance of its offset.

    Attributes:
        at: Seconds since 1970, by the database's clock.
        backend: The server process of the connection that wrote.
    """

    at: float
    partition: int
    epoch: int
    next_offset: int
    backend: int
    claim: bool


def moves(dsn: str, after: float = 0.0) -> list[Move]:
    """All committed writes, in order.

    Args:
        after: Only those later than this [s since 1970].
    """
    with psycopg.connect(dsn) as connection:
        return [Move(*row) for row in connection.execute(MOVES, [after])]


def first_progress(dsn: str, after: float) -> dict[int, float]:
    """When each partition's first new offset was committed after a moment [s since 1970]; only those that have one."""
    with psycopg.connect(dsn) as connection:
        return dict(
            connection.execute(
                "SELECT partition, min(at) FROM audit WHERE at > %s AND NOT claim GROUP BY 1", [after]
            ).fetchall()
        )


def longest_pause(found: list[Move]) -> float:
    """The longest time between two newly committed batches of a partition [s]."""
    longest, last = 0.0, dict[int, Move]()
    for move in found:
        before = last.get(move.partition)
        if before is None or move.next_offset > before.next_offset:
            longest = max(longest, move.at - before.at) if before else longest
            last[move.partition] = move
    return longest


def unfenced(found: list[Move]) -> int:
    """How many writes came from a connection whose claim was no longer the newest, or set an offset back."""
    bad = 0
    newest: dict[int, Move] = {}
    claimed: dict[tuple[int, int], int] = {}
    for move in found:
        before = newest.get(move.partition)
        if before is not None and (move.epoch < before.epoch or move.next_offset < before.next_offset):
            bad += 1
        if move.claim:
            claimed[move.partition, move.epoch] = move.backend
        elif claimed.get((move.partition, move.epoch)) != move.backend:
            bad += 1
        newest[move.partition] = move
    return bad
