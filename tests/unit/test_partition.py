"""The partitioner agrees with Kafka's, and a region stays together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.partition import murmur2, partition_of


@given(st.binary(max_size=70))
def test_murmur2_agrees_with_the_kafka_client(data: bytes) -> None:
    from aiokafka.partitioner import murmur2 as reference

    assert murmur2(data) & 0x7FFFFFFF == reference(data) & 0x7FFFFFFF


@given(st.text(max_size=20), st.integers(1, 64))
def test_whole_region_shares_one_partition(name: str, num_partitions: int) -> None:
    first = partition_of("SubNetwork=a,SubNetwork=b,ManagedElement=1", num_partitions)
    assert 0 <= first < num_partitions
    assert partition_of(f"SubNetwork=a,SubNetwork=b,ManagedElement={name}", num_partitions) == first


def test_partition_is_that_of_kafka_for_the_region_as_key() -> None:
    from aiokafka.partitioner import DefaultPartitioner

    for i in range(200):
        key = f"ManagedElement=gnb-{i}"
        assert partition_of(key, 7) == DefaultPartitioner()(key.encode(), list(range(7)), [])


def test_elements_without_a_region_spread_over_partitions() -> None:
    assert {partition_of(f"ManagedElement=gnb-{i}", 8) for i in range(200)} == set(range(8))
