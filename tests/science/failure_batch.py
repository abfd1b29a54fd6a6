"""Failures, batch against online against both: `python -m tests.science.failure_batch [--train 3] [--plot FOLDER]`.

Emulated networks whose equipment ages (wear, random failures without a precursor, scares). A batch model is trained by
Keras on some networks' history and then runs as champion in the fold of other networks, which neither it nor anybody
has seen; there the online head learns from the first day on, the blend learns what each is worth, and all are scored on
the same labels.

Figures are over all labels of the later part of the held-out networks: average precision, and at a warning from 10 %
on precision, the share of failures that were warned of, and the median of the earliest warnings before them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.artifact import ModelArtifact, pack
from models.failure.target import parse_failure_target
from models.scoring import average_precision
from stream.config import ShardConfig
from stream.decode import CANDIDATE, TRANSITION, from_ms
from stream.outlets import ENCODER
from stream.shard import Shard
from stream.sources.emulator import Ageing, EmulatedNetwork, Rates, Script, records
from stream.training.failure_rows import FailureRows, Filed
from tests.science.failure_batch_plots import draw
from twin.counters import CATALOGUE
from twin.log import LogRecord
from twin.model_events import ONLINE, new_candidate, new_transition

Floats = NDArray[Any]

TARGET = "alarm:EQUIPMENT_ALARM@1d"
HOUR_S, WARNED = 3600, 0.1
CONFIG = ShardConfig(failure_targets=(parse_failure_target(TARGET),), monitor_by=(), instant_period_ms=HOUR_S * 1000)


class Said(NamedTuple):
    """Labels of one network, and what was said of each."""

    network: int
    row: NDArray[np.int64]
    made: NDArray[np.int64]
    period: NDArray[np.int64]
    label: NDArray[np.bool_]
    said: dict[str, Floats]


def log(seed: int, sites: int, days: int, faster: float) -> list[LogRecord]:
    """One network's history."""
    more = {"script": Script(), "rates": Rates.none(), "ageing": Ageing().faster(faster)}
    network = EmulatedNetwork(seed, sites, 1, HOUR_S, **more)  # type: ignore[arg-type]
    return [LogRecord(0, i, *one[2:]) for i, one in enumerate(records(network, days * 24, 1))]


def filed(history: list[LogRecord]) -> list[FailureRows]:
    """What the heads have seen and learnt of it."""
    shard = Shard(0, CONFIG, CATALOGUE)
    heard = Filed(shard)
    for begin in range(0, len(history), 500):
        shard.apply(history[begin : begin + 500])
        heard.take(shard)
    return heard.rows()


def trained(sets: list[FailureRows], seed: int) -> ModelArtifact:
    """A batch model of one kind's rows of several networks; parts are by time, so that each network is in all."""
    from models.batch.failure import RECIPE, train_failure

    X, labels = (np.concatenate([getattr(one, name) for one in sets], axis=1) for name in ("X", "labels"))
    time = np.concatenate([one.step for one in sets])
    named = [(name, sets[0].horizon_s) for name in sets[0].targets]
    return train_failure(named, sets[0].features, X, labels, time, sets[0].step_ms, RECIPE._replace(seed=seed))


def held_out(number: int, history: list[LogRecord], models: list[ModelArtifact]) -> dict[str, Said]:
    """Run one network with the models as champions; what was said of each label, by kind of objects."""
    shard = Shard(0, CONFIG, CATALOGUE)
    events: list[LogRecord] = []
    for made in models:
        one = new_candidate(
            made.m_l_model_id, made.m_l_model_version, made.targets, pack(made), from_ms(history[0].time), {}
        )
        steps = [new_transition(one.model, to, from_ms(history[0].time)) for to in ("shadow", "champion")]
        for event, type_ in ((one, CANDIDATE), (steps[0], TRANSITION), (steps[1], TRANSITION)):
            events.append(LogRecord(0, len(events), one.model, history[0].time, type_, ENCODER.encode(event)))
    found: dict[str, list[Said]] = {}
    for kind, watched in shard.failing.watched.items():
        learn = watched.batch.learn

        def listening(k: int, matured: Any, kind: str = kind, learn: Any = learn, watched: Any = watched) -> Any:
            said = learn(k, matured)
            names = {n: "blended" if n != ONLINE else "online" for n in said}
            own = {names[n]: p for n, p in said.items()}
            own["batch"] = _batch(watched, k, matured)
            period = np.full(len(matured.row), matured.period)
            found.setdefault(kind, []).append(Said(number, matured.row, matured.made, period, matured.label, own))
            return said

        watched.batch.learn = listening  # type: ignore[method-assign]
    everything = [*events, *(one._replace(offset=one.offset + len(events)) for one in history)]
    for begin in range(0, len(everything), 500):
        shard.apply(everything[begin : begin + 500])
    return {kind: _joined(number, parts) for kind, parts in found.items()}


def _batch(watched: Any, k: int, matured: Any) -> Floats:
    (version,) = watched.batch.versions.values()
    out = np.full(len(matured.row), np.nan)
    for made in np.unique(matured.made).tolist():
        kept = version.stacked[k].ring.get(made // watched.heads[k].stride)
        at = np.flatnonzero(matured.made == made)
        if kept is not None:
            out[at] = 1 / (1 + np.exp(-kept["batch"][0].take(matured.row[at]).astype(np.float64)))
    return out


def _joined(number: int, parts: list[Said]) -> Said:
    columns = [np.concatenate([getattr(p, name) for p in parts]) for name in ("row", "made", "period", "label")]
    said = {name: np.concatenate([p.said[name] for p in parts]) for name in parts[0].said}
    return Said(number, *columns, said)


def scores(parts: list[Said], name: str, since: int) -> dict[str, float]:
    """Figures of one model over some networks, of what was predicted from step `since` of each on."""
    y, p, key, lead = [], [], [], []
    for one in parts:
        at = np.flatnonzero((one.made >= one.made.min() + since) & ~np.isnan(one.said[name]))
        y.append(one.label[at])
        p.append(one.said[name][at])
        key.append(np.stack([np.full(len(at), one.network), one.row[at], one.period[at]]))
        lead.append(one.period[at] - one.made[at])
    label, prob, which, ahead = np.concatenate(y), np.concatenate(p), np.concatenate(key, axis=1), np.concatenate(lead)
    _, failure = np.unique(which[:, label], axis=1, return_inverse=True)
    earliest = np.full(int(failure.max(initial=-1)) + 1, np.nan)
    np.fmax.at(earliest, failure.ravel(), np.where(prob[label] >= WARNED, ahead[label], np.nan))
    warned = prob >= WARNED
    safe = np.clip(prob, 1e-6, 1 - 1e-6)
    return {
        "labels": len(label),
        "failures": len(earliest),
        "base": float(label.mean()),
        "AP": average_precision(label, prob) or float("nan"),
        "log loss": float(-np.mean(np.where(label, np.log(safe), np.log(1 - safe)))),
        "precision": float(label[warned].mean()) if warned.any() else float("nan"),
        "recall": float((~np.isnan(earliest)).mean()) if len(earliest) else float("nan"),
        "lead": float(np.nanmedian(earliest)) if (~np.isnan(earliest)).any() else float("nan"),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=int, default=3, help="networks to train on")
    parser.add_argument("--test", type=int, default=3, help="held-out networks")
    parser.add_argument("--sites", type=int, default=12)
    parser.add_argument("--days", type=int, default=35)
    parser.add_argument("--faster", type=float, default=40.0, help="than real equipment, so that weeks show failures")
    parser.add_argument("--skip", type=int, default=10, help="days of each held-out network that aren't scored")
    parser.add_argument("--plot", type=Path, help="folder for a picture")
    given = parser.parse_args()
    begin = perf_counter()
    seeds = range(given.train + given.test)
    logs = [log(100 + seed, given.sites, given.days, given.faster) for seed in seeds]
    print(f"{perf_counter() - begin:.0f} s: {len(logs)} networks have run", flush=True)
    rows = [filed(one) for one in logs[: given.train]]
    print(f"{perf_counter() - begin:.0f} s: {given.train} folded to train on", flush=True)
    kinds = sorted({one.kind for sets in rows for one in sets})
    models = [trained([one for sets in rows for one in sets if one.kind == kind], 0) for kind in kinds]
    print(f"{perf_counter() - begin:.0f} s: trained", flush=True)
    tests = [held_out(k, one, models) for k, one in enumerate(logs[given.train :])]
    console = Console(width=150)
    about = f"{given.test} held-out networks of {given.sites} sites, days {given.skip} to {given.days}"
    table = Table(title=f"{TARGET}, {about}")
    for column in ("objects", "model", "labels", "failures", "base", "AP", "each network", "log loss", "precision",
                   "recall", "lead h"):  # fmt: skip
        table.add_column(column, justify="left" if column in ("objects", "model") else "right")
    drawn: dict[str, dict[str, tuple[float, list[float]]]] = {kind: {} for kind in kinds}
    base: dict[str, float] = {}
    for kind in kinds:
        steps = {"cell": 1, "element": 4}[kind]
        own = [one[kind] for one in tests if kind in one]
        for name in ("online", "batch", "blended"):
            found = scores(own, name, given.skip * 24 * steps)
            each = [scores([one], name, given.skip * 24 * steps)["AP"] for one in own]
            drawn[kind][name], base[kind] = (found["AP"], each), found["base"]
            table.add_row(
                kind, name, f"{found['labels']:.0f}", f"{found['failures']:.0f}", f"{found['base']:.4f}",
                f"{found['AP']:.3f}", " ".join(f"{one:.3f}" for one in each), f"{found['log loss']:.4f}",
                f"{found['precision']:.2f}", f"{found['recall']:.2f}", f"{found['lead'] / steps:.1f}",
            )  # fmt: skip
    console.print(table)
    if given.plot:
        draw(drawn, base, given.plot)
    print(f"{perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
