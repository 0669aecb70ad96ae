"""The bucket of a unit: by its vectors, evenly, and independently of another salt's."""

import json
from math import sqrt
from pathlib import Path

import pytest

from stream.experiments.assignment import BUCKETS, bucket, contains, fmix32, fnv1a32

VECTORS = json.loads(Path(__file__).with_name("bucket_vectors.json").read_text(encoding="utf-8"))
UNITS = [f"visitor-{number}" for number in range(40_000)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        # http://www.isthe.com/chongo/tech/comp/fnv/ (test vectors of the authors)
        pytest.param(b"", 0x811C9DC5, id="nothing"),
        pytest.param(b"a", 0xE40C292C, id="a"),
        pytest.param(b"foobar", 0xBF9CF968, id="foobar"),
    ],
)
def test_fnv1a_is_that_of_its_authors(data: bytes, expected: int) -> None:
    assert fnv1a32(data) == expected


def test_the_finalizer_is_that_of_murmurhash3() -> None:
    # Of a key of no bytes MurmurHash3 is the finalizer of its seed: 0x514E28B7 for seed 1, 0x81F16F39 for 0xFFFFFFFF.
    assert (fmix32(0), fmix32(1), fmix32(0xFFFFFFFF)) == (0, 0x514E28B7, 0x81F16F39)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda each: f"{each['salt']}/{each['unit']!r:.30}")
def test_the_vectors_that_every_language_keeps(vector: dict[str, object]) -> None:
    assert bucket(str(vector["salt"]), str(vector["unit"])) == vector["bucket"]


def chi_square(counts: list[int]) -> float:
    expected = sum(counts) / len(counts)
    return sum((count - expected) ** 2 / expected for count in counts)


def highest(degrees: int) -> float:
    """A bound of chi-square that is passed once in a million times (Wilson and Hilferty)."""
    return degrees * (1 - 2 / (9 * degrees) + 4.75 * sqrt(2 / (9 * degrees))) ** 3


@pytest.mark.parametrize("salt", ["0123456789abcdef", "0123456789abcdee", "0000000000000000"])
def test_buckets_are_even(salt: str) -> None:
    counts = [0] * 100
    for unit in UNITS:
        counts[bucket(salt, unit) // 100] += 1
    assert chi_square(counts) < highest(99)


def test_buckets_of_two_salts_are_independent() -> None:
    counts = [0] * 100
    for unit in UNITS:
        counts[bucket("0123456789abcdef", unit) // 1_000 * 10 + bucket("0123456789abcdee", unit) // 1_000] += 1
    assert chi_square(counts) < highest(99)


def test_arms_have_their_shares() -> None:
    arms = [((0, 9_000),), ((9_000, 9_500), (9_800, BUCKETS))]
    found = [sum(contains(ranges, bucket("5eed5eed5eed5eed", unit)) for unit in UNITS) / len(UNITS) for ranges in arms]
    assert found == pytest.approx([0.9, 0.07], abs=0.008)
