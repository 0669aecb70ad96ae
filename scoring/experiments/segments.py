"""Effects by segment, corrected for how many were looked at. Pure.

By Holm, "A simple sequentially rejective multiple test procedure" (1979): the probability of calling any difference
where there is none stays alpha, whatever the segments have in common. Benjamini and Hochberg's way, which lets a share
of the calls be false, would be the better one for a list that is only looked through; here one segment is acted on.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from scoring.experiments.effects import arm_rates, effects
from scoring.experiments.metrics import metric_columns
from scoring.experiments.moments import moments
from scoring.experiments.names import FEWEST_VISITORS, MetricName
from scoring.experiments.tails import Floats, two_sided_z
from scoring.experiments.visitors import ExposedVisitors


class SegmentEffect(Struct, frozen=True):
    """One arm against the control in one segment. The interval is its own, uncorrected; `p` is Holm's over all
    segments and arms, and `is_difference` goes by it.
    """

    segment: str
    arm: int
    visitors: int
    difference: float
    low: float
    high: float
    p: float
    is_difference: bool


def by_segment(
    visitors: ExposedVisitors, segment: NDArray[np.str_], arms: int, metric: MetricName, alpha: float
) -> list[SegmentEffect]:
    """In the order of the segments' names; a segment with too few visitors in any arm is left out."""
    return corrected(uncorrected(visitors, segment, arms, metric, alpha), alpha)


def uncorrected(
    visitors: ExposedVisitors, segment: NDArray[np.str_], arms: int, metric: MetricName, alpha: float
) -> list[SegmentEffect]:
    """The same before `corrected`: for several divisions of the visitors, which are corrected together."""
    names = np.unique(segment).tolist()
    made: list[SegmentEffect] = []
    for name in names:
        chosen = visitors.chosen(segment == name)
        found = moments(metric_columns(chosen, metric), chosen.arm, arms)
        if found.visitors.min() < FEWEST_VISITORS:
            continue
        apart = effects(arm_rates(found))
        low, high = apart.difference_interval(two_sided_z(alpha))
        for arm in range(1, arms):
            count = int(found.visitors[0] + found.visitors[arm])
            difference, lowest, highest, p = (float(each[arm - 1]) for each in (apart.difference, low, high, apart.p))
            made.append(SegmentEffect(name, arm, count, difference, lowest, highest, p, False))
    return made


def corrected(found: Sequence[SegmentEffect], alpha: float) -> list[SegmentEffect]:
    """All that is looked at, with Holm's p."""
    stepped = holm([each.p for each in found]).tolist()
    return [replace(each, p=p, is_difference=p <= alpha) for each, p in zip(found, stepped, strict=True)]


def holm(p: Sequence[float]) -> Floats:
    """Adjusted p-values in the given order; NaN, where nothing could be tested, counts as 1."""
    given = np.nan_to_num(np.asarray(p, np.float64), nan=1.0)
    order, number = np.argsort(given, kind="stable"), len(given)
    stepped = np.minimum(np.maximum.accumulate(given[order] * (number - np.arange(number))), 1.0)
    adjusted = np.empty(number)
    adjusted[order] = stepped
    return adjusted
