"""Configuration that the inventory declares, as rows of features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.batch.spec import STATIC, FeatureSpec
from twin.neighbours import Csr
from twin.topology import Topology

F32 = np.float32
Floats = NDArray[Any]

ATTRIBUTES: Final[dict[str, tuple[str, ...]]] = {
    "bandwidth": ("bSChannelBwDL", "Bandwidth"),
    "resource_blocks": ("num_prbs",),
    "power": ("configuredMaxTxPower_dBm", "configuredMaxTxPower", "TXpower"),
    "antennas": ("Antennas", "num_antennas"),
    "frequency": ("Frequency", "arfcnDL", "carrier_mhz"),
    "tilt": ("tilt_deg", "digitalTilt"),
    "height": ("height_m",),
}
"""Where a row is declared: TS 28.541's names, those of the emulated network, those of inventory tables; the first wins.

A unit may differ from network to network, but not within one: the network normalises what it was trained on.
"""
KINDS: Final = ("area", "Mode", "RUType", "cellType")
"""Attributes whose values are kinds of cells."""
MOST_KINDS, LEAST_CELLS = 12, 5
"""Kinds that get a row, and how many cells must be of one."""


def kinds_of(topology: Topology, names: Sequence[str]) -> list[str]:
    """The kinds that deserve a row: the most frequent ones, sorted, such as `area=stadium`."""
    found: Counter[str] = Counter()
    for name in names:
        if name in topology:
            found.update(_kinds(topology.attributes(name)))
    frequent = sorted((k for k, count in found.items() if LEAST_CELLS <= count < len(names)), key=lambda k: -found[k])
    return sorted(frequent[:MOST_KINDS])


def static_rows(spec: FeatureSpec, topology: Topology, names: Sequence[str], relation: Csr) -> Floats:
    """Declared configuration of objects; to be computed again when the topology or the objects change.

    Args:
        names: Of the rows of the series.
        relation: Their neighbours.

    Returns:
        `[len(STATIC) + len(spec.kinds), n]` float32, NaN where nothing is declared; a kind is 1 or 0.
    """
    out = np.full((len(STATIC) + len(spec.kinds), len(names)), np.nan, dtype=F32)
    out[len(STATIC) :] = 0
    row = {name: k for k, name in enumerate(STATIC)}
    row_of_kind = {kind: len(STATIC) + k for k, kind in enumerate(spec.kinds)}
    parents = Counter(name.rpartition(",")[0] for name in names)
    for i, name in enumerate(names):
        out[row["cells"], i] = parents[name.rpartition(",")[0]]
        if name not in topology:
            continue
        declared = topology.attributes(name)
        site = topology.site_of(name)
        if site is not None and site in topology:
            declared = topology.attributes(site) | declared
        for what, spellings in ATTRIBUTES.items():
            out[row[what], i] = next((_number(declared[s]) for s in spellings if s in declared), np.nan)
        for kind in _kinds(declared):
            if kind in row_of_kind:
                out[row_of_kind[kind], i] = 1
    out[row["neighbours"]] = np.diff(relation[1])
    return out


def _kinds(attributes: dict[str, Any]) -> list[str]:
    return [f"{key}={attributes[key]}"[:64] for key in KINDS if isinstance(attributes.get(key), str)]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e15:
        return float("nan")
    return float(value)
