"""Which MQTT topics carry what, and whose it is: a TOML file.

    [[topic]]
    filter = "plant/+/air"             # as one subscribes; $share/GROUP/ may stand before it
    format = "json"                    # or senml, lorawan, sparkplug
    element = "ManagedElement=plant,Sensor={1}"   # {1}: what the first + stands for
    [topic.fields."temperature"]
    counter = "PEE.AvgTemperature"
    unit = "Cel"

Unknown keys are errors. The first topic that fits is taken.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Literal

import msgspec

from stream.sources.lorawan_profile import LorawanProfile, load_lorawan
from stream.sources.sensor_fields import Field, Fields, TimeKind
from stream.sources.template import Template
from twin.counters import Catalogue
from twin.errors import ConfigurationError

MOST_TOPICS = 256
LARGEST_TABLE = 1 << 20
"""The file [byte]."""

_SHARED = re.compile(r"\$share/[^/+#]+/(.+)")


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry as it is written.

    Attributes:
        element: Name of the sensor, or, for SenML, of the element whose sensors they are; Sparkplug's places are
            {group}, {edge} and {device}, LoRaWAN has its own in the profile.
        device: For Sparkplug, name of a device; `element` names the edge node.
        time, time_kind: For JSON, where the time stands; none: when it came.
        fields: For JSON by path, for Sparkplug by the metric's name.
        retained: Take what the broker kept from before, too: only where it says itself from when it is.
        profile: For LoRaWAN.
        rebirth: For Sparkplug, ask an edge node for its birth where messages are missing; else that is only noted.
    """

    filter: str
    format: Literal["senml", "json", "lorawan", "sparkplug"]
    element: str = ""
    device: str = ""
    time: str = ""
    time_kind: TimeKind = "epoch-ms"
    fields: dict[str, Field] = {}
    retained: bool = False
    profile: str = ""
    rebirth: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    topic: list[TopicSpec]


class Rule:
    """One entry, ready to be used.

    Attributes:
        fields: None where the format has none.
        lorawan: Its profile.
        element, device: Templates; None where the format needs none.
    """

    def __init__(self, spec: TopicSpec, catalogue: Catalogue, folder: Path) -> None:
        self.spec = spec
        self._pattern, places = _compile(spec.filter)
        if spec.format == "sparkplug":
            places = ["group", "edge", "device"]
        self.element = Template(spec.element, places) if spec.element else None
        self.device = Template(spec.device, places) if spec.device else None
        self.fields = Fields(spec.fields, catalogue) if spec.fields else None
        self.lorawan: LorawanProfile | None = None
        if spec.format in ("json", "sparkplug") and (self.fields is None or self.element is None):
            raise ConfigurationError(f"topic {spec.filter!r}: {spec.format} needs an element and fields")
        if spec.format == "sparkplug" and (self.device is None or not _inner(spec.filter).startswith("spBv1.0/")):
            raise ConfigurationError(f"topic {spec.filter!r}: sparkplug needs a device and a filter spBv1.0/...")
        if spec.format == "lorawan":
            self.lorawan = load_lorawan(spec.profile or "campusiot", catalogue, folder)

    def match(self, topic: str) -> list[str] | None:
        """What the filter's `+` stand for in a topic; None where it doesn't fit."""
        found = self._pattern.fullmatch(topic)
        return None if found is None else list(found.groups())


class Table:
    """All entries; raises ConfigurationError where one is wrong.

    Args:
        folder: Where files that it names lie.
    """

    def __init__(self, text: str, catalogue: Catalogue, folder: Path) -> None:
        try:
            specs = msgspec.convert(tomllib.loads(text), _File).topic
        except (ValueError, msgspec.ValidationError, RecursionError) as error:  # tomllib's own, and a number too long
            raise ConfigurationError(f"the table of MQTT topics: {error}") from error
        if not 1 <= len(specs) <= MOST_TOPICS:
            raise ConfigurationError(f"the table of MQTT topics has {len(specs)} entries; 1 to {MOST_TOPICS} are read")
        self.rules = [Rule(spec, catalogue, folder) for spec in specs]

    def find(self, topic: str) -> tuple[Rule, list[str]] | None:
        """The first entry that fits, and what its `+` stand for."""
        for rule in self.rules:
            if (places := rule.match(topic)) is not None:
                return rule, places
        return None

    @property
    def filters(self) -> list[str]:
        """What to subscribe to, each once."""
        return list(dict.fromkeys(rule.spec.filter for rule in self.rules))


def load_table(path: Path, catalogue: Catalogue) -> Table:
    """Read the file.

    Raises:
        ConfigurationError: It can't be read, or an entry is wrong.
    """
    try:
        data = path.read_bytes()
        if len(data) > LARGEST_TABLE:
            raise ConfigurationError(f"{path} has {len(data)} bytes; a table of topics has {LARGEST_TABLE} at most")
        text = data.decode()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not text in UTF-8") from error
    return Table(text, catalogue, path.parent)


def _inner(filter_: str) -> str:
    shared = _SHARED.fullmatch(filter_)
    return shared[1] if shared else filter_


def _compile(filter_: str) -> tuple[re.Pattern[str], list[str]]:
    """A filter as a pattern with one group for every `+`, and the names of the places: 1, 2 and so on.

    Source: MQTT 5.0 4.7 (wildcards; what begins with $ is not met by a wildcard).
    """
    levels = _inner(filter_).split("/")
    parts: list[str] = []
    for number, level in enumerate(levels):
        last = number == len(levels) - 1
        if level == "#" and last:
            parts.append(".*" if number == 0 else "(?:/.*)?")
            break
        if level == "+":
            parts.append(("/" if number else "") + "([^/]*)")
        elif "+" in level or "#" in level or (not level and len(levels) == 1):
            raise ConfigurationError(f"{filter_!r} is no topic filter: + and # stand for whole levels, # at the end")
        else:
            parts.append(("/" if number else "") + re.escape(level))
    guard = "" if levels[0].startswith("$") else r"(?!\$)"
    return re.compile(guard + "".join(parts), re.DOTALL), [str(n + 1) for n in range(levels.count("+"))]
