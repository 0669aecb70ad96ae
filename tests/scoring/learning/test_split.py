"""Rows split by time: whole sessions, oldest first, and what is too little to learn from."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scoring.contracts import SESSION
from scoring.learning.errors import LearningError
from scoring.learning.rows import LearningRows, joined
from scoring.learning.split import FEWEST_PURCHASES, split_by_time
from tests.support.learning import drawn_rows

DAY = 86_400_000


def rows_of(sessions: list[tuple[int, int, bool]]) -> LearningRows:
    """Sessions by (opening, updates, bought), in the order of their opening."""
    ordered = sorted(sessions)
    lengths = [length for _, length, _ in ordered]
    total = sum(lengths)
    return LearningRows(
        np.zeros((total, len(SESSION.names)), np.float32),
        np.repeat(np.arange(len(ordered)), lengths).astype(np.uint64),
        np.repeat([opened for opened, _, _ in ordered], lengths).astype(np.int64),
        np.concatenate([np.arange(1, length + 1) for length in lengths]),
        np.repeat([bought for _, _, bought in ordered], lengths).astype(np.bool_),
        np.zeros(total),
    )


@pytest.mark.parametrize(
    ("last_day", "is_whole"),
    [
        pytest.param(100, True, id="every day as many"),
        pytest.param(110, True, id="more on the last day"),
        pytest.param(400, False, id="half of all on the last day"),
    ],
)
def test_the_newest_part_of_five_days_has_a_whole_one_as_the_gate_wants(last_day: int, is_whole: bool) -> None:
    counts = (100, 100, 100, 100, last_day)
    opened = [day * DAY + at * DAY // count for day, count in enumerate(counts) for at in range(count)]
    rows = rows_of([(at, 1, place % 7 == 0) for place, at in enumerate(opened)])
    test = split_by_time(rows).test
    assert (max(opened) - test.opened_at.min() >= DAY) == is_whole
    assert test.sessions() == pytest.approx(len(opened) * 0.2, rel=0.1)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4), st.booleans()), min_size=40, max_size=120))
def test_a_session_is_on_one_side_and_the_sides_are_in_the_order_of_time(sessions: list[tuple[int, int, bool]]) -> None:
    rows = rows_of(sessions)
    try:
        parts = split_by_time(rows)
    except LearningError:
        return
    sides = [parts.train, parts.validation, parts.test]
    of_sides = [set(side.session.tolist()) for side in sides]
    assert sum(map(len, of_sides)) == len(set().union(*of_sides))
    assert sum(map(len, sides)) == len(rows)
    assert sides[0].opened_at.max() < sides[1].opened_at.min()
    assert sides[1].opened_at.max() < sides[2].opened_at.min()


def test_the_sides_have_their_shares_of_the_sessions() -> None:
    parts = split_by_time(drawn_rows(2_000))
    shares = [part.sessions() / 2_000 for part in (parts.train, parts.validation, parts.test)]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.005)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        pytest.param(lambda: joined([]), "no closed session is in the window", id="nothing"),
        pytest.param(
            lambda: rows_of([(n, 2, False) for n in range(90)]), "none of the 90 sessions bought", id="no buyer"
        ),
        pytest.param(
            lambda: rows_of([(n, 2, True) for n in range(90)]), "each of the 90 sessions bought", id="all buy"
        ),
        pytest.param(
            lambda: rows_of([(n, 2, n < FEWEST_PURCHASES - 1) for n in range(90)]),
            "29 of 90 sessions bought, and learning takes 30",
            id="too few",
        ),
        pytest.param(lambda: rows_of([(n, 2, n < 40) for n in range(90)]), "newest, 0 bought", id="none of the newest"),
    ],
)
def test_what_is_too_little_is_one_line(make: Callable[[], LearningRows], line: str) -> None:
    with pytest.raises(LearningError, match=line) as refused:
        split_by_time(make())
    assert "\n" not in str(refused.value)
