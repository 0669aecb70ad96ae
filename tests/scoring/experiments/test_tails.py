"""Tails and quantiles against scipy."""

import numpy as np
import pytest
from scipy import stats

from scoring.experiments.tails import chi_square_tail, normal_tail, quantile, two_sided_p, two_sided_z


def test_normal_tails_are_those_of_scipy() -> None:
    z = np.array([[-9.0, -3.3, -0.1], [0.0, 1.959964, 7.5]])
    np.testing.assert_allclose(normal_tail(z), stats.norm.sf(z), rtol=1e-12)
    np.testing.assert_allclose(two_sided_p(z), 2 * stats.norm.sf(np.abs(z)), rtol=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.001, 1e-8])
def test_quantiles_are_those_of_scipy(alpha: float) -> None:
    assert two_sided_z(alpha) == pytest.approx(stats.norm.isf(alpha / 2), rel=1e-9)
    assert quantile(alpha) == pytest.approx(stats.norm.ppf(alpha), rel=1e-9)


@pytest.mark.parametrize("freedom", range(1, 12))
def test_chi_square_tails_are_those_of_scipy(freedom: int) -> None:
    for statistic in (0.0, 0.01, 1.0, 3.841, 20.0, 200.0):
        assert chi_square_tail(statistic, freedom) == pytest.approx(stats.chi2.sf(statistic, freedom), rel=1e-10)
