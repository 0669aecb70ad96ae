"""Ranges of buckets: what is free, and arms that grow and never shrink."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.experiments.assignment import BUCKETS, BucketRange
from stream.experiments.ranges import RangeError, are_disjoint, covers, free, grown, joined, size


@pytest.mark.parametrize(
    ("arms", "sizes", "others", "expected"),
    [
        pytest.param([(), ()], [5_000, 5_000], [], [((0, 5_000),), ((5_000, 10_000),)], id="in the order of the arms"),
        pytest.param([()], [100], [(0, 50), (60, 9_000)], [((50, 60), (9_000, 9_090))], id="the lowest that are free"),
        pytest.param(
            [((0, 10),), ((10, 20),)], [30, 10], [], [((0, 10), (20, 40)), ((10, 20),)], id="an arm keeps its own"
        ),
        pytest.param([((0, 10),)], [10], [], [((0, 10),)], id="nothing is asked for"),
    ],
)
def test_arms_grow(
    arms: list[tuple[BucketRange, ...]],
    sizes: list[int],
    others: list[BucketRange],
    expected: list[tuple[BucketRange, ...]],
) -> None:
    assert grown(arms, sizes, others) == expected


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        pytest.param([4_999, 4_600], "an arm never shrinks", id="less"),
        pytest.param([5_000, 5_100], "5 % more and 4 % of the layer are free", id="more than there is"),
    ],
)
def test_arms_that_cannot_grow_so_far(sizes: list[int], message: str) -> None:
    with pytest.raises(RangeError, match=message):
        grown([((0, 5_000),), ((5_000, 9_600),)], sizes, [])


steps = st.lists(st.lists(st.integers(0, 2_500), min_size=3, max_size=3), min_size=1, max_size=6)


@given(steps, st.integers(0, 3_000), st.integers(0, 3_000))
def test_whatever_grows_is_disjoint_and_keeps_what_it_has(wanted: list[list[int]], first: int, length: int) -> None:
    others = [(first, first + length)] if length else []
    arms: list[tuple[BucketRange, ...]] = [(), (), ()]
    for added in wanted:
        sizes = [size(arm) + more for arm, more in zip(arms, added, strict=True)]
        if sum(sizes) + length > BUCKETS:
            with pytest.raises(RangeError):
                grown(arms, sizes, others)
            return
        now = grown(arms, sizes, others)
        assert [size(arm) for arm in now] == sizes
        assert all(covers(arm, before) for arm, before in zip(now, arms, strict=True))
        assert are_disjoint([*others, *(each for arm in now for each in arm)])
        arms = now


def test_what_is_free_and_what_is_no_range() -> None:
    assert free([(10, 20), (0, 5)]) == [(5, 10), (20, BUCKETS)]
    assert free([(0, BUCKETS)]) == []
    assert joined([(5, 9), (0, 5), (20, 21)]) == ((0, 9), (20, 21))
    assert not are_disjoint([(0, 5), (4, 6)])
    assert not are_disjoint([(5, 5)])
    assert not are_disjoint([(9_999, BUCKETS + 1)])
