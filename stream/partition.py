"""Which partition an element's events belong to: Kafka's default partitioner over the element's region.

Any producer that sends the region as its key, in whatever language, comes to the same partition.

Source: MurmurHash2 by Austin Appleby (public domain), as Kafka's Java client uses it (seed 0x9747b28c).
"""

from __future__ import annotations

from functools import lru_cache

from twin import dn

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """32-bit MurmurHash2 of `data`, unsigned."""
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        k = (k ^ (k >> 24)) * _M & _MASK
        h = (h * _M & _MASK) ^ k
    if whole < len(data):
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65536)
def partition_of(element_dn: str, num_partitions: int) -> int:
    """Partition of an element's events, 0 to `num_partitions - 1`; elements of one region share it."""
    return (murmur2(dn.region(element_dn).encode()) & 0x7FFFFFFF) % num_partitions
