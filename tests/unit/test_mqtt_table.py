"""Which MQTT topic is what: filters fit as MQTT says, and a wrong table is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mqtt_stand import table

from stream.sources.mqtt_table import load_table
from tests.mqtt_tables import TABLE
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError


@pytest.mark.parametrize(
    ("filter_", "topic", "places"),
    [
        ("a/b", "a/b", []),
        ("a/b", "a/b/c", None),
        ("a/+", "a/b", ["b"]),
        ("a/+", "a/", [""]),
        ("a/+", "a", None),
        ("+/+/c", "a/b/c", ["a", "b"]),
        ("a/#", "a/b/c", []),
        ("a/#", "a", []),
        ("a/#", "ab", None),
        ("#", "a/b", []),
        ("#", "$SYS/uptime", None),
        ("+/uptime", "$SYS/uptime", None),
        ("$SYS/+", "$SYS/uptime", ["uptime"]),
        ("$share/g/a/+", "a/b", ["b"]),
        ("a.c/+", "abc/d", None),
        ("a/+/b", "a/\n/b", ["\n"]),
    ],
)
def test_filters_fit_as_mqtt_says(filter_: str, topic: str, places: list[str] | None) -> None:
    rule = table(f"[[topic]]\nfilter = {json.dumps(filter_)}\nformat = 'senml'").rules[0]
    assert rule.match(topic) == places


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"packs/+"', '"packs/+a"'),
        ('"packs/+"', '"packs/#/x"'),
        ('"packs/+"', '""'),
        ("{1}", "{2}"),
        ('format = "senml"', 'format = "xml"'),
        ("PEE.Energy", "PEE.Enrgy"),
        ('unit = "K"', 'unit = "bar"'),
        ("retained", "retaind"),
        ('element = "Sensor={1}"\n', ""),
        ('device = "ManagedElement={edge},Sensor={device}"\n', ""),
        ("spBv1.0/#", "spAv1.0/#"),
        ("[[topic]]", "[[topic"),
        ('filter = "bare"', "filter = " + "9" * 5000),
        ('format = "lorawan"', 'format = "lorawan"\nprofile = "a\\u0000.toml"'),
        ('format = "lorawan"', 'format = "lorawan"\nprofile = "nobody"'),
    ],
)
def test_a_wrong_table_is_refused_when_it_is_read(old: str, new: str) -> None:
    assert old in TABLE
    with pytest.raises(ConfigurationError):
        table(TABLE.replace(old, new, 1))


def test_a_table_is_a_file_of_limited_size(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_table(path, CATALOGUE)
    path.write_text(TABLE)
    assert load_table(path, CATALOGUE).filters[2] == "$share/twin/plant/+/+/state"
    path.write_text("#" * (2 << 20))
    with pytest.raises(ConfigurationError, match="bytes"):
        load_table(path, CATALOGUE)
