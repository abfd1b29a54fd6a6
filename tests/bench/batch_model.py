"""What a batch model costs the fold: `python -m tests.bench.batch_model`, and `python -m tests.bench --batch-model`.

The model has the size of a trained one (`models.batch.congestion.RECIPE`) and random weights: what it says makes no
difference to how long it takes. Two shards fold the same periods turn by turn, one with a champion, so that whatever
else the machine does meets both alike.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gc
import time
from typing import NamedTuple

import numpy as np

from models.artifact import ModelArtifact, Output, Training, pack, with_version
from models.batch.congestion import RECIPE
from models.batch.keras_model import layers_of
from models.batch.spec import FeatureSpec, spec_for
from models.layers import Layer
from models.targets import parse_target
from stream.decode import CANDIDATE, TRANSITION, to_ms
from stream.outlets import ENCODER
from stream.shard import Shard
from tests.bench.inprocess import BATCH, WARM_UP, fold, new_shard
from tests.bench.workload import CELLS, GRANULARITY_S, START, TARGET, elements, records
from twin.log import LogRecord
from twin.model_events import new_candidate, new_transition

AT_MOST = 0.25
"""Of the throughput, that a batch model may cost."""


class BatchCost(NamedTuple):
    """What folding costs without a batch model, with a champion, and with a shadow beside it.

    Attributes:
        us: Processor time a cell-period [us], lower quartile of the periods, one a shard.
        latency_ms: Of the champion's answer for a batch of `BATCH` reports [ms]: median, 99th percentile.
    """

    cells: int
    us: tuple[float, float, float]
    latency_ms: tuple[float, float]

    def lost(self, which: int = 1) -> float:
        """Share of the throughput that is gone."""
        return 1 - self.us[0] / self.us[which]


def artifact(seed: int = 0) -> ModelArtifact:
    """A network as large as a trained one."""
    target = parse_target(TARGET)
    spec = spec_for([target], GRANULARITY_S * 1000)
    kinds = [("log_odds", TARGET, 0.0), *(("quantile", target.counter, level) for level in (0.1, 0.5, 0.9))]
    outputs = [
        Output(kind=kind, target=name, horizon_s=target.horizon_s, level=level)  # type: ignore[arg-type]
        for kind, name, level in kinds
    ]
    layers = layers_of(RECIPE.units, len(outputs))
    return with_version(
        ModelArtifact(
            m_l_model_id=f"bench{seed}",
            kind="congestion",
            targets=[TARGET],
            horizons=[target.horizon_s],
            counter=target.counter,
            granularity_ms=GRANULARITY_S * 1000,
            features=spec.names,
            marked=spec.marked,
            layers=layers,
            outputs=outputs,
            training=Training(begin=0, end=to_ms(START), samples=0, seed=seed),
            spec=spec,
            arrays=_weights(spec, layers, seed),
        )
    )


def _weights(spec: FeatureSpec, layers: list[Layer], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = width = spec.num_features + len(spec.marked)
    arrays = {
        "mean": np.zeros(spec.num_features, dtype=np.float32),
        "deviation": np.ones(spec.num_features, dtype=np.float32),
    }
    for k, layer in enumerate(layers):
        width += inputs if layer.kind == "wide" else 0
        arrays[f"{k}/weights"] = rng.normal(0, width**-0.5, (layer.units, width)).astype(np.float32)
        arrays[f"{k}/bias"] = np.zeros(layer.units, dtype=np.float32)
        width = layer.units
    return arrays


def events(seed: int = 0, *, speaks: bool = True) -> list[tuple[str, str, bytes]]:
    """What makes it run: key, type and value of each message."""
    made = artifact(seed)
    event = new_candidate(made.m_l_model_id, made.m_l_model_version, made.targets, pack(made), START)
    states = ("shadow", "champion") if speaks else ("shadow",)
    moves = [new_transition(event.model, state, START) for state in states]  # type: ignore[arg-type]
    return [
        (event.model, CANDIDATE, ENCODER.encode(event)),
        *((event.model, TRANSITION, ENCODER.encode(m)) for m in moves),
    ]


def equipped(shadow: bool = False) -> Shard:
    """A shard with a champion, and with a shadow beside it."""
    shard = new_shard()
    told = [*events(0), *(events(1, speaks=False) if shadow else [])]
    for key, type_, value in told:
        shard.apply([LogRecord(0, shard.next_offset, key, to_ms(START), type_, value)])
    return shard


def measure(num_cells: int, periods: int) -> BatchCost:
    """Fold `periods` periods after warming up, one shard after the other within each."""
    names = elements(max(num_cells // CELLS, 1), 1)
    cells = len(names) * CELLS
    shards = (new_shard(), equipped(), equipped(shadow=True))
    times: list[list[float]] = [[], [], []]
    gc.collect()
    for number, group in enumerate(records(names, WARM_UP + periods)):
        for which in np.roll(range(3), number):
            shard = shards[which]
            spent = fold(shard, [r._replace(offset=shard.next_offset + i) for i, r in enumerate(group)])
            if number >= WARM_UP:
                times[which].append(spent)
    us = tuple(sorted(t)[len(t) // 4] / cells * 1e6 for t in times)
    return BatchCost(cells, us, _latency(shards[1], cells))  # type: ignore[arg-type]


def _latency(shard: Shard, cells: int, rounds: int = 200) -> tuple[float, float]:
    (table,) = shard.tables.values()
    channel = next(c for c in shard.channels.values() if c.models)
    rows = np.arange(min(BATCH * CELLS, cells))
    spent = []
    for _ in range(rounds):
        begin = time.perf_counter()
        channel.batch.speak(rows, table.now, table.closed)
        spent.append((time.perf_counter() - begin) * 1e3)
    median, late = np.percentile(spent, (50, 99)).tolist()
    return median, late


def main() -> None:
    """Print what it costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--periods", type=int, default=16)
    chosen = parser.parse_args()
    print("   cells   online only  with a champion  and a shadow   [us a cell-period]   lost    answer p50/p99 [ms]")
    for cells in chosen.cells:
        cost = measure(cells, chosen.periods)
        alone, one, two = cost.us
        print(
            f"{cost.cells:>8} {alone:>13.2f} {one:>16.2f} {two:>13.2f} {'':>20} "
            f"{cost.lost():>6.1%} / {cost.lost(2):.1%} {cost.latency_ms[0]:>8.2f} / {cost.latency_ms[1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
