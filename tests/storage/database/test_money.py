"""Amounts by currency, and when they have a sum."""

import pytest

from storage.database.money import Money, ReportingCurrency, Revenue, main_currency, revenue

EURO = ReportingCurrency("EUR", {"JPY": 0.5, "USD": 2.0})


@pytest.mark.parametrize(
    ("amounts", "money", "expected"),
    [
        pytest.param([], {}, Revenue({}, 0.0, ""), id="nothing"),
        pytest.param([("a", "EUR", 1.0), ("a", "EUR", 2.0)], {}, Revenue({"EUR": 3.0}, 3.0, "EUR"), id="one currency"),
        pytest.param([("a", "", 1.0)], {}, Revenue({"": 1.0}, 1.0, ""), id="none that is named"),
        pytest.param([("a", "EUR", 1.0), ("a", "", 1.0)], {}, Revenue({"": 1.0, "EUR": 1.0}, None, ""), id="apart"),
        pytest.param(
            [("a", "EUR", 1.0), ("a", "", 1.0)],
            {"a": EURO},
            Revenue({"EUR": 2.0}, 2.0, "EUR"),
            id="unnamed",
        ),
        pytest.param(
            [("a", "EUR", 50.0), ("a", "JPY", 10.0)],
            {"a": EURO},
            Revenue({"EUR": 50.0, "JPY": 10.0}, 55.0, "EUR"),
            id="converted",
        ),
        pytest.param([("a", "USD", 3.0)], {"a": EURO}, Revenue({"USD": 3.0}, 6.0, "EUR"), id="one that is converted"),
        pytest.param([("a", "CHF", 3.0)], {"a": EURO}, Revenue({"CHF": 3.0}, 3.0, "CHF"), id="alone, without a rate"),
        pytest.param(
            [("a", "CHF", 3.0), ("a", "EUR", 1.0)],
            {"a": EURO},
            Revenue({"CHF": 3.0, "EUR": 1.0}, None, ""),
            id="one without a rate: no total",
        ),
        pytest.param(
            [("a", "", 3.0), ("b", "", 1.0)],
            {"a": EURO, "b": ReportingCurrency("JPY")},
            Revenue({"EUR": 3.0, "JPY": 1.0}, None, ""),
            id="two sites that report otherwise",
        ),
        pytest.param([("a~run", "JPY", 4.0)], {"a": EURO}, Revenue({"JPY": 4.0}, 2.0, "EUR"), id="a run is its site"),
    ],
)
def test_revenue(amounts: list[tuple[str, str, float]], money: Money, expected: Revenue) -> None:
    assert revenue(amounts, money) == expected


def test_the_main_currency_is_that_of_most_and_of_equal_ones_the_first_by_name() -> None:
    assert main_currency([["JPY"], ["EUR", "JPY"], []]) == "JPY"
    assert main_currency([["JPY"], ["EUR"]]) == "EUR"
    assert main_currency([]) == ""
