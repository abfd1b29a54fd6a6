"""Frames of LoRaWAN sensors, one JSON object each -> reports: what the sensor measured, and how the network heard it.

A frame counter says what was lost on the way. The same counter again is the same frame, told late by other gateways or
sent twice: no new measurement of the sensor, only of the way to those gateways. A smaller one is a device that has
joined again; a gap are frames that nobody heard.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from stream.sources.lorawan_bytes import take_apart
from stream.sources.lorawan_profile import LorawanProfile
from stream.sources.sensor_fields import decode_tree, moment, pick
from twin import dn
from twin.errors import BadInput
from twin.events import Report

MOST_DEVICES = 100_000
"""Whose last frame is remembered."""

MOST_GATEWAYS = 32
"""Of one frame."""

FRAMES, RSSI, SNR, HEARD = "Sensor.Frames", "Sensor.RSSI", "Sensor.SNR", "Sensor.Gateways"


class Frames:
    """Reads frames in their order.

    Args:
        source: What reports say of where they are from.
        notes: Is told what was left out or is missing.

    Attributes:
        longest: The longest silence of each device [s].
    """

    def __init__(self, profile: LorawanProfile, source: str, notes: Counter[str]) -> None:
        self._profile, self._source, self.notes = profile, source, notes
        self._last: dict[str, tuple[int, datetime]] = {}
        self.longest: dict[str, float] = {}

    def read(self, line: bytes) -> Iterator[Report]:
        """The reports of one frame: the sensor's own, then one a gateway that heard it.

        Raises:
            BadInput: malformed; wrong-type, it lacks what a frame needs; bad-period; out-of-range.
        """
        frame, spec = decode_tree(line), self._profile.frame
        device, count = pick(frame, spec.device), pick(frame, spec.count)
        if not isinstance(device, str) or not device:
            raise BadInput("wrong-type", f"a frame without a device at {spec.device!r}")
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 2**32:
            raise BadInput("wrong-type", f"a frame whose counter at {spec.count!r} is {str(count)[:40]!r}")
        at = moment(pick(frame, spec.time), spec.time_kind)
        name = self._profile.names.get(device) or self._profile.element.make([device])
        values = self._values(frame)
        heard = self._heard(frame)
        if self._follow(device, count, at):
            known = {**values, FRAMES: float(count), **_best(heard)}
            if all(value is None for value in values.values()):
                self.notes["frames without values"] += 1
            # A frame counter is a running total, too: its steps are the frames that were sent.
            yield self._profile.fields.report(name, at, known, self._source, totals=[FRAMES])
        if self._profile.link is not None:
            for gateway in sorted(heard):
                link = self._profile.link.make([gateway])
                rssi, snr = heard[gateway]
                yield Report(
                    element=dn.join(name, link),
                    begin=at,
                    end=at,
                    objects=[""],
                    counters=[RSSI, SNR],
                    values=[[rssi, snr]],
                    source=self._source,
                )

    def _follow(self, device: str, count: int, at: datetime) -> bool:
        """Note what a frame's counter says; False: it has been here before."""
        self.notes["frames"] += 1
        before = self._last.get(device)
        if before is None:
            if len(self._last) >= MOST_DEVICES:
                self._last.clear()
            self._last[device] = (count, at)
            self.longest.setdefault(device, 0.0)
            return True
        last, since = before
        quiet = (at - since).total_seconds()
        self.longest[device] = max(self.longest[device], quiet)
        if quiet > self._profile.silence_s:
            self.notes["silences"] += 1
        self._last[device] = (count, max(at, since))
        if count == last:
            self.notes["frames repeated"] += 1
            return False
        if count < last:
            self.notes["counter resets"] += 1
        elif count > last + 1:
            self.notes["frames missing"] += count - last - 1
            self.notes["jumps"] += 1
        return True

    def _values(self, frame: object) -> dict[str, float | None]:
        """What was decoded; else what the bytes hold."""
        fields, spec = self._profile.fields, self._profile.frame
        found: Any = pick(frame, spec.values) if spec.values else None
        if not isinstance(found, dict):
            found = self._decoded(frame)
        values: dict[str, float | None] = {}
        for name in fields:
            if name in found:
                fields.take(values, name, found[name])
        return values

    def _decoded(self, frame: object) -> dict[str, float]:
        spec = self._profile.frame
        text, port = pick(frame, spec.payload) if spec.payload else None, pick(frame, spec.port) if spec.port else None
        layout = self._profile.layouts.get(port) if isinstance(port, int) else None
        if not isinstance(text, str) or layout is None:
            return {}
        try:
            data = bytes.fromhex(text) if spec.encoding == "hex" else base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadInput("wrong-type", f"a payload that is not {spec.encoding}") from error
        found, known = take_apart(data, layout)
        self.notes["frames decoded from bytes"] += 1
        if not known:
            self.notes["frames with bytes of an unknown type"] += 1
        return found

    def _heard(self, frame: object) -> dict[str, tuple[float | None, float | None]]:
        """RSSI and SNR by gateway."""
        spec = self._profile.frame
        found = pick(frame, spec.gateways) if spec.gateways else None
        if not isinstance(found, list):
            return {}
        if len(found) > MOST_GATEWAYS:
            raise BadInput("too-many", f"{len(found)} gateways heard one frame; {MOST_GATEWAYS} are read")
        heard: dict[str, tuple[float | None, float | None]] = {}
        for one in found:
            name = pick(one, spec.gateway) if spec.gateway else ""
            if isinstance(name, str) and name:
                heard[name] = (_number(pick(one, spec.rssi)), _number(pick(one, spec.snr)))
        return heard


def _number(value: object) -> float | None:
    number = float(value) if isinstance(value, int | float) and abs(value) < 1000 else None
    return None if number is None or number != number else number


def _best(heard: dict[str, tuple[float | None, float | None]]) -> dict[str, float | None]:
    """Of all gateways: the strongest, the clearest, and how many."""
    rssi = [one for one, _ in heard.values() if one is not None]
    snr = [one for _, one in heard.values() if one is not None]
    return {RSSI: max(rssi, default=None), SNR: max(snr, default=None), HEARD: float(len(heard))}
