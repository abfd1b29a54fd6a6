"""What the twin gets to see: slots of random access on the real system, with a probability drawn anew each slot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.science.multiple_access.environment import BIT, DEVICES, Environment

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Record(NamedTuple):
    """Slots seen, `[num_sets, num_slots]` each.

    Attributes:
        sent: How many devices sent.
        delivered: How many packets got through.
        arrived: Outcome of each cluster's arrivals, `[num_sets, num_slots, 2]`.
        served: Set of the devices whose packet got through.
    """

    sent: Integers
    delivered: Integers
    arrived: Integers
    served: Integers

    def part(self, begin: int, end: int) -> Record:
        """Some of the slots."""
        return Record(*(field[:, begin:end] for field in self))


class Counts(NamedTuple):
    """How often each outcome was seen: all that a record says of the laws; shapes as in `Environment`."""

    channel: Floats
    arrivals: Floats


def collect(environment: Environment, slots: int, sets: int, rng: np.random.Generator) -> Record:
    """Records of so many slots each, buffers empty at first; one environment for all sets, or `[num_sets, ...]`."""
    channel = np.broadcast_to(environment.channel, (sets, 5, 5))
    arrivals = np.broadcast_to(environment.arrivals, (sets, 2, 4))
    buffer, own = np.zeros((sets, DEVICES), dtype=bool), np.arange(sets)
    code = 1 << np.arange(DEVICES)
    out = Record(*(np.zeros((sets, slots, *more), dtype=np.int64) for more in ((), (), (2,), ())))
    for slot in range(slots):
        senders = buffer & (rng.random((sets, DEVICES)) < rng.random((sets, 1)))
        n = senders.sum(axis=1)
        k = _choose(channel[own, n], rng)
        # The k senders with the smallest of random numbers: uniform among them.
        rank = np.argsort(np.argsort(np.where(senders, rng.random((sets, DEVICES)), 2.0), axis=1), axis=1)
        through = senders & (rank < k[:, None])
        outcome = np.stack([_choose(arrivals[:, c], rng) for c in range(2)], axis=1)
        buffer = (buffer & ~through) | (BIT[outcome[:, 0] + 4 * outcome[:, 1]] == 1)
        for field, value in zip(out, (n, k, outcome, through @ code), strict=True):
            field[:, slot] = value
    return out


def count(record: Record) -> Counts:
    """Counts of each set, `[num_sets, 5, 5]` and `[num_sets, 2, 4]`."""
    sets, slots = record.sent.shape
    own = np.repeat(np.arange(sets), slots)
    counts = Counts(np.zeros((sets, 5, 5)), np.zeros((sets, 2, 4)))
    np.add.at(counts.channel, (own, record.sent.ravel(), record.delivered.ravel()), 1)
    for c in range(2):
        np.add.at(counts.arrivals, (own, c, record.arrived[..., c].ravel()), 1)
    return counts


def _choose(probabilities: Floats, rng: np.random.Generator) -> Integers:
    """One outcome of each row."""
    edges = np.cumsum(probabilities, axis=1)
    u = rng.random((len(edges), 1)) * edges[:, -1:]
    return np.asarray(np.sum(u >= edges, axis=1), dtype=np.int64)
