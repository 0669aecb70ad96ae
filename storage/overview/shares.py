"""Shares of sessions, and how sure they are. Pure."""

from math import sqrt

from msgspec import Struct

#: Standard errors to each side of a 95 % interval.
WIDTH = 1.959964


class Share(Struct, frozen=True):
    """So many of so many, with the 95 % interval of Wilson (1927); 0 to 1 where there is nothing to count."""

    value: float
    low: float
    high: float


def share(many: float, of: float) -> Share:
    """The share that `many` have of `of`."""
    if of <= 0:
        return Share(0.0, 0.0, 1.0)
    value, square = many / of, WIDTH * WIDTH
    middle = (value + square / (2 * of)) / (1 + square / of)
    half = WIDTH / (1 + square / of) * sqrt(value * (1 - value) / of + square / (4 * of * of))
    # Of none and of all the bound is exact, and the formula is so but for noise.
    return Share(value, 0.0 if many <= 0 else max(middle - half, 0.0), 1.0 if many >= of else min(middle + half, 1.0))
