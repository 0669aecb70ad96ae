"""Where the writer is, whatever the client says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.kafka.positions import Accept, ReadPositions, SeekBack


@pytest.fixture
def progress() -> ReadPositions[str]:
    made: ReadPositions[str] = ReadPositions()
    made.start("p0", 10)
    return made


def test_a_batch_that_follows_is_taken(progress: ReadPositions[str]) -> None:
    assert progress.accept("p0", 10, 12) == Accept()
    assert progress.accept("p0", 13, 13) == Accept()
    assert progress.next("p0") == 14


def test_a_batch_that_skips_records_is_read_again(progress: ReadPositions[str]) -> None:
    assert progress.accept("p0", 12, 15) == SeekBack(10)
    assert progress.accept("p0", 10, 15) == Accept()


def test_a_hole_that_is_there_twice_is_in_the_log(progress: ReadPositions[str]) -> None:
    assert progress.accept("p0", 12, 15) == SeekBack(10)
    assert progress.accept("p0", 12, 15) == Accept(gap=2)
    assert progress.accept("p0", 18, 19) == SeekBack(16)


def test_a_batch_from_before_is_taken_and_moves_nothing_back(progress: ReadPositions[str]) -> None:
    progress.accept("p0", 10, 20)
    assert progress.accept("p0", 3, 8) == Accept()
    assert progress.next("p0") == 21


def test_a_forgotten_partition_starts_anew(progress: ReadPositions[str]) -> None:
    progress.forget("p0")
    assert progress.next("p0") is None
    progress.start("p0", 4)
    assert progress.accept("p0", 5, 6) == SeekBack(4)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=30))
def test_a_client_that_jumps_anywhere_leaves_no_offset_out(jumps: list[tuple[int, int]]) -> None:
    progress: ReadPositions[str] = ReadPositions()
    progress.start("p", 0)
    taken: set[int] = set()
    position = 0
    for target, size in [*jumps, (60, 1)]:
        # The client jumps by itself once, then reads from where it was sent until the batch is taken.
        for jump in (target, None):
            first = position if jump is None else jump
            verdict = progress.accept("p", first, first + size - 1)
            if isinstance(verdict, SeekBack):
                position = verdict.offset
                continue
            assert verdict.gap == 0
            taken.update(range(first, first + size))
            break
    assert taken >= set(range(progress.next("p") or 0))
