"""Soundings: what receivers at some places of a scene report, with their noise and their errors of place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import to_ms
from stream.sources.emulator.messages import Item
from stream.sources.emulator.plan import SECTORS, SOURCE, Plan
from stream.sources.emulator.scene_truth import WEAKEST_DBM, SceneTruth
from twin.radio.events import Sounding

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Complex = NDArray[np.complex128]


class Receivers(NamedTuple):
    """What receivers are like.

    Attributes:
        users: That report, each period.
        noise_db: Standard deviation of a reported power [dB]: the receiver's calibration and fading left over.
        snr_db: Signal to noise of what is measured [dB].
        gps_m: Standard deviation of a reported position, east and north [m].
        offsets: Of subcarriers from the carrier [Hz]; empty: powers only.
    """

    users: int = 40
    noise_db: float = 1.0
    snr_db: float = 20.0
    gps_m: float = 0.5
    offsets: tuple[float, ...] = ()

    @property
    def sigma_db(self) -> float:
        """Standard deviation of a reported power around the true one [dB], to first order of the noise."""
        of_noise = 10 / np.log(10) * np.sqrt(2 * 10 ** (-self.snr_db / 10))
        return float(np.hypot(self.noise_db, of_noise))


class Sounder:
    """Makes the soundings of a network."""

    def __init__(self, seed: int, plan: Plan, truth: SceneTruth, receivers: Receivers) -> None:
        self._seed, self._plan, self._truth, self._receivers = seed, plan, truth, receivers
        self._names = [cell.dn for cell in truth.cells]

    def step(self, step: int, end: datetime, now: timedelta, at: Ints, server: Ints) -> list[Item]:
        """One message an element that serves somebody.

        Args:
            now: When it is measured, since the start of the network.
            at: Place of each user, `[num_users]`; the first report.
            server: Cell that serves each, `[num_users]`.
        """
        if not self._receivers.users:
            return []
        rng = np.random.default_rng((self._seed, 23, step))
        at, site = at[: self._receivers.users], server[: self._receivers.users] // SECTORS
        true = self._truth.rsrp(now)[at]
        measured = self._measured(true, rng)
        places = self._truth.places[at].copy()
        places[:, :2] += self._receivers.gps_m * rng.standard_normal((len(at), 2))
        items = []
        for number in range(self._plan.num_sites):
            own = np.flatnonzero((site == number) & (measured > WEAKEST_DBM).any(axis=1))
            if own.size:
                element = self._plan.element(number)
                event = self._event(element, end, places[own], measured[own])
                event = self._with_channels(event, step, number, now, at[own], true[own])
                items.append(Item("sounding", element, to_ms(end), msgspec.json.encode(event)))
        return items

    def _measured(self, true: Floats, rng: np.random.Generator) -> Floats:
        """Powers with noise [dBm]: of the receiver, and of the signal `|1 + n|^2`."""
        noise = rng.standard_normal((3, *true.shape))
        part = noise[1:] * np.sqrt(10 ** (-self._receivers.snr_db / 10) / 2)
        beside = 10 * np.log10((1 + part[0]) ** 2 + part[1] ** 2)
        return np.asarray(np.round(true + self._receivers.noise_db * noise[0] + beside, 2))

    def _event(self, element: str, end: datetime, places: Floats, measured: Floats) -> Sounding:
        rows = [[x if x > WEAKEST_DBM else None for x in row] for row in measured.tolist()]
        return Sounding(
            id=f"sounding/{element}/{to_ms(end)}",
            time=end,
            element=element,
            positions=[(x, y, z) for x, y, z in np.round(places, 2).tolist()],
            cells=self._names,
            rsrp=rows,
            source=SOURCE,
        )

    def _with_channels(
        self, event: Sounding, step: int, number: int, now: timedelta, at: Ints, true: Floats
    ) -> Sounding:
        """The responses, if wanted; the noise is the same for all: `snr_db` below the median of the strongest cells."""
        offsets: Sequence[float] = self._receivers.offsets
        if not offsets:
            return event
        rng = np.random.default_rng((self._seed, 26, step, number))
        noise = float(10 ** ((np.median(true.max(axis=1)) - self._receivers.snr_db) / 10))
        clean = self._truth.channels(at, now, offsets)
        part = rng.standard_normal((*clean.shape, 2)) * np.sqrt(noise / 2)
        noisy = np.stack([clean.real, clean.imag], axis=-1) + part
        rows: list[list[list[tuple[float, float]] | None]] = [
            [None if power is None else channel for power, channel in zip(powers, channels, strict=True)]
            for powers, channels in zip(event.rsrp, noisy.tolist(), strict=True)
        ]
        return msgspec.structs.replace(event, offsets=list(offsets), response=rows, noise=noise)
