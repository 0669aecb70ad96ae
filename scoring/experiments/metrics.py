"""Which columns a metric has: a numerator and a denominator of each visitor, and what was known of it before. Pure.

A metric is the ratio of two means over visitors, as the visitor is what was assigned. Conversion and revenue have the
denominator 1; the conversion of sessions has the visitor's sessions, whose number is itself an outcome.
"""

from typing import NamedTuple

import numpy as np

from scoring.experiments.names import MetricName
from scoring.experiments.tails import Floats
from scoring.experiments.visitors import ExposedVisitors

#: Of the orders of all arms together; of visitors it would lie among the orders where three in a hundred buy.
CAP_QUANTILE = 0.99


class RevenueCap(NamedTuple):
    """What a visitor's revenue counts at most, and the share of all revenue that this takes off."""

    value: float
    share_cut: float


def revenue_cap(revenue: Floats, at: float = CAP_QUANTILE) -> RevenueCap:
    """Of the visitors of all arms, so that no arm moves it for itself: the quantile of what buyers spent."""
    spent = revenue[revenue > 0]
    if not len(spent):
        return RevenueCap(0.0, 0.0)
    value = float(np.quantile(spent, at))
    return RevenueCap(value, float(1 - np.minimum(spent, value).sum() / spent.sum()))


#: Numerators and denominators, as the columns of `visitor_columns`; covariates follow them.
_PARTS: dict[MetricName, tuple[int, int]] = {
    "conversion": (0, 1),
    "session_conversion": (2, 3),
    "revenue_per_visitor": (4, 1),
}
_OUTCOMES = 5


def visitor_columns(visitors: ExposedVisitors) -> Floats:
    """What all metrics are made of, float64[n, 5 + k]; an unknown covariate is the mean of the known ones."""
    return np.column_stack(
        [
            visitors.converted,
            np.ones(visitors.size),
            visitors.converted_sessions,
            visitors.sessions,
            np.minimum(visitors.revenue, revenue_cap(visitors.revenue).value),
            _filled(visitors.covariates),
        ]
    )


def columns_of(metric: MetricName, covariates: int) -> tuple[int, ...]:
    """Which of them are the metric's: numerator, denominator, and so many covariates."""
    return (*_PARTS[metric], *range(_OUTCOMES, _OUTCOMES + covariates))


def metric_columns(visitors: ExposedVisitors, metric: MetricName) -> Floats:
    """Numerator, denominator and covariates, float64[n, 2 + k]."""
    return visitor_columns(visitors)[:, columns_of(metric, visitors.covariates.shape[1])]


def _filled(covariates: Floats) -> Floats:
    known = np.isfinite(covariates)
    sums = np.where(known, covariates, 0.0).sum(0)
    means = sums / np.maximum(known.sum(0), 1)
    return np.where(known, covariates, means)
