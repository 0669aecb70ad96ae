"""Which bucket a unit falls into: the one function that decides arms and hold-outs, the same in every language.

    bucket(salt, unit) = (fmix32(fnv1a32(utf8(salt + "\n" + unit))) * 10,000) >> 32

FNV-1a with 32 bits (Fowler, Noll, Vo; offset basis 0x811C9DC5, prime 0x01000193), then the finalizer of 32-bit
MurmurHash3 (Appleby), which spreads what FNV leaves close together. All numbers are unsigned 32-bit integers. Vectors:
tests/stream/experiments/bucket_vectors.json.
"""

from collections.abc import Iterable
from functools import lru_cache

#: Buckets of a layer: a bucket is a hundredth of a percent.
BUCKETS = 10_000
#: Buckets from the first to before the second.
BucketRange = tuple[int, int]

_WORD = 0xFFFF_FFFF
_FNV_BASIS, _FNV_PRIME = 0x811C_9DC5, 0x0100_0193


def bucket(salt: str, unit: str) -> int:
    """The bucket of a unit (a visitor's or session's id), 0 to BUCKETS - 1."""
    return fmix32(fnv1a32(unit.encode(), _salted(salt))) * BUCKETS >> 32


@lru_cache(1_024)
def _salted(salt: str) -> int:
    """The state after the salt, half of the bytes, which all units of a layer share."""
    return fnv1a32(f"{salt}\n".encode())


def fnv1a32(data: bytes, state: int = _FNV_BASIS) -> int:
    """FNV-1a of the data; `state` is that of what stands before it."""
    for byte in data:
        state = (state ^ byte) * _FNV_PRIME & _WORD
    return state


def fmix32(state: int) -> int:
    state ^= state >> 16
    state = state * 0x85EB_CA6B & _WORD
    state ^= state >> 13
    state = state * 0xC2B2_AE35 & _WORD
    return state ^ state >> 16


def contains(ranges: Iterable[BucketRange], place: int) -> bool:
    """Whether the bucket lies in one of the ranges."""
    return any(first <= place < end for first, end in ranges)
