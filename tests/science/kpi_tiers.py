"""What each tier expects of load and speed, and how well: an emulated street canyon with a hidden truth, one week.

    python -m tests.science.kpi_tiers [--days 7]

The twin gets counters and soundings, asks for its first burst itself and adopts a map. The ray-traced tier then expects
blocks used from the volume measured, the statistical tier from the time of day: no contest, but what each knows.
Each is scored by its own tracker, from when it begins to expect.
"""

from __future__ import annotations

import argparse

import numpy as np

from stream.radio.kpi import COUNTERS
from stream.sources.emulator.rates import Rates
from stream.sources.emulator.scene_network import SceneNetwork
from tests.science.loop.run import Loop
from twin.fidelity import FidelityTracker

SEED = 3
UNITS = {"RRU.PrbTotDl": "%", "DRB.UEThpDl": "kbit/s"}


class Quiet(Loop):
    """A loop whose errors against the truth nobody asks for."""

    def error(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Nothing."""
        return np.zeros(0)


def row(tier: str, counter: str, tracker: FidelityTracker) -> str:
    """Means over the cells."""
    score, parts = tracker.score(), tracker.parts()
    numbers = (np.nanmean(score), np.nanmin(score), np.nanmean(parts.accuracy), np.nanmean(parts.coverage))
    errors = f"{np.nanmean(parts.error):.4g} | {np.nanmean(parts.reference_error):.4g}"
    return f"| {tier} | {counter} [{UNITS[counter]}] | " + " | ".join(f"{x:.2f}" for x in numbers) + f" | {errors} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=7)
    loop = Quiet(SceneNetwork(SEED, rates=Rates.none()))
    loop.run(int(parser.parse_args().days * 96))
    channel = loop.shard.channels[loop.network.granularity_s * 1000, "RRU.PrbTotDl"]
    print("| tier | counter | score | worst cell | accuracy | coverage of 90 % | error | error of the mean |")
    print("|---|---|---|---|---|---|---|---|")
    print(row("statistical", "RRU.PrbTotDl", channel.fidelity))
    for which, counter in COUNTERS.items():
        print(row("ray-traced", counter, channel.traced.fidelity[which]))
    print(f"\nadopted: {loop.happened.adopted}; factors {np.exp(channel.traced.factor).round(3).tolist()}")


if __name__ == "__main__":
    main()
