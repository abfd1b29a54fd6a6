"""The catalogue: names, limits, vendor counters, units."""

from __future__ import annotations

import numpy as np
import pytest

from twin.counters import CATALOGUE, STANDARD, Counter
from twin.errors import BadInput, ConfigurationError
from twin.units import conversion


def test_names_are_unique_and_ranges_are_ranges() -> None:
    assert len({counter.name for counter in STANDARD}) == len(STANDARD)
    assert all(counter.low < counter.high for counter in STANDARD)


def test_what_the_twin_expects() -> None:
    tracked = {counter.name for counter in CATALOGUE if counter.tracked}
    assert {"RRU.PrbTotDl", "PEE.AvgPower", "PEE.AvgTemperature", "Sensor.Vibration"} <= tracked
    assert "RRC.ConnEstabAtt" not in tracked
    assert CATALOGUE.tracked("RRU.PrbTotDl")
    assert not CATALOGUE.tracked("RRU.PrbTotDl.01")


def test_limits_come_as_read_only_vectors() -> None:
    names = ("RRU.PrbTotDl", "PEE.AvgTemperature")
    np.testing.assert_array_equal(CATALOGUE.low(names), [0, -60])
    np.testing.assert_array_equal(CATALOGUE.high(names), [100, 150])
    with pytest.raises(ValueError):
        CATALOGUE.low(names)[0] = 1


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("DRB.AirIfDelayDl.01", "0.1 ms"),
        ("RRU.PrbTotDlDist.Bin3", "1"),
        ("RRU.PrbTotDl.7", "%"),
        ("CARR.PDSCHMCSDist.BinTable1.BinMCS05", "1"),
        ("RRC.ConnEstabAtt.mo-Data", "1"),
        ("RRC.ConnEstabFailCause.NetworkReject", "1"),
    ],
)
def test_sub_counters_inherit(name: str, unit: str) -> None:
    counter = CATALOGUE.get(name)
    assert (counter.name, counter.unit, counter.tracked) == (name, unit, False)


@pytest.mark.parametrize(
    "name",
    ["", "RRU", "RRU.", "RRU.PrbTotDl.", "RRU.PrbTotDl.mo-Data", "RRU.Nonsense", "rru.prbtotdl", "X.Y", "RRU..01"],
)
def test_unknown_names_are_refused(name: str) -> None:
    assert name not in CATALOGUE
    with pytest.raises(BadInput, match="unknown-counter"):
        CATALOGUE.low((name,))


def test_vendor_counters_need_a_prefix_of_their_own() -> None:
    mode = Counter("ITU.ESMode1", "1", 0, 1)
    larger = CATALOGUE.declare(mode)
    assert larger.get("ITU.ESMode1") == mode
    assert "ITU.ESMode1" not in CATALOGUE
    assert list(larger.declare(mode)) == list(larger)
    for name in ("ESMode1", "RRU.Mine", "itu.x", "ITU.", "ITU.a b"):
        with pytest.raises(ConfigurationError, match="prefix"):
            CATALOGUE.declare(Counter(name, "1", 0, 1))
    with pytest.raises(ConfigurationError, match="differently"):
        larger.declare(mode._replace(high=2))
    with pytest.raises(ConfigurationError, match="not below"):
        CATALOGUE.declare(Counter("A.b", "1", 1, 1))


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("RRU.PrbTotDl", 0.25, "fraction", 25),
        ("PEE.Voltage", 48_000, "mV", 48),
        ("PEE.AvgTemperature", 300, "K", 26.85),
        ("PEE.Humidity", 40, "%RH", 40),
        ("DRB.AirIfDelayDl", 1500, "us", 15),
        ("PEE.Energy", 3.6e6, "J", 1),
        ("DRB.UEThpDl", 2, "Mbit/s", 2000),
        ("DRB.PdcpSduVolumeDL", 1, "MB", 8),
    ],
)
def test_units_are_normalised(name: str, value: float, unit: str, expected: float) -> None:
    assert CATALOGUE.convert(name, value, unit) == pytest.approx(expected)


def test_unknown_pair_of_units_is_refused() -> None:
    with pytest.raises(BadInput, match="unknown-unit"):
        CATALOGUE.convert("RRU.PrbTotDl", 1, "PRB")
    assert conversion("furlong", "furlong")(3) == 3


def test_every_standard_unit_converts_to_itself() -> None:
    assert all(CATALOGUE.convert(counter.name, 7.5, counter.unit) == 7.5 for counter in STANDARD)
