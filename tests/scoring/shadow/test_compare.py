"""The figures of a shadow against scikit-learn's, and its intervals against what they are to cover."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from scoring.shadow.compare import by_event, by_subgroup, calibration
from scoring.shadow.report import ALL, NUMBERS
from scoring.shadow.rows import ShadowRow, ShadowRows
from scoring.training.metrics import calibration_error
from tests.support.shadow import GROUPS, live, shadow_rows, sigmoid


def candidate(truth: np.ndarray, *_: object) -> np.ndarray:
    # Ties, as scores have them.
    return np.round(truth, 2).clip(0.005, 0.995)


def test_the_figures_are_those_of_scikit_learn_with_rows_that_weigh_1_by_their_event() -> None:
    columns = shadow_rows(candidate, seed=1)
    figures = by_event(columns)
    assert list(figures) == [*map(str, NUMBERS), ALL]
    for name, number in (("1", 1), ("3", 3), (ALL, None)):
        chosen = np.ones(len(columns.event), bool) if number is None else columns.event == number
        bought, session = columns.bought[chosen], columns.session[chosen]
        weight = 1 / columns.event[chosen]
        for probability, found in (
            (columns.live[chosen], figures[name].live),
            (columns.candidate[chosen], figures[name].candidate),
        ):
            assert found.log_loss == pytest.approx(log_loss(bought, probability, sample_weight=weight))
            assert found.brier == pytest.approx(brier_score_loss(bought, probability, sample_weight=weight))
            assert found.auc == pytest.approx(roc_auc_score(bought, probability, sample_weight=weight))
            if number is not None:
                assert found.ece == pytest.approx(calibration_error(bought, probability))
        assert figures[name].sessions == len(np.unique(session))
        assert figures[name].buyers == len(np.unique(session[bought]))


def test_an_interval_of_a_difference_covers_the_true_one() -> None:
    """The true difference is that of very many sessions; 95 % intervals of small samples hold it in most."""
    many = shadow_rows(candidate, seed=999, sessions=40_000, groups=("all", "all"))
    whole = by_subgroup(many)["all"].differences["log_loss"].value
    assert whole is not None
    covered = 0
    for seed in range(40):
        found = by_subgroup(shadow_rows(candidate, seed, sessions=600, groups=("all", "all")))["all"]
        difference = found.differences["log_loss"]
        assert difference.low is not None
        assert difference.high is not None
        covered += difference.low <= whole <= difference.high
    assert covered >= 34


def test_sessions_are_resampled_and_not_their_rows() -> None:
    """A session whose rows are repeated makes no interval narrower."""
    once, often = ShadowRows(), ShadowRows()
    chance = np.random.default_rng(3)
    for number in range(400):
        row = ShadowRow(1, 0.1, float(sigmoid(chance.normal(-2, 1))), ("g",), False)
        bought = bool(chance.random() < row.candidate)
        once.add(("shop", f"s{number}", number), bought, [row])
        often.add(("shop", f"s{number}", number), bought, [row] * 30)
    intervals = [by_event(each.columns())[ALL].differences["log_loss"] for each in (once, often)]
    assert intervals[1].low == pytest.approx(intervals[0].low, abs=1e-9)
    assert intervals[1].high == pytest.approx(intervals[0].high, abs=1e-9)


def test_subgroups_part_the_sessions_and_calibration_has_the_means() -> None:
    columns = shadow_rows(live, seed=2)
    groups, whole = by_subgroup(columns), by_event(columns)[ALL]
    assert tuple(groups) == GROUPS
    assert sum(each.sessions for each in groups.values()) == whole.sessions
    bins = calibration(columns)["candidate"]
    assert sum(each.share for each in bins) == pytest.approx(1)
    assert sum(each.share * each.predicted for each in bins) == pytest.approx(whole.candidate.predicted)
    assert sum(each.share * each.observed for each in bins) == pytest.approx(whole.observed)
    assert sum(each.share * abs(each.predicted - each.observed) for each in bins) == pytest.approx(whole.candidate.ece)


def test_movers_are_the_sessions_that_moved_most_at_the_event_where_they_did() -> None:
    rows = ShadowRows()
    for number in range(50):
        moved = [ShadowRow(n, 0.1, 0.1 + number / 100 * (n == 2), ("g",), False) for n in range(1, 4)]
        rows.add(("shop", f"s{number}", number), number == 49, moved)
    movers = rows.movers()
    assert [each.session_id for each in movers] == [f"s{number}" for number in range(49, 39, -1)]
    assert {each.event for each in movers} == {2}
    assert [each.bought for each in movers[:2]] == [True, False]
    rows.take_back(("shop", "s49", 49))
    assert not any(each.bought for each in rows.movers())


def test_a_calibrated_model_looks_calibrated_where_buyers_have_more_events() -> None:
    """A quarter of the sessions go on to eight events, and four of five of those buy: .2 at first, then .8."""
    rows, chance = ShadowRows(), np.random.default_rng(3)
    for number in range(6_000):
        goes_on = bool(chance.random() < 0.25)
        truth = [0.2, *[0.8] * 7] if goes_on else [0.2]
        bought = goes_on and bool(chance.random() < 0.8)
        found = [ShadowRow(event, each, each, (), False) for event, each in enumerate(truth, 1)]
        rows.add(("shop", f"s{number}", number), bought, found)
    whole = by_event(rows.columns())[ALL]
    assert whole.candidate.ece is not None
    assert whole.candidate.ece < 0.02
