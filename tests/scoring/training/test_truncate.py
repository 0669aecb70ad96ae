"""Beginnings of sessions: never more than the whole, and what they may not know is 0."""

import numpy as np
import pytest

from scoring.features import NAMES
from scoring.training.truncate import COUNTS, DURATIONS, STATISTICS, Shares, beginnings, beginnings_at
from tests.support.rows import sessions

ROWS = sessions(2000).rows
REST = [place for place in range(len(NAMES)) if place not in {*COUNTS, *DURATIONS, *STATISTICS}]
PAGE_VALUES = NAMES.index("PageValues")


def drawn(seed: int = 1, **shares: float) -> np.ndarray:
    none = {"cut": 0.0, "without_page_values": 0.0, "without_statistics": 0.0}
    return beginnings(ROWS, Shares(**(none | shares)), np.random.default_rng(seed))


def test_without_any_share_the_rows_come_back_and_the_given_ones_stay() -> None:
    before = ROWS.copy()
    np.testing.assert_array_equal(drawn(), ROWS)
    drawn(cut=1.0, without_statistics=0.5)
    np.testing.assert_array_equal(before, ROWS)


def test_a_cut_leaves_whole_views_and_never_more_than_there_were() -> None:
    cut = drawn(cut=1.0)
    assert (cut[:, COUNTS] == np.round(cut[:, COUNTS])).all()
    assert (cut[:, COUNTS] <= ROWS[:, COUNTS]).all()
    assert (cut[:, COUNTS].sum(axis=1) >= 1).all()
    seen = ROWS[:, COUNTS] > 0
    assert (cut[:, DURATIONS] <= ROWS[:, DURATIONS])[seen].all()
    assert (cut[:, DURATIONS][(cut[:, COUNTS] == 0) & seen] == 0).all()
    np.testing.assert_array_equal(cut[:, REST], ROWS[:, REST])
    assert (cut[:, COUNTS].sum(axis=1) / ROWS[:, COUNTS].sum(axis=1)).mean() == pytest.approx(0.5, abs=0.03)


def test_page_values_stay_with_the_share_of_the_views_that_is_left() -> None:
    cut = beginnings_at(ROWS, 0.25, np.random.default_rng(1))
    had = ROWS[:, PAGE_VALUES] > 0
    assert (cut[had, PAGE_VALUES] > 0).mean() == pytest.approx(0.25, abs=0.05)
    assert set(cut[had, PAGE_VALUES]) - {0.0} <= set(ROWS[:, PAGE_VALUES])


@pytest.mark.parametrize(
    ("share", "gone"),
    [("without_page_values", [PAGE_VALUES]), ("without_statistics", STATISTICS)],
)
def test_missing_statistics_are_nought(share: str, gone: list[int]) -> None:
    made = drawn(**{share: 1.0})
    assert not made[:, gone].any()
    kept = [place for place in range(len(NAMES)) if place not in gone]
    np.testing.assert_array_equal(made[:, kept], ROWS[:, kept])


def test_a_session_of_one_view_cannot_be_cut() -> None:
    single = ROWS[:5].copy()
    single[:, COUNTS] = [0, 0, 1]
    np.testing.assert_array_equal(beginnings_at(single, 0.1, np.random.default_rng(1)), single)
