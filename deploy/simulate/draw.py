"""Draws rows like those of the UCI file from the table of parameters fitted to it: the same rows each time. Pure."""

import json
from itertools import starmap
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deploy.simulate.fit import CODES, NUMBERS, PARAMETERS
from deploy.simulate.rows import VIEW_CAP_MS, Row
from scoring.features import Features


def draw(count: int) -> list[Row]:
    """`count` rows, at least one of each outcome where there are two or more, buyers in the file's proportion."""
    table = json.loads(PARAMETERS.read_text())
    chance = np.random.default_rng(count)
    buyers = round(count * table["outcomes"][1]["rows"] / table["rows"])
    buyers = min(max(buyers, 1), count - 1)
    drawn = [
        (features, outcome["revenue"])
        for outcome, many in zip(table["outcomes"], (count - buyers, buyers), strict=True)
        for features in _draw_outcome(outcome, table, many, chance)
    ]
    mixed = [drawn[place] for place in chance.permutation(len(drawn))]
    return list(starmap(lambda number, pair: Row(number, *pair), enumerate(mixed, 1)))


def _draw_outcome(
    outcome: dict[str, Any], table: dict[str, Any], many: int, chance: np.random.Generator
) -> list[Features]:
    scores = chance.multivariate_normal(np.zeros(NUMBERS), np.array(outcome["correlations"]), many, method="eigh")
    normal = NormalDist()
    places = np.vectorize(normal.cdf, otypes=[float])(scores)
    numbers = np.column_stack(
        [
            np.interp(places[:, column], table["levels"], quantiles)
            for column, quantiles in enumerate(outcome["quantiles"])
        ]
    )
    days = _pick(outcome["days"], many, chance)
    codes = {name: _pick(outcome["codes"][name], many, chance) for name in CODES}
    longest = float(table["longest_seconds"])
    return [
        _features(numbers[index], longest, days[index], {name: codes[name][index] for name in CODES})
        for index in range(many)
    ]


def _pick(shares: list[list[Any]], many: int, chance: np.random.Generator) -> list[Any]:
    weights = np.array([share for _, share in shares], float)
    return [shares[place][0] for place in chance.choice(len(shares), many, p=weights / weights.sum())]


def _features(numbers: NDArray[np.float64], longest: float, day: list[Any], codes: dict[str, Any]) -> Features:
    """One row's features; a row that would view nothing views one product, like almost every row of the file."""
    counts = [round(float(number)) for number in numbers[:3]]
    if not any(counts):
        counts[2] = 1
    means = [min(float(mean), VIEW_CAP_MS / 1000 - 1) for mean in numbers[3:6]]
    lasts = sum(views * mean for views, mean in zip(counts, means, strict=True))
    pace = min(1.0, longest / lasts) if lasts else 1.0
    seconds = [round(views * mean * pace, 3) for views, mean in zip(counts, means, strict=True)]
    bounce, leave, value = (round(float(number), 9) for number in numbers[6:])
    month, weekend, special = day
    return Features(
        counts[0], seconds[0], counts[1], seconds[1], counts[2], seconds[2], bounce, leave, value,
        SpecialDay=special, Month=month, Weekend=weekend, **codes,
    )  # fmt: skip
