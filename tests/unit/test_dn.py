"""Distinguished names: what is one, and what its parts say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import names as distinguished

from twin import dn
from twin.errors import BadInput

CELL = "SubNetwork=1,SubNetwork=north,ManagedElement=gnb-17,GNBDUFunction=1,NRCellDU=2"


@given(distinguished)
def test_accepts_every_name_of_at_most_sixteen_parts(name: str) -> None:
    assert dn.check(name) == name


@given(distinguished)
def test_what_is_above_a_name_is_a_name_and_its_region_too(name: str) -> None:
    assert dn.check(dn.region(name))
    assert name == dn.region(name) or name.startswith(dn.region(name) + ",")
    assert dn.region(dn.region(name)) == dn.region(name)
    parents = 0
    while name := dn.parent(name):
        assert dn.check(name) == name
        parents += 1
    assert parents < 16


@given(distinguished)
def test_a_name_is_its_parent_and_its_last_part(name: str) -> None:
    superior = dn.parent(name)
    last = name[len(superior) + 1 :] if superior else name
    assert dn.join(superior, last) == name or not superior
    assert dn.object_class(name) == last.partition("=")[0]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "gnb-17",
        "=1",
        "NRCellDU=",
        "1Cell=1",
        "NRCellDU=1,",
        ",NRCellDU=1",
        "NRCellDU=1,,NRCellDU=2",
        "NRCellDU=a=b",
        "NRCellDU=a\nb",
        "NRCellDU=1\n",
        "NRCellDU=a\x00",
        "NRCellDU=" + "x" * 129,
        ",".join(["SubNetwork=1"] * 17),
    ],
)
def test_refuses_what_is_no_name_and_says_so(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        dn.check(name)
    assert refused.value.reason == "bad-name"
    assert "is not a distinguished name" in refused.value.detail


def test_the_message_about_a_huge_name_stays_short() -> None:
    with pytest.raises(BadInput) as refused:
        dn.check("x" * 1_000_000)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("name", "region"),
    [
        (CELL, "SubNetwork=1,SubNetwork=north"),
        ("SubNetwork=1", "SubNetwork=1"),
        ("ManagedElement=gnb-17,NRCellDU=2", "ManagedElement=gnb-17"),
        ("ManagedElement=gnb-17,SubNetwork=1", "ManagedElement=gnb-17"),
    ],
)
def test_the_region_is_the_leading_subnetworks_or_else_the_element(name: str, region: str) -> None:
    assert dn.region(name) == region


@given(st.lists(st.sampled_from(["SubNetwork=1", "SubNetwork=2"]), max_size=3), distinguished)
def test_everything_of_an_element_is_in_its_region(subnetworks: list[str], relative: str) -> None:
    element = ",".join([*subnetworks, "ManagedElement=1"])
    assert dn.region(dn.join(element, relative)) == dn.region(element)


def test_parts() -> None:
    assert dn.object_class(CELL) == "NRCellDU"
    assert dn.parent(CELL) == CELL.removesuffix(",NRCellDU=2")
    assert dn.parent("SubNetwork=1") == ""
    assert dn.join("ManagedElement=1", "") == "ManagedElement=1"
    assert dn.join("ManagedElement=1", "NRCellDU=2") == "ManagedElement=1,NRCellDU=2"
