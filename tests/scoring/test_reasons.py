"""The strongest reasons, and their words."""

import numpy as np
import pytest

from scoring.features import NAMES
from scoring.reasons import nonzero_contributions, reason_text, spoken, strongest_reasons, top
from scoring.signals import SESSION_NAMES
from scoring.words import WORDS


def contributions(**given: float) -> np.ndarray:
    row = np.zeros((1, 17), np.float32)
    for place, value in given.items():
        row[0, int(place.removeprefix("at"))] = value
    return row


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(contributions(at8=0.3, at7=-0.2, at2=0.1, at0=0.05), [8, 7, 2], id="by size, whatever the sign"),
        pytest.param(contributions(at9=-0.1, at4=0.1, at1=0.1), [1, 4, 9], id="ties go to the earlier feature"),
        pytest.param(contributions(), [0, 1, 2], id="nothing moved"),
        pytest.param(contributions(at5=1e-8, at6=-0.4), [6, 0, 1], id="the last bits count for nothing"),
    ],
)
def test_top_three(row: np.ndarray, expected: list[int]) -> None:
    assert top(row).tolist() == [expected]


def test_every_row_has_its_own() -> None:
    both = np.vstack([contributions(at8=0.3, at1=0.1), contributions(at3=-0.3, at2=0.2)])
    assert top(both, k=2).tolist() == [[8, 1], [3, 2]]


def test_agrees_with_sorting_by_hand() -> None:
    rows = np.random.default_rng(1).normal(0, 0.1, (200, 17)).astype(np.float32)
    by_hand = [sorted(range(17), key=lambda place, row=row: (-round(abs(row[place]) * 1e6), place))[:3] for row in rows]
    assert top(rows).tolist() == by_hand


@pytest.mark.parametrize(
    ("feature", "value", "contribution", "expected"),
    [
        ("ProductRelated_Duration", 23.2, -0.08, "time on product pages, 23 s, lowers it by 8 points"),
        ("ProductRelated_Duration", 0.4, -0.08, "time on product pages, 0.4 s, lowers it by 8 points"),
        ("ProductRelated_Duration", 600.0, -0.2, "time on product pages, 10 min, lowers it by 20 points"),
        ("ProductRelated_Duration", 63973.52, -0.2, "time on product pages, 17.8 h, lowers it by 20 points"),
        ("Informational_Duration", 119.6, 0.0995, "time on information pages, 2 min, raises it by 10 points"),
        ("Administrative", 2, 0.084, "cart and checkout pages, 2, raises it by 8.4 points"),
        ("ProductRelated", 12, 0.0004, "product pages, 12, raises it by less than 0.1 points"),
        ("PageValues", 23.4, 0.31, "value of the pages, 23.4, raises it by 31 points"),
        ("PageValues", 1234567.8, 0.31, "value of the pages, 1234568, raises it by 31 points"),
        ("ExitRates", 0.051234, -0.01, "exit rate of the pages, 5.1 %, lowers it by 1 point"),
        ("BounceRates", 0.0, -0.011, "bounce rate of the pages, 0 %, lowers it by 1.1 points"),
        ("SpecialDay", 0.6, -0.02, "closeness to a special day, 0.6, lowers it by 2 points"),
        ("Month", "Nov", 0.05, "month, November, raises it by 5 points"),
        ("Month", "June", 0.05, "month, June, raises it by 5 points"),
        ("VisitorType", "Returning_Visitor", -0.05, "visitor, returning, lowers it by 5 points"),
        ("VisitorType", "Other", -0.05, "visitor, other, lowers it by 5 points"),
        ("Browser", 2, -0.05, "browser code, 2, lowers it by 5 points"),
        ("Weekend", True, 0.02, "weekend, yes, raises it by 2 points"),
        ("Weekend", False, 1e-9, "weekend, no, does not change it"),
        ("cart_quantity", 2.0, 0.24, "2 items in the cart raise it by 24 points"),
        ("cart_quantity", 1.0, 0.24, "1 item in the cart raises it by 24 points"),
        ("cart_quantity", 0.5, 0.24, "0.5 items in the cart raise it by 24 points"),
        ("cart_quantity", 1200.0, 0.24, "1200 items in the cart raise it by 24 points"),
        ("cart_quantity", 0.0, -0.031, "0 items in the cart lower it by 3.1 points"),
        ("cart_quantity", 2, 1e-9, "2 items in the cart do not change it"),
        ("cart_quantity", None, 0.24, "a cart of unknown size raises it by 24 points"),
        ("checkout_step", 1, 0.153, "begun checkout raises it by 15 points"),
        ("checkout_step", 3.0, 0.153, "begun checkout raises it by 15 points"),
        ("checkout_step", 0, -0.01, "no begun checkout lowers it by 1 point"),
        ("AFeatureToCome", 1.5, 0.02, "AFeatureToCome, 1.5, raises it by 2 points"),
    ],
)
def test_text(feature: str, value: float | str | bool | None, contribution: float, expected: str) -> None:
    assert reason_text(feature, value, contribution) == expected


def test_what_moved_nothing_is_no_reason_whatever_its_last_bits_are() -> None:
    columns, moved = strongest_reasons(np.vstack([contributions(at8=0.31234567, at1=4e-7), contributions()]))
    assert moved.tolist() == [[0.3123457, 0.0, 0.0], [0.0, 0.0, 0.0]]
    names, values = [f"f{place}" for place in range(17)], list(range(17))
    assert nonzero_contributions(names, values, columns[0].tolist(), moved[0].tolist()) == [("f8", 8, 0.3123457)]
    assert nonzero_contributions(names, values, columns[1].tolist(), moved[1].tolist()) == []


def test_a_spoken_reason_is_the_reason_and_its_sentence() -> None:
    [reason] = spoken([("PageValues", 23.4, 0.31)])
    assert (reason.feature, reason.value, reason.contribution) == ("PageValues", 23.4, 0.31)
    assert reason.text == "value of the pages, 23.4, raises it by 31 points"


def test_every_feature_has_words_and_none_is_a_column_name() -> None:
    assert list(WORDS) == list(SESSION_NAMES)
    assert not {words.name for words in WORDS.values()} & set(NAMES)
    assert not [words.name for words in WORDS.values() if "," in words.name]


@pytest.mark.parametrize("k", [1, 3, 5, 6, 17, 100])
def test_few_and_many_reasons_come_in_one_order(k: int) -> None:
    rows = np.random.default_rng(2).normal(0, 3e-6, (300, 17)).astype(np.float32)
    rows[::7, 3], rows[::11, 5] = np.nan, np.inf
    in_order = np.argsort(-np.rint(np.abs(rows) * np.float32(1e6)), axis=1, kind="stable")
    assert top(rows, k).tolist() == in_order[:, :k].tolist()


def test_a_row_of_few_columns_has_no_more_reasons_than_columns() -> None:
    assert top(np.array([[0.1, -0.3]], np.float32)).tolist() == [[1, 0]]
