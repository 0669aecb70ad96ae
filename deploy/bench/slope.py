"""The slope of a series of samples, with an interval. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean
from typing import NamedTuple

HOUR = 3_600.0
#: Samples are averaged over so many stretches: neighbours resemble each other, and would make the interval too narrow.
BLOCKS = 12
#: Student's t for 95 % and BLOCKS - 2 degrees of freedom.
T = 2.228


class Slope(NamedTuple):
    """Units an hour, and the half width of its 95 % interval."""

    per_hour: float
    plus_minus: float


def slope(samples: Sequence[tuple[float, float]]) -> Slope:
    """Least squares over (seconds, value) in the order of time; raises ValueError for fewer samples than BLOCKS."""
    if len(samples) < BLOCKS:
        raise ValueError(f"{len(samples)} samples are fewer than {BLOCKS}")
    edges = [number * len(samples) // BLOCKS for number in range(BLOCKS + 1)]
    blocks = [samples[begin:end] for begin, end in pairwise(edges)]
    points = [(fmean(at for at, _ in block) / HOUR, fmean(value for _, value in block)) for block in blocks]
    mean_x, mean_y = fmean(x for x, _ in points), fmean(y for _, y in points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    if not spread:
        raise ValueError("all samples are of one moment")
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points) / spread
    left = sum((y - mean_y - rise * (x - mean_x)) ** 2 for x, y in points)
    return Slope(rise, T * sqrt(left / (BLOCKS - 2) / spread))
