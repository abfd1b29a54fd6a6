"""What a batch model costs the fold: `python -m tests.bench.batch_cost`.

One table, microseconds a cell: features, the network, both from rows that follow each other, both from scattered rows,
both for reports of 120 cells, and the neighbours' means, which are computed once a period. Two targets at two horizons,
two hidden layers of 24, random weights. The least of several runs: others may be using the machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter

import numpy as np

from models.artifact import ModelArtifact, Output, Training, with_version
from models.batch.features import Sources, around, batch_features
from models.batch.inference import PIECE, batch_log_odds
from models.batch.keras_model import layers_of
from models.batch.recipe import LEVELS
from models.batch.spec import FeatureSpec, spec_for
from models.batch.static import static_rows
from models.habits import Habits
from models.network import Network
from models.targets import parse_target
from twin.companions import Companions
from twin.expectation import Rows, Series
from twin.neighbours import Csr, csr
from twin.topology import Topology

HOUR_MS = 3_600_000
FIRST, PERIODS = 490_000, 30
F32 = np.float32
WIDTHS = (10, 9, 8, 11, 13, 12)
TARGETS = [parse_target(f"RRU.PrbTotDl>{t}@{h}") for t in (70, 85) for h in ("1h", "1d")]


def network(spec: FeatureSpec) -> Network:
    """Of random weights."""
    rng = np.random.default_rng(0)
    targets = sorted(TARGETS, key=lambda t: (t.horizon_s, t.threshold))
    outputs = [Output(kind="log_odds", target=t.name, horizon_s=t.horizon_s) for t in targets]
    outputs += [
        Output(kind="quantile", target=spec.counter, horizon_s=h * 3600, level=level)
        for h in spec.horizons
        for level in LEVELS
    ]
    F = spec.num_features
    width = inputs = F + len(spec.marked)
    arrays = {"mean": np.zeros(F, dtype=F32), "deviation": np.ones(F, dtype=F32)}
    layers = layers_of((24, 24), len(outputs))
    for k, layer in enumerate(layers):
        width += inputs if layer.kind == "wide" else 0
        arrays[f"{k}/weights"] = (rng.normal(size=(layer.units, width)) / width**0.5).astype(F32)
        arrays[f"{k}/bias"] = np.zeros(layer.units, dtype=F32)
        width = layer.units
    made = ModelArtifact(
        m_l_model_id="cost",
        kind="congestion",
        targets=[t.name for t in targets],
        horizons=sorted({t.horizon_s for t in targets}),
        counter=spec.counter,
        granularity_ms=spec.granularity_ms,
        features=spec.names,
        marked=spec.marked,
        layers=layers,
        outputs=outputs,
        training=Training(begin=0, end=1, samples=0, seed=0),
        spec=spec,
        arrays=arrays,
    )
    return Network(with_version(made))


def world(spec: FeatureSpec, n: int) -> tuple[Sources, Csr]:
    """A day of made-up load, three neighbours a cell and more."""
    rng = np.random.default_rng(0)
    series = Series(spec.counter, HOUR_MS, 10)
    rows = series.rows_of(np.arange(n))
    habits = Habits(spec.thresholds, spec.scale, HOUR_MS)
    habits.columns.grow(n)
    companions = Companions(series.depth, 1)
    companions.grow(n)
    relation = csr(rng.integers(0, n, 3 * n), rng.integers(0, n, 3 * n), n)
    static = static_rows(spec, Topology(), [f"ManagedElement={i // 3},NRCellDU={i % 3}" for i in range(n)], relation)
    for period in range(FIRST, FIRST + PERIODS):
        if period - spec.lag >= FIRST:
            habits.learn(series, period - spec.lag, series.recent(period - spec.lag))
            series.learn(period - spec.lag)
        series.open(period)
        companions.open(period)
        series.write(rows, period, rng.uniform(0, 100, n))
    beside = around(spec, series, relation, FIRST + PERIODS - 2)
    return Sources(series, (habits,) * len(spec.horizons), beside, static, companions), relation


def least(what: Callable[[], object], n: int, runs: int) -> float:
    """Time of the fastest run [us a cell]."""
    spent = []
    for _ in range(runs):
        begin = perf_counter()
        what()
        spent.append(perf_counter() - begin)
    return min(spent) / n * 1e6


def costs(spec: FeatureSpec, model: Network, n: int, runs: int) -> list[float]:
    """One row of the table."""
    period = FIRST + PERIODS - 1
    oldest = period - spec.lag + 1
    sources, relation = world(spec, n)
    scattered = np.random.default_rng(1).permutation(n)
    pieces = [slice(i, min(i + PIECE, n)) for i in range(0, n, PIECE)]
    X = batch_features(spec, sources, slice(0, n), period, oldest)

    def both(rows: Rows) -> float:
        return least(lambda: batch_log_odds(model, spec, sources, rows, period, oldest), len(rows), runs)

    return [
        least(lambda: [batch_features(spec, sources, p, period, oldest) for p in pieces], n, runs),
        least(lambda: model.log_odds(X), n, runs),
        both(np.arange(n)),
        both(scattered),
        both(scattered[:120]),
        least(lambda: around(spec, sources.series, relation, period - 1), n, runs),
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="*", default=[1200, 12_000, 100_000])
    parser.add_argument("--runs", type=int, default=9)
    chosen = parser.parse_args()
    spec = spec_for(TARGETS, HOUR_MS)
    model = network(spec)
    print(f"{spec.num_features} features; microseconds a cell")
    print("   cells  features  network    both  scattered  120 at once  neighbours")
    for n in chosen.cells:
        cost = costs(spec, model, n, chosen.runs)
        print(f"{n:>8}" + "".join(f"{x:>{w}.2f}" for x, w in zip(cost, WIDTHS, strict=True)), flush=True)


if __name__ == "__main__":
    main()
