"""Which partition a key belongs to: murmur2, as Kafka's own default partitioner has it, so that all clients agree."""

import struct
from functools import lru_cache

_MASK = 0xFFFFFFFF
_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash of Kafka's Java client, unsigned."""
    whole = len(data) & ~3
    mixed = _SEED ^ len(data)
    for word in struct.unpack_from(f"<{whole >> 2}I", data):
        scrambled = word * _MULTIPLIER & _MASK
        scrambled = (scrambled ^ scrambled >> 24) * _MULTIPLIER & _MASK
        mixed = mixed * _MULTIPLIER & _MASK ^ scrambled
    if whole != len(data):
        mixed = (mixed ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    mixed = (mixed ^ mixed >> 13) * _MULTIPLIER & _MASK
    return mixed ^ mixed >> 15


@lru_cache(32_768)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key, from 0 to partitions - 1; a session's events share one, so it is remembered."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
