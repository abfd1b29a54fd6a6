"""Four devices, a buffer of one packet each, one channel; a policy's value is exact.

A slot: devices with a packet send with the policy's probability; some get through; packets arrive in two clusters of
two; `b := clip(b + arrival - delivered, 0, 1)`. A policy is one probability for each device and slot of a frame of four
slots. Sets of devices are numbers 0..15, device d being bit d: 16 buffer contents, 16 sets of senders.

Source: Ruah, Sifaou, Simeone, Al-Hashimi, "A Bayesian framework for digital twin-based control, monitoring, and data
collection in wireless systems", 2023.
"""

from __future__ import annotations

from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DEVICES, SLOTS, SETS = 4, 4, 16
DELIVERED, OVERFLOW, OTHERWISE = 50.0, -50.0, -1.0
"""Reward of a device in a slot."""
RESTART = 1e-9
"""Chance that a frame begins with empty buffers instead: a chain that falls into parts then has one stationary
distribution, that of a start with empty buffers."""
SIZE = np.array([i.bit_count() for i in range(SETS)])
BIT = (np.arange(SETS)[:, None] >> np.arange(DEVICES)) & 1


class Environment(NamedTuple):
    """Laws of the channel and of the arrivals; leading axes hold many of them.

    Attributes:
        channel: Probability that k of n packets get through, `[..., 5, 5]` (n, k).
        arrivals: Of no packet, one at the first device, one at the second, one at both, `[..., 2, 4]` (cluster,
            outcome).
    """

    channel: Floats
    arrivals: Floats


TRUE = Environment(
    np.array(
        [[1.0, 0, 0, 0, 0], [0.0, 1, 0, 0, 0], [0.0, 0.8, 0.2, 0, 0], [1.0, 0, 0, 0, 0], [1.0, 0, 0, 0, 0]],
    ),
    np.array([[0.2, 0.4, 0.4, 0.0]] * 2),
)


class Dynamics(NamedTuple):
    """What a slot does, for each set of devices that want to send and each buffer content.

    Attributes:
        step: Probabilities of the next content, `[..., 16, 16, 16]` (set, before, after).
        reward: Expected sum over devices, `[..., 16, 16]`.
        delivered: Expected packets, `[..., 16, 16]`.
    """

    step: Floats
    reward: Floats
    delivered: Floats


class Value(NamedTuple):
    """Long-run means a slot of a policy: reward of all devices together, packets delivered."""

    reward: Floats
    throughput: Floats


def dynamics(environment: Environment) -> Dynamics:
    """The slot's laws, worked out once for all policies."""
    channel, arrivals = environment.channel, environment.arrivals
    every = np.arange(SETS)
    # Who gets through is uniform among the senders.
    ways = np.array([[comb(SIZE[s], SIZE[d]) if d & ~s == 0 else np.inf for d in every] for s in every])
    through = channel[..., SIZE[:, None], SIZE[None, :]] / ways
    arrive = arrivals[..., 0, every & 3] * arrivals[..., 1, every >> 2]
    lead = channel.shape[:-2]
    # From what is left in the buffers to what is there after arrivals.
    fill = np.zeros((*lead, SETS, SETS))
    for g in every:
        fill[..., every, every | g] += arrive[..., g, None]
    full = 1 - np.stack([arrive[..., BIT[:, d] == 0].sum(axis=-1) for d in range(DEVICES)], axis=-1)
    # A device whose packet stayed overflows with a chance that is its own; one that is empty or delivered does not.
    waiting = OTHERWISE + (OVERFLOW - OTHERWISE) * full
    step, reward = np.zeros((*lead, SETS, SETS, SETS)), np.zeros((*lead, SETS, SETS))
    delivered = np.zeros_like(reward)
    for want in every:
        for before in every:
            for d in every[(every & ~(want & before)) == 0]:
                p, left = through[..., want & before, d], before & ~d
                step[..., want, before, :] += p[..., None] * fill[..., left, :]
                paid = DELIVERED * SIZE[d] + OTHERWISE * (DEVICES - SIZE[before]) + waiting @ BIT[left]
                reward[..., want, before] += p * paid
                delivered[..., want, before] += p * SIZE[d]
    return Dynamics(step, reward, delivered)


def evaluate(laws: Dynamics, policy: Floats) -> Value:
    """Exact value of policies: the frame's transition matrix and its stationary distribution.

    Args:
        laws: With leading axes `[...]`.
        policy: Probabilities of sending, `[..., 4, 4]` (slot, device); leading axes broadcast with those of `laws`.
    """
    chosen = np.where(BIT, policy[..., None, :], 1 - policy[..., None, :]).prod(axis=-1)
    kernel = (chosen @ laws.step.reshape(*laws.step.shape[:-2], -1)).reshape(*_lead(laws, policy), SLOTS, SETS, SETS)
    frame = kernel[..., 0, :, :] @ kernel[..., 1, :, :] @ kernel[..., 2, :, :] @ kernel[..., 3, :, :]
    system = np.eye(SETS) - (1 - RESTART) * np.swapaxes(frame, -1, -2)
    empty = np.zeros((*frame.shape[:-1], 1))
    empty[..., 0, 0] = RESTART
    at = np.swapaxes(np.linalg.solve(system, empty), -1, -2)
    # Rounding against the restart's chance: what is left of it goes here.
    at /= at.sum(axis=-1, keepdims=True)
    paid, through = chosen @ laws.reward, chosen @ laws.delivered
    reward = throughput = np.zeros(())
    for slot in range(SLOTS):
        now = at[..., 0, :]
        reward = reward + np.sum(now * paid[..., slot, :], axis=-1)
        throughput = throughput + np.sum(now * through[..., slot, :], axis=-1)
        at = at @ kernel[..., slot, :, :]
    return Value(reward / SLOTS, throughput / SLOTS)


def random_access(p: float) -> Floats:
    """Everyone sends with the same probability in every slot, `[4, 4]`."""
    return np.full((SLOTS, DEVICES), p)


def turns(*groups: tuple[int, ...]) -> Floats:
    """Groups of devices that take turns, slot by slot, over and over (TDMA), `[4, 4]`."""
    out = np.zeros((SLOTS, DEVICES))
    for slot in range(SLOTS):
        out[slot, list(groups[slot % len(groups)])] = 1
    return out


def _lead(laws: Dynamics, policy: Floats) -> tuple[int, ...]:
    return np.broadcast_shapes(laws.step.shape[:-3], policy.shape[:-2])
