"""Where the writer is, whatever the client says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.kafka.positions import Progress, Reread, Take


@pytest.fixture
def progress() -> Progress[str]:
    made: Progress[str] = Progress()
    made.start("p0", 10)
    return made


def test_a_batch_that_follows_is_taken(progress: Progress[str]) -> None:
    assert progress.accept("p0", 10, 12) == Take()
    assert progress.accept("p0", 13, 13) == Take()
    assert progress.next("p0") == 14


def test_a_batch_that_skips_records_is_read_again(progress: Progress[str]) -> None:
    assert progress.accept("p0", 12, 15) == Reread(10)
    assert progress.accept("p0", 10, 15) == Take()


def test_a_hole_that_is_there_twice_is_in_the_log(progress: Progress[str]) -> None:
    assert progress.accept("p0", 12, 15) == Reread(10)
    assert progress.accept("p0", 12, 15) == Take(gap=2)
    assert progress.accept("p0", 18, 19) == Reread(16)


def test_a_batch_from_before_is_taken_and_moves_nothing_back(progress: Progress[str]) -> None:
    progress.accept("p0", 10, 20)
    assert progress.accept("p0", 3, 8) == Take()
    assert progress.next("p0") == 21


def test_a_forgotten_partition_starts_anew(progress: Progress[str]) -> None:
    progress.forget("p0")
    assert progress.next("p0") is None
    progress.start("p0", 4)
    assert progress.accept("p0", 5, 6) == Reread(4)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 10)), max_size=30))
def test_a_client_that_jumps_anywhere_leaves_no_offset_out(jumps: list[tuple[int, int]]) -> None:
    progress: Progress[str] = Progress()
    progress.start("p", 0)
    taken: set[int] = set()
    position = 0
    for target, size in [*jumps, (60, 1)]:
        # The client jumps by itself once, then reads from where it was sent until the batch is taken.
        for jump in (target, None):
            first = position if jump is None else jump
            verdict = progress.accept("p", first, first + size - 1)
            if isinstance(verdict, Reread):
                position = verdict.offset
                continue
            assert verdict.gap == 0
            taken.update(range(first, first + size))
            break
    assert taken >= set(range(progress.next("p") or 0))
