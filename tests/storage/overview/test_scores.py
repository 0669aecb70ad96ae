"""Shares with their intervals, groups of scores, and what pages are worth: the pure parts of the overview."""

import pytest
from scipy.stats import binomtest

from storage.database.money import ReportingCurrency
from storage.overview.pages import top_pages
from storage.overview.scores import GROUPS, ScoreOutcomes, calibration_of, tenths
from storage.overview.shares import share


@pytest.mark.parametrize(("many", "of"), [(0, 7), (7, 7), (3, 100), (250, 1_000), (1, 1)])
def test_a_share_has_the_interval_of_wilson(many: int, of: int) -> None:
    expected = binomtest(many, of).proportion_ci(method="wilson")
    found = share(many, of)
    assert found.value == many / of
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_a_share_of_nothing_may_be_anything() -> None:
    found = share(0, 0)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 1.0)


def counts(*sizes: int) -> list[ScoreOutcomes]:
    return [ScoreOutcomes(1, n / 100, size, size // 10, size * n / 100) for n, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        pytest.param([1] * 30, [3] * 10, id="tenths"),
        pytest.param([50, *[1] * 50], [50, *[10] * 5], id="half have one score"),
        pytest.param([4], [4], id="one score"),
        pytest.param([1, 1], [1, 1], id="two sessions"),
    ],
)
def test_groups_are_tenths_and_keep_equal_scores_together(sizes: list[int], expected: list[int]) -> None:
    found = tenths(counts(*sizes))
    assert [sum(count.sessions for count in group) for group in found] == expected
    assert [count for group in found for count in group] == counts(*sizes)
    assert len(found) <= GROUPS


def test_the_error_is_the_mean_distance_by_sessions() -> None:
    rows = [ScoreOutcomes(2, 0.1, 30, 3, 3.0, ("a",)), ScoreOutcomes(2, 0.5, 10, 10, 5.0, ("b",))]
    (found,) = calibration_of(rows)
    assert (found.event, found.sessions, found.buyers, found.expected) == (3, 40, 13, 8.0)
    assert found.error == pytest.approx((0 * 30 + 0.5 * 10) / 40)


PAID = [("/a", 9, 4, 2, {"USD": 10.0, "EUR": 8.0, "": 2.0}, 2), ("/b", 1, 1, 1, {"EUR": 5.0, "JPY": 900.0}, 2)]


@pytest.mark.parametrize(
    ("reporting", "currency", "values"),
    [
        pytest.param(
            ReportingCurrency("EUR", {"USD": 0.5}), "EUR", {"/b": 5.0, "/a": 15.0 / 4}, id="rates; none of the yen"
        ),
        pytest.param(ReportingCurrency(), "EUR", {"/b": 5.0, "/a": 2.0}, id="what most pages have sales in"),
    ],
)
def test_pages_are_valued_in_one_currency(
    reporting: ReportingCurrency, currency: str, values: dict[str, float]
) -> None:
    found, pages, top = top_pages(PAID, reporting, 10)
    assert (found, pages, [page.path for page in top]) == (currency, 2, list(values))
    assert {page.path: page.value for page in top} == pytest.approx(values)
