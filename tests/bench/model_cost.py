"""What the congestion model costs: `python -m tests.bench.model_cost`.

One table: cells; a period boundary (learn and freeze), the series' own learning, and a prediction from rows that follow
each other or are scattered; two targets, hourly, over two days of made-up load after one day of warming up. Lower
quartiles: others may be using the machine.
"""

from __future__ import annotations

import argparse
from time import perf_counter

import numpy as np

from models.online import CongestionModel
from models.targets import parse_target
from twin.expectation import Series

HOUR_MS = 3_600_000


def cost(n: int, periods: int, scattered: bool, missing: float) -> tuple[float, float, float]:
    """Seconds of the model's boundary, of the series' and of a prediction."""
    rng = np.random.default_rng(0)
    series = Series("RRU.PrbTotDl", HOUR_MS, 1)
    model = CongestionModel([parse_target("RRU.PrbTotDl>70@1h"), parse_target("RRU.PrbTotDl>85@1h")], HOUR_MS, 1)
    rows = series.rows_of(np.arange(n))
    model.grow(n)
    if scattered:
        rows = rng.permutation(rows)
    level = rng.uniform(10, 70, n)
    spent: list[tuple[float, float, float]] = []
    for period in range(periods):
        values = np.clip(level * (1 + 0.5 * np.sin(period / 24 * 2 * np.pi)) + rng.normal(0, 6, n), 0, 100)
        values[rng.random(n) < missing] = np.nan
        times = [perf_counter()]
        if period >= 2:
            model.learn(series, period - 2)
            times.append(perf_counter())
            series.learn(period - 2)
            times.append(perf_counter())
            model.freeze()
        else:
            times += times
        times.append(perf_counter())
        series.open(period)
        series.write(rows, period, values[rows])
        begin = perf_counter()
        model.predict(series, rows, period, period - 2)
        now = perf_counter()
        if period >= 24:
            spent.append((times[-1] - times[0] - (times[2] - times[1]), times[2] - times[1], now - begin))
    boundary, own, predict = np.percentile(np.array(spent), 25, axis=0).tolist()
    return boundary, own, predict


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="*", default=[12, 1000, 10_000, 100_000])
    parser.add_argument("--missing", type=float, default=0.02, help="share of values that are missing")
    chosen = parser.parse_args()
    print("   cells      rows  boundary ms  us/cell  series ms  predict ms  us/cell")
    for n in chosen.cells:
        for scattered in (False, True):
            boundary, own, predict = cost(n, 72 if n < 50_000 else 40, scattered, chosen.missing)
            print(
                f"{n:>8} {'scattered' if scattered else 'slice':>9} {boundary * 1e3:>12.2f} {boundary / n * 1e6:>8.2f}"
                f" {own * 1e3:>10.2f} {predict * 1e3:>11.2f} {predict / n * 1e6:>8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
