"""A burst that begins with wrong walls, a wrong tilt and a wrong power: `python -m tests.science.radio_calibration`.

Three cells, 200 places sounded over 100 MHz at an SNR of 20 dB, 200 others to compare at: the median absolute error of
the expected power [dB] over seeds, with what is declared, with the parameters found, and on the burst's map. Powers
either are the sum of the paths' powers, or what a receiver hears, phases and fading included.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.science.radio_street import FREQUENCY, SITES, cells, traced
from twin.radio.antenna import Antenna
from twin.radio.burst import run_burst
from twin.radio.events import BurstRequest, SoundingTable
from twin.radio.frozen import fields
from twin.radio.maps import gain_at
from twin.radio.posterior import arrays
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]

PLACES = 200
SNR = 100.0
BANDWIDTH_HZ, SUBCARRIERS = 100e6, 273
MATERIAL_SIGMA = 0.5
"""Of the logarithms of permittivity less one and of conductivity, around the scene file's."""
TILT_DEG, POWER_DB = 3.0, -2.0
"""By which the first cell's tilt and the second cell's power differ from what is declared."""
AT = datetime(2026, 1, 1, tzinfo=UTC)


class Row(NamedTuple):
    """Median absolute errors [dB], and seconds that the burst took."""

    before: float
    parameters: float
    map: float
    seconds: float


def run(scene_name: str, seed: int, *, fading: bool) -> Row:
    """One burst."""
    rng = np.random.default_rng([seed, 7])
    scene, places, paths = traced(scene_name, 2 * PLACES)
    own = cells(scene_name)
    model = PowerModel(own, paths, len(places), scene.materials(), FREQUENCY)
    truth = model.declared()
    walls = slice(3 * len(own), None)
    truth[walls] += rng.normal(0.0, MATERIAL_SIGMA, len(truth[walls]))
    truth[model.names.index("tilt/cell-1")] = TILT_DEG
    truth[model.names.index("power/cell-2")] = POWER_DB
    exact = model.links(truth).rsrp
    heard = _heard(model, truth, rng) if fading else exact
    noise = rng.normal(0.0, np.sqrt(0.5 / SNR), (2, *heard.shape))
    heard = heard + 10 * np.log10((1 + noise[0]) ** 2 + noise[1] ** 2)
    begin = time.perf_counter()
    result = run_burst(_request(scene_name, places[:PLACES], heard[:PLACES]), lambda *_: None)
    seconds = time.perf_counter() - begin
    assert result.posterior is not None, result.reason
    assert result.map is not None
    reference = np.array([cell.reference_dbm for cell in own])
    found = model.links(arrays(result.posterior)[0]).rsrp
    off = [
        float(np.nanmedian(np.abs(x - exact[PLACES:])))
        for x in (
            model.links(model.declared()).rsrp[PLACES:],
            found[PLACES:],
            gain_at(result.map, places[PLACES:]) + reference,
        )
    ]
    return Row(*off, seconds)


def _heard(model: PowerModel, truth: Floats, rng: np.random.Generator) -> Floats:
    """What a receiver hears over the band [dBm]: fields are added, not powers."""
    paths = model.paths
    materials, offsets = model.apply(truth)
    antennas = [cell.antenna(a, t) for cell, (_, a, t) in zip(model.cells, offsets.tolist(), strict=True)]
    a = fields(paths, materials, antennas, [Antenna()] * (2 * PLACES), FREQUENCY).a
    offset = np.linspace(-BANDWIDTH_HZ / 2, BANDWIDTH_HZ / 2, SUBCARRIERS)
    turned = a[:, None] * np.exp(-2j * np.pi * np.outer(paths.delays(), FREQUENCY + offset))
    total = np.zeros((2 * PLACES, len(model.cells), SUBCARRIERS), dtype=np.complex128)
    np.add.at(total, (paths.receiver, paths.transmitter), turned)
    power = np.mean(np.abs(total) ** 2, axis=2)
    above = np.array([cell.reference_dbm for cell in model.cells]) + offsets[:, 0]
    return np.asarray(10 * np.log10(power, out=np.full_like(power, np.nan), where=power > 0) + above)


def _request(scene_name: str, places: Floats, rsrp: Floats) -> BurstRequest:
    own = cells(scene_name)
    rows = [[None if np.isnan(x) else x for x in row] for row in rsrp.round(3).tolist()]
    start = int(AT.timestamp() * 1000)
    return BurstRequest(
        id=f"{scene_name}/0",
        time=AT,
        partition=0,
        region=scene_name,
        scene=scene_name,
        frequency=FREQUENCY,
        reason="",
        area=(-1e3, -1e3, 1e3, 1e3),
        cells=own,
        touched=[cell.dn for cell in own],
        soundings=SoundingTable(
            time=[start + 1000 * k for k in range(len(places))],
            positions=[tuple(place) for place in places.tolist()],
            cells=[cell.dn for cell in own],
            rsrp=rows,
        ),
        since=AT,
        base_version=0,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--scene", choices=[*SITES], nargs="+", default=[*SITES])
    arguments = parser.parse_args()
    print(f"{'scene':<22}{'powers':<10}{'declared':>10}{'found':>8}{'map':>8}{'s first':>9}{'s after':>9}")
    for scene in arguments.scene:
        for fading in (False, True):
            rows = [run(scene, seed, fading=fading) for seed in range(arguments.seeds)]
            before, found, on_map, seconds = np.median(rows, axis=0)
            kind = "heard" if fading else "added"
            print(
                f"{scene:<22}{kind:<10}{before:>10.2f}{found:>8.2f}{on_map:>8.2f}{rows[0].seconds:>9.1f}{seconds:>9.1f}"
            )


if __name__ == "__main__":
    main()
