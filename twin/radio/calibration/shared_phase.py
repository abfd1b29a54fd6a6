"""Soundings of one link whose phase errors are the same, put together before they are compared with paths.

A wall that stands elsewhere turns a path's phase by the same angle in every sounding of a link that doesn't move. Then
the n soundings are one, with the n-th part of the noise:

    z = mean_n z_n,   noise / n

Where paths aren't resolved (bandwidth x delay gap << 1) that decides whether their powers can be told apart at all: a
sounding taken alone says next to nothing about a single path, yet PEAC believes its phases as if paths were resolved
(its concentration looks at the power of a path, not at its neighbours). Random phases must not be averaged: power would
be lost. So the soundings themselves are asked. If all phases are the same, their scatter

    s = sum_n (z_n - z)^H G^+ (z_n - z) / noise  ~  Gamma((n - 1) rank G)

is that of noise, and only then are they put together.
"""

from __future__ import annotations

import numpy as np

from twin.radio.calibration.projection import Projected

DEVIATIONS = 4.0
"""So far above its mean may the scatter lie: about one link in 10,000 with shared phases is kept
apart for nothing."""
RANK = 1e-9
"""Directions of the Gram matrix below this part of the largest are not heard."""


def together(measured: Projected) -> Projected:
    """The soundings as one if noise explains how they differ; as they are otherwise, or where there is only one.

    The energy of the one is that which the paths explain.
    """
    n = len(measured.energy)
    if n < 2:
        return measured
    values, vectors = np.linalg.eigh(measured.gram)
    heard = values > RANK * values[-1]
    # z = E^H h, so G^+ weighs it; in these directions the noise is white.
    white = (measured.z @ vectors[:, heard].conj()) / np.sqrt(values[heard])
    mean = white.mean(axis=0)
    scatter, freedom = float(np.sum(np.abs(white - mean) ** 2)), (n - 1) * int(heard.sum())
    energy = float(np.sum(np.abs(mean) ** 2))
    if energy == 0 or scatter > measured.noise * (freedom + DEVIATIONS * np.sqrt(freedom)) + RANK * n * energy:
        return measured
    return Projected(measured.z.mean(axis=0, keepdims=True), measured.gram, np.array([energy]), measured.noise / n)
