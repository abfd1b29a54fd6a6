"""Units by source and counter: laws of the table, and that nothing outside it is guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.counters import CATALOGUE, STANDARD
from twin.errors import BadInput
from twin.source_units import MEANINGS, Meanings, sources

PAIRS = [(source, name) for source, table in MEANINGS.items() for name in table]
CAPACITY = (200_000.0, 100_000.0)


@pytest.mark.parametrize(("source", "name"), PAIRS)
def test_every_pair_ends_in_the_catalogue_and_can_be_converted(source: str, name: str) -> None:
    meanings = Meanings(source, prbs_per_s=CAPACITY)
    assert meanings.meaning(name).counter in CATALOGUE
    change = meanings.conversion(name, 60.0)
    assert change.scale > 0
    assert change(0.0) == 0.0


@given(pair=st.sampled_from(PAIRS), value=st.floats(0, 1e9), times=st.floats(1.5, 100))
def test_a_conversion_keeps_order_and_ratio(pair: tuple[str, str], value: float, times: float) -> None:
    change = Meanings(pair[0], prbs_per_s=CAPACITY).conversion(pair[1], 60.0)
    assert change(value) >= 0
    assert change(value * times) == pytest.approx(change(value) * times)


@given(source=st.sampled_from(sorted(MEANINGS)), name=st.text("abDRTU.0123Pdl", max_size=40))
def test_a_pair_that_is_not_in_the_table_is_refused(source: str, name: str) -> None:
    if name in MEANINGS[source]:
        return
    with pytest.raises(BadInput) as caught:
        Meanings(source, prbs_per_s=CAPACITY).conversion(name, 60.0)
    assert caught.value.reason == "unknown-unit"


@pytest.mark.parametrize("counter", [counter.name for counter in STANDARD if not counter.name.startswith("Sensor.")])
def test_the_standards_own_units_stay(counter: str) -> None:
    change = Meanings("3gpp").conversion(counter, 900.0)
    assert (change.scale, change.offset) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("source", "name", "sent", "kept"),
    [
        ("3gpp", "RRU.PrbTotDl", 70.0, 70.0),
        ("srsran", "RRU.PrbTotDl", 70.0, 70.0),
        ("oai", "RRU.PrbTotDl", 120_000.0, 60.0),  # of 200,000 in a second
        ("oai", "RRU.PrbTotUl", 25_000.0, 25.0),
        ("oai", "DRB.RlcSduDelayDl", 6_014.82, 60.1482),  # microseconds to 0.1 ms
        ("srsran", "DRB.RlcSduDelayDl", 60.1482, 60.1482),
        ("oai", "DRB.PdcpSduVolumeDL", 1_355_748.0, 1_355.748),
        ("viavi", "DRB.UEThpDl", 0.027, 27_000.0),
        ("oai", "DRB.UEThpDl", 27_000.0, 27_000.0),
        ("kpimon", "PDCPBytesDL", 2_000_000.0, 16.0),
        ("viavi", "RRC.ConnEstabAtt.mo-Data", 3.0, 3.0),
    ],
)
def test_one_name_means_what_its_source_means_by_it(source: str, name: str, sent: float, kept: float) -> None:
    assert Meanings(source, prbs_per_s=CAPACITY).conversion(name, 1.0)(sent) == pytest.approx(kept)


def test_prbs_of_a_period_are_no_share_until_their_number_is_said() -> None:
    with pytest.raises(BadInput, match="how many the carrier has"):
        Meanings("oai").conversion("RRU.PrbTotDl", 1.0)


def test_a_source_that_nobody_knows_is_refused() -> None:
    with pytest.raises(BadInput, match="no units are known of 'acme'"):
        Meanings("acme")
    assert sources()[0] == "3gpp"
