"""Metrics, threshold, bands and intervals on outcomes that can be counted by hand."""

import numpy as np
import pytest

from scoring.training.intervals import bootstrap
from scoring.training.metrics import bands, best_f1, calibration_error, measure, precision_of_top
from scoring.training.subgroups import subgroups
from tests.support.rows import sessions

BOUGHT = np.array([True, True, False, True, False, False, False, False, False, False])
PROBABILITY = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.2, 0.1, 0.05, 0.01])


def test_measures_by_hand() -> None:
    found = measure(BOUGHT, PROBABILITY, 0.6)
    assert found["precision"] == 3 / 4
    assert found["recall"] == 1
    assert found["f1"] == pytest.approx(6 / 7)
    assert found["auc"] == pytest.approx(20 / 21)
    assert found["brier"] == pytest.approx(((PROBABILITY - BOUGHT) ** 2).mean())
    assert found["p_at_20"] == 1.0


@pytest.mark.parametrize(("share", "expected"), [(0.05, 1.0), (0.3, 2 / 3), (1.0, 0.3)])
def test_precision_of_the_top(share: float, expected: float) -> None:
    assert precision_of_top(BOUGHT, PROBABILITY, share) == pytest.approx(expected)


def test_threshold_and_bands() -> None:
    threshold = best_f1(BOUGHT, PROBABILITY)
    assert threshold == 0.6
    assert bands(BOUGHT, PROBABILITY, threshold) == (0.6, 0.6)
    assert bands(BOUGHT, PROBABILITY, 0.85) == (0.6, 0.85)


def test_calibration_error_of_one_bin_and_of_certainty() -> None:
    assert calibration_error(BOUGHT, np.full(10, 0.35)) == pytest.approx(0.05)
    assert calibration_error(BOUGHT, BOUGHT.astype(float)) == 0


def test_intervals_hold_the_value_and_a_model_does_not_differ_from_itself() -> None:
    bought = sessions(500).bought
    better = np.where(bought, 0.6, 0.2) + np.random.default_rng(1).uniform(-0.2, 0.2, 500)
    found = bootstrap(bought, {"first": better, "same": better, "worse": 1 - better}, resamples=50)
    auc = found.metrics["first"]["auc"]
    assert auc.low <= auc.value <= auc.high
    assert found.differences["same"]["brier"] == found.differences["same"]["auc"] != auc
    assert found.differences["worse"]["auc"].high < 0


def test_subgroups_cover_every_session_once_by_feature() -> None:
    given = sessions(800)
    found = subgroups(given, np.full(800, 0.2))
    for feature in ("VisitorType", "Month", "Weekend"):
        assert sum(each.sessions for each in found if each.name.startswith(feature)) == 800
    assert next(each for each in found if each.name == "Weekend yes").auc == 0.5
    assert not [each for each in found if each.name == "Month Jan"]
