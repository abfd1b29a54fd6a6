"""One closed loop in-process: network -> log -> shard -> burst -> log, with a hidden truth that the twin can't see."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.config import ShardConfig
from stream.decode import BURST, to_ms
from stream.shard import Shard
from stream.sources.emulator.network import records
from stream.sources.emulator.scene_network import SceneNetwork
from stream.sources.emulator.scene_truth import WEAKEST_DBM
from stream.sources.profile import full_catalogue
from twin.events import Drift, TwinUpdate
from twin.log import LogRecord, Outlet
from twin.radio.burst import run_burst
from twin.radio.events import BurstRequest
from twin.radio.twin import RadioTwin

Floats = NDArray[np.float64]


@dataclass
class Happened:
    """What came out of a run.

    Attributes:
        errors: Of the twin against the truth, each period: median absolute error [dB], all cells `[num_cells]`.
        drifts: Radio drifts, by when they were told.
        others: Drifts of other kinds.
        asked: When bursts were asked for, and why.
        adopted: When maps were adopted or rolled back to, and what was found.
        refused: When, and why not.
        burst_s: Seconds each burst took on this machine.
        fidelity: When, context, score.
    """

    errors: list[Floats] = field(default_factory=list)
    drifts: list[Drift] = field(default_factory=list)
    others: list[Drift] = field(default_factory=list)
    asked: list[tuple[timedelta, str]] = field(default_factory=list)
    adopted: list[tuple[timedelta, str]] = field(default_factory=list)
    refused: list[tuple[timedelta, str]] = field(default_factory=list)
    burst_s: list[float] = field(default_factory=list)
    fidelity: list[tuple[timedelta, str, float]] = field(default_factory=list)


class Loop:
    """A shard beside a network; nobody touches either.

    Args:
        config: Of the shard.
    """

    def __init__(self, network: SceneNetwork, config: ShardConfig | None = None) -> None:
        self.network = network
        self.shard = Shard(0, config or ShardConfig(), full_catalogue([]))
        self.happened = Happened()
        self._offset = 0

    @property
    def now(self) -> timedelta:
        """Since the start of the network."""
        return self.network.time - self.network.start

    @property
    def twin(self) -> RadioTwin | None:
        """The only region's."""
        return next(iter(self.shard.radio.values()), None)

    def run(self, periods: int) -> None:
        """Go on for some periods."""
        for _ in range(periods):
            for record in records(self.network, 1, 1):
                self._apply(record)
            self.happened.errors.append(self.error())

    def _apply(self, record: LogRecord) -> None:
        effects = self.shard.apply([record._replace(offset=self._offset)])
        self._offset += 1
        for outlet in effects.outlets:
            self._hear(outlet, record.time)

    def _hear(self, outlet: Outlet, recorded: int) -> None:
        happened = self.happened
        if outlet.kind == "bursts":
            request = msgspec.json.decode(outlet.value, type=BurstRequest)
            happened.asked.append((self.now, request.reason))
            begin = time.perf_counter()
            result = run_burst(request, lambda *_: None)
            happened.burst_s.append(time.perf_counter() - begin)
            # What a burst worker would write into the log.
            value = msgspec.json.encode(result)
            self._apply(LogRecord(0, 0, request.region, recorded, BURST, value))
        elif outlet.kind == "drift":
            drift = msgspec.json.decode(outlet.value, type=Drift)
            (happened.drifts if drift.kind == "radio" else happened.others).append(drift)
        elif outlet.kind == "updates":
            update = msgspec.json.decode(outlet.value, type=TwinUpdate)
            if update.change == "calibrated":
                happened.adopted.append((self.now, str(update.detail["finding"])))
            elif update.change == "burst":
                happened.refused.append((self.now, str(update.detail["refused"])))
        elif outlet.kind == "fidelity":
            body = msgspec.json.decode(outlet.value)
            if body.get("context"):
                happened.fidelity.append((self.now, body["context"], body["score"]))

    def error(self) -> Floats:
        """Median absolute error of what the twin expects, against the truth where anything is heard [dB], by cell."""
        truth = self.network.truth
        twin = self.twin
        if twin is None:
            return np.full(len(truth.cells), np.nan)
        true = truth.rsrp(self.now - timedelta(seconds=self.network.granularity_s / 2))
        off = np.abs(twin.expect(truth.places).mean - true)
        heard = true > WEAKEST_DBM
        return np.array([np.median(off[heard[:, k], k]) if heard[:, k].any() else np.nan for k in range(off.shape[1])])


def since_start(network: SceneNetwork, drift: Drift) -> timedelta:
    """When a drift was told, since the start of the network."""
    return timedelta(milliseconds=to_ms(drift.time) - to_ms(network.start))
