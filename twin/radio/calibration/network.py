"""A small network from places to corrections of a material, with its gradients by hand.

    x in [-1, 1]^3 -> (sin, cos)(2^k pi x), k = 0..K-1 -> ReLU layers -> two corrections

Source: Mildenhall et al., "NeRF", 2020, for the encoding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

OCTAVES, WIDTH, LAYERS = 3, 24, 2


class Network(NamedTuple):
    """Weights and biases of each layer; ReLU between them."""

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]

    def flat(self) -> Floats:
        """All numbers, one after the other."""
        return np.concatenate([x.ravel() for x in (*self.weights, *self.biases)])

    def like(self, flat: Floats) -> Network:
        """The same network with other numbers."""
        out, at = [], 0
        for x in (*self.weights, *self.biases):
            out.append(flat[at : at + x.size].reshape(x.shape))
            at += x.size
        return Network(tuple(out[: len(self.weights)]), tuple(out[len(self.weights) :]))


def network(seed: int, octaves: int = OCTAVES, width: int = WIDTH, layers: int = LAYERS) -> Network:
    """A network that corrects nothing yet: its last layer is 0."""
    rng, sizes = np.random.default_rng(seed), [6 * octaves, *[width] * layers, 2]
    weights = [rng.normal(0, np.sqrt(2 / a), (a, b)) for a, b in pairwise(sizes)]
    weights[-1] = np.zeros_like(weights[-1])
    return Network(tuple(weights), tuple(np.zeros(b) for b in sizes[1:]))


def encode(places: Floats, bounds: Floats, octaves: int = OCTAVES) -> Floats:
    """Sines and cosines of places, `[n, 6 octaves]`.

    Args:
        places: `[n, 3]` [m].
        bounds: Of the scene, `[2, 3]` [m].
    """
    low, high = bounds
    scaled = 2 * (places - low) / np.maximum(high - low, 1e-9) - 1
    angles = np.pi * (scaled[:, :, None] * 2.0 ** np.arange(octaves)).reshape(len(places), -1)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)


def forward(net: Network, codes: Floats) -> list[Floats]:
    """Values of every layer; the last are the corrections, `[n, 2]`."""
    out = [codes]
    for k, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        total = out[-1] @ weight + bias
        out.append(total if k == len(net.weights) - 1 else np.maximum(total, 0.0))
    return out


def backward(net: Network, values: list[Floats], slope: Floats) -> Network:
    """Gradient by all weights and biases, given that by the corrections, `[n, 2]`."""
    weights, biases = [], []
    for k in range(len(net.weights) - 1, -1, -1):
        weights.append(values[k].T @ slope)
        biases.append(slope.sum(axis=0))
        slope = (slope @ net.weights[k].T) * (values[k] > 0)
    return Network(tuple(weights[::-1]), tuple(biases[::-1]))
