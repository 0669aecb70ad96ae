"""Names of metrics, for whoever names one and computes none: without numpy."""

from typing import Literal

MetricName = Literal["conversion", "session_conversion", "revenue_per_visitor"]
METRICS: tuple[MetricName, ...] = ("conversion", "session_conversion", "revenue_per_visitor")

#: Visitors of each arm before which nothing is read: a reading holds for many, as the central limit theorem does.
FEWEST_VISITORS = 100
