"""Chains of walls: which ones a path may meet one after the other, and which receivers it reaches that way.

A tracer that samples rays finds a chain at one receiver and misses it at the next. So each chain that was found for a
transmitter is tried at every receiver: the mirror images say where the path would run, rays say whether it can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.frozen import NOTHING, FrozenPaths
from twin.radio.images import between, meets, mirrored
from twin.radio.mesh import SLACK
from twin.radio.rays import first_hit, is_free

if TYPE_CHECKING:
    from twin.radio.mesh import Mesh
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_ONCE = 500_000
"""Pairs of chain and receiver looked at together."""


class Chains(NamedTuple):
    """Chains of one transmitter, the empty one among them.

    Attributes:
        planes: -1 for nothing, `[num_chains, max_depth]`.
        kinds: As `FrozenPaths.kinds`.
    """

    planes: Ints
    kinds: Ints


def unique(planes: Ints, kinds: Ints) -> Chains:
    """Each once, in a fixed order, and the empty one."""
    depth = planes.shape[1]
    both = np.concatenate([np.stack([planes, kinds], axis=2), [[[-1, NOTHING]] * depth]])
    both = np.unique(both.reshape(len(both), -1), axis=0).reshape(-1, depth, 2)
    return Chains(both[:, :, 0], both[:, :, 1])


def reached(scene: RadioScene, transmitter: int, tx: Floats, rx: Floats, chains: Chains) -> list[FrozenPaths]:
    """All paths from a transmitter over its chains to any receiver.

    Args:
        tx: `[3]` [m].
        rx: `[num_receivers, 3]` [m].
    """
    mesh, step, out = scene.mesh, max(1, AT_ONCE // len(chains.planes)), []
    corners, normals = mesh.plane(chains.planes)
    seen = mirrored(tx, corners, normals, chains.kinds)
    for begin in range(0, len(rx), step):
        ahead = rx[begin : begin + step]
        chain, receiver = _able(mesh, chains, seen, corners, normals, ahead)
        walls = meets(seen[chain], ahead[receiver], corners[chain], normals[chain], chains.kinds[chain])
        able = np.flatnonzero(mesh.spans(chains.planes[chain], walls).all(axis=1))
        chain, receiver = chain[able], receiver[able]
        points = np.concatenate([np.broadcast_to(tx, (len(able), 1, 3)), walls[able], ahead[receiver][:, None]], axis=1)
        ok, materials = _free(scene, points, normals[chain], chains.planes[chain])
        index = np.full(np.count_nonzero(ok), transmitter, dtype=np.int64)
        parts = points[ok], normals[chain[ok]], materials[ok], chains.kinds[chain[ok]]
        out.append(FrozenPaths(index, begin + receiver[ok], *parts))
    return out


def _able(mesh: Mesh, chains: Chains, seen: Floats, corners: Floats, normals: Floats, rx: Floats) -> tuple[Ints, Ints]:
    """Pairs of chain and receiver whose last wall may lie where the path would meet it: most are gone after this."""
    length = np.count_nonzero(chains.planes >= 0, axis=1)
    every, last = np.arange(len(length)), np.maximum(length - 1, 0)
    n, image, plane = normals[every, last], seen[every, last], chains.planes[every, last]
    high = n @ rx.T
    share = between(np.sum(n * corners[every, last], axis=1)[:, None] - high, np.sum(n * image, axis=1)[:, None] - high)
    fits = np.ones(share.shape, dtype=np.bool_)
    for axis in range(3):
        at = rx[:, axis] + share * (image[:, axis, None] - rx[:, axis])
        fits &= (at >= mesh.low[plane, axis, None] - SLACK) & (at <= mesh.high[plane, axis, None] + SLACK)
    fits[length == 0] = True
    chain, receiver = np.nonzero(fits)
    return chain, receiver


def _free(scene: RadioScene, points: Floats, normals: Floats, planes: Ints) -> tuple[NDArray[np.bool_], Ints]:
    """Which paths reach every wall and then the receiver, and the material of each wall."""
    ok = np.ones(len(points), dtype=np.bool_)
    materials = np.full(planes.shape, -1, dtype=np.int64)
    behind = np.zeros((len(points), 3))
    for d in range(planes.shape[1]):
        rows = np.flatnonzero(ok & (planes[:, d] >= 0))
        if not rows.size:
            continue
        triangle = first_hit(scene, points[rows, d], points[rows, d + 1], behind[rows])
        # a line crosses a plane once: what it hits first in the right plane, it hits in the right place
        ok[rows] = np.where(triangle >= 0, scene.mesh.planes[triangle], -1) == planes[rows, d]
        materials[rows, d] = np.where(triangle >= 0, scene.mesh.materials[triangle], -1)
        behind[rows] = normals[rows, d]
    rows = np.flatnonzero(ok)
    last = np.count_nonzero(planes[rows] >= 0, axis=1)
    ok[rows] = is_free(scene, points[rows, last], points[rows, -1], behind[rows])
    return ok, materials
