"""The strongest reasons, and their words."""

import numpy as np
import pytest

from scoring.reasons import named, spoken, strongest, text, top


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
        ("PageValues", 23.4, 0.31, "PageValues 23.4 raises it by 0.31"),
        ("ExitRates", 0.051234, -0.08, "ExitRates 0.0512 lowers it by 0.08"),
        ("ProductRelated", 12, 0.004, "ProductRelated 12 raises it by less than 0.01"),
        ("ProductRelated_Duration", 63973.52, -0.2, "ProductRelated_Duration 63974 lowers it by 0.20"),
        ("ProductRelated_Duration", 600.0, -0.2, "ProductRelated_Duration 600 lowers it by 0.20"),
        ("Month", "Nov", 0.05, "Month Nov raises it by 0.05"),
        ("Weekend", True, 0.02, "Weekend yes raises it by 0.02"),
        ("Weekend", False, 1e-9, "Weekend no does not change it"),
    ],
)
def test_text(feature: str, value: float | str | bool, contribution: float, expected: str) -> None:
    assert text(feature, value, contribution) == expected


def test_what_moved_nothing_is_no_reason_whatever_its_last_bits_say() -> None:
    best, moved = strongest(np.vstack([contributions(at8=0.31234567, at1=4e-7), contributions()]))
    assert moved.tolist() == [[0.3123457, 0.0, 0.0], [0.0, 0.0, 0.0]]
    names, values = [f"f{place}" for place in range(17)], list(range(17))
    assert named(names, values, best[0].tolist(), moved[0].tolist()) == [("f8", 8, 0.3123457)]
    assert named(names, values, best[1].tolist(), moved[1].tolist()) == []


def test_a_spoken_reason_is_the_reason_and_its_sentence() -> None:
    [reason] = spoken([("PageValues", 23.4, 0.31)])
    assert (reason.feature, reason.value, reason.contribution) == ("PageValues", 23.4, 0.31)
    assert reason.text == "PageValues 23.4 raises it by 0.31"
