"""How a LoRaWAN network server writes frames down, and what their values are: a TOML file.

`lorawan_profiles/campusiot.toml` is a worked example with every kind of entry. Unknown keys are errors.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from stream.sources.sensor_fields import Field, Fields, TimeKind
from stream.sources.template import Template
from twin.counters import Catalogue
from twin.errors import ConfigurationError
from twin.units import conversion

LARGEST = 1 << 20
"""A profile [byte]."""

_SIZES = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4}


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class FrameSpec(_Strict, frozen=True, kw_only=True):
    """Where things stand in a frame, as paths.

    Attributes:
        device: The device's identifier.
        count: Its frame counter.
        time: When the network had it.
        values: An object with decoded values.
        payload, encoding: Its bytes, for frames whose values aren't decoded.
        gateways: A list of those who heard it; `gateway`, `rssi` [dBm] and `snr` [dB] are paths in each of them.
    """

    device: str
    count: str
    time: str
    time_kind: TimeKind = "epoch-ms"
    port: str = ""
    values: str = ""
    payload: str = ""
    encoding: Literal["base64", "hex"] = "base64"
    gateways: str = ""
    gateway: str = ""
    rssi: str = "rssi"
    snr: str = "snr"


class ValueSpec(_Strict, frozen=True, kw_only=True):
    """A number in a frame's bytes.

    Attributes:
        at: Offset behind the type's byte.
        type: Big-endian.
    """

    name: str
    type: Literal["u8", "i8", "u16", "i16", "u32", "i32"]
    at: int = 0
    scale: float = 1.0

    @property
    def end(self) -> int:
        """Offset behind it."""
        return self.at + _SIZES[self.type]


class TypeSpec(_Strict, frozen=True, kw_only=True):
    """A piece of a frame's bytes: one byte that says which, then `size` bytes."""

    id: int
    size: int
    values: list[ValueSpec] = []


class BytesSpec(_Strict, frozen=True, kw_only=True):
    """What the bytes of one port hold, piece by piece."""

    port: int
    types: list[TypeSpec]


class _File(_Strict, frozen=True, kw_only=True):
    element: str
    names: dict[str, str] = {}
    link: str = ""
    silence_s: float = 7200.0
    frame: FrameSpec
    fields: dict[str, Field]
    bytes: list[BytesSpec] = []


class LorawanProfile:
    """A profile, checked.

    Attributes:
        names: Device -> name of its sensor, for those that are listed.
        element: Template with {device}, for all others.
        link: Template with {gateway}, relative to the sensor; None: what a gateway heard is not kept.
        silence_s: A device that says nothing for longer was silent [s].
        frames: Total of a device's frames, where the catalogue knows it.
    """

    def __init__(self, spec: _File, catalogue: Catalogue) -> None:
        self.frame, self.names, self.silence_s = spec.frame, spec.names, spec.silence_s
        self.fields = Fields(spec.fields, catalogue)
        self.element = Template(spec.element, ["device"])
        self.link = Template(spec.link, ["gateway"], prefix="Sensor=x") if spec.link else None
        self.layouts: dict[int, dict[int, TypeSpec]] = {}
        for layout in spec.bytes:
            self.layouts[layout.port] = {piece.id: piece for piece in layout.types}
            for piece in layout.types:
                if not (0 <= piece.id <= 255 and 0 <= piece.size <= 64):
                    raise ConfigurationError(f"type {piece.id} of port {layout.port}: a byte, and 64 bytes at most")
                if any(value.at < 0 or value.end > piece.size for value in piece.values):
                    raise ConfigurationError(f"type {piece.id} of port {layout.port}: a value lies outside its bytes")
        conversion("dBm", catalogue.get("Sensor.RSSI").unit)


def load_lorawan(name: str, catalogue: Catalogue, folder: Path = Path()) -> LorawanProfile:
    """A profile that comes with the program, or a TOML file.

    Raises:
        ConfigurationError: It can't be read, or an entry is wrong.
    """
    try:
        if name.endswith(".toml"):
            text = (folder / name).read_bytes()[: LARGEST + 1].decode()
        elif name.isidentifier():
            text = (files("stream.sources.lorawan_profiles") / f"{name}.toml").read_text()
        else:
            raise ConfigurationError(f"LoRaWAN profile {name[:80]!r}: name a TOML file, or one that is built in")
        if len(text) > LARGEST:
            raise ConfigurationError(f"LoRaWAN profile {name!r} is longer than {LARGEST} bytes")
        spec = msgspec.convert(tomllib.loads(text), _File)
    except OSError as error:
        raise ConfigurationError(f"LoRaWAN profile {name!r} can't be read: {error.strerror}") from error
    except (ValueError, msgspec.ValidationError, RecursionError) as error:  # no TOML, no UTF-8, a number too long
        raise ConfigurationError(f"LoRaWAN profile {name!r}: {error}") from error
    return LorawanProfile(spec, catalogue)
