"""The statistics of drift beside scipy's and scikit-learn's, which need the sessions one by one."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import ks_2samp, mannwhitneyu, t
from sklearn.linear_model import LogisticRegression

from scoring.drift.bins import SampleBins, SessionSample
from scoring.drift.measures import WindowFigure
from scoring.drift.outcomes import LOGITS, aucs, calibration_gaps, calibration_slopes
from scoring.drift.windows import cell_of, outcome_cells


def scored(seed: int, sessions: int, slope: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and who bought by log-odds that are so many times those."""
    chance = np.random.default_rng(seed)
    logits = chance.normal(-2, 1.5, sessions)
    bought = chance.random(sessions) < 1 / (1 + np.exp(-slope * logits))
    return 1 / (1 + np.exp(-logits)), bought


def test_distances_and_psi_of_columns_are_those_of_their_histograms() -> None:
    chance = np.random.default_rng(1)
    samples = [
        SessionSample(
            np.column_stack([chance.gamma(2, scale, 500), chance.integers(0, 4, 500)]), np.ones((500, 2), bool)
        )
        for scale in (3.0, 4.0)
    ]
    samples = [SessionSample(each.values.astype(np.float32), each.present) for each in samples]
    bins = SampleBins(samples[:1])
    one, other = (bins.counts(bins.codes(each)) for each in samples)
    ends = [*bins.starts.tolist(), bins.size]
    for column, (begin, end) in enumerate(pairwise(ends)):
        p, q = one[begin:end], other[begin:end]
        assert bins.distances(one, other)[column] == pytest.approx(jensenshannon(p, q) ** 2)
        p, q = ((each + 0.5) / (each + 0.5).sum() for each in (p, q))
        assert bins.psi(one, other)[column] == pytest.approx((rel_entr(p, q) + rel_entr(q, p)).sum())
    both = bins.distances(np.array([one, other]), other)
    assert both == pytest.approx(np.array([bins.distances(one, other), [0, 0]]))


def test_auc_of_cells_is_that_of_sessions() -> None:
    probability, bought = scored(2, 5_000)
    # Equal within a cell, as ties then are for both.
    rounded = cell_of(probability)
    wins = mannwhitneyu(rounded[bought], rounded[~bought]).statistic / (bought.sum() * (~bought).sum())
    found = aucs(outcome_cells(probability, bought)[:, :2])
    assert found == pytest.approx(wins)
    exact = mannwhitneyu(probability[bought], probability[~bought]).statistic / (bought.sum() * (~bought).sum())
    assert found == pytest.approx(exact, abs=0.001)


@pytest.mark.parametrize("slope", [0.4, 1.0, 2.0])
def test_the_slope_is_that_of_logistic_regression(slope: float) -> None:
    probability, bought = scored(3, 20_000, slope)
    counts = outcome_cells(probability, bought)[:, :2]
    logits = LOGITS[cell_of(probability)][:, None]
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1_000).fit(logits, bought)
    assert calibration_slopes(counts) == pytest.approx(model.coef_[0, 0], abs=1e-3)
    assert calibration_slopes(counts) == pytest.approx(slope, abs=0.1)


def test_the_gap_is_the_share_that_bought_less_the_mean_probability() -> None:
    probability, bought = scored(4, 1_000)
    cells = outcome_cells(probability, bought)
    assert calibration_gaps(cells[:, :2], cells[:, 2]) == pytest.approx(bought.mean() - probability.mean())


def test_one_outcome_alone_has_neither_auc_nor_slope() -> None:
    cells = outcome_cells(np.array([0.1, 0.2]), np.array([False, False]))[:, :2]
    assert np.isnan(aucs(cells))
    assert np.isnan(calibration_slopes(cells))


def test_probabilities_at_the_ends_have_cells() -> None:
    assert cell_of(np.array([0.0, 1.0])).tolist() == [0, len(LOGITS) - 1]


def test_what_windows_differ_by_is_drawn_by_students_t() -> None:
    quiet = np.random.default_rng(5).normal(0, 2, 10)
    flat, ones = np.zeros(20_000), np.ones(10)
    figure = WindowFigure("sessions", 0, 0.0, quiet, float(np.median(quiet)), flat, ones, 0.0)
    drawn = figure.drawn(np.random.default_rng(6))
    spread = np.sqrt((((quiet - np.median(quiet)) ** 2).sum() / 9) * (1 + 1 / 10))
    assert ks_2samp(drawn, t(9, scale=spread).rvs(20_000, random_state=7)).pvalue > 0.001


def test_chance_alone_explains_windows_that_differ_no_more() -> None:
    chance = np.random.default_rng(8)
    figure = WindowFigure("AUC", 1, 0.0, np.zeros(28), 0.0, chance.normal(0, 1, 500), np.ones(28), 0.0)
    assert (figure.drawn(chance) == figure.chance).all()
