"""Fits the table of parameters that sessions are drawn from where the UCI file is not at hand.

`python -m deploy.simulate.fit FILE` writes deploy/simulate/parameters.json. For each outcome the table holds how often
the values of the day and of the codes occur, the quantiles of the nine numbers, and how the numbers go together (the
correlations of their normal scores). No row of the file can be read from it.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deploy.simulate.rows import Row, read, views_of

PARAMETERS = Path(__file__).with_name("parameters.json")
#: Levels at which each number's quantiles are kept; dense at the upper end, where visits differ most.
LEVELS = (*(step / 20 for step in range(20)), 0.97, 0.985, 0.995, 1.0)
#: The numbers of a row: three counts, the mean seconds of a view of each kind, the three page statistics.
NUMBERS = 9
CODES = ("OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType")


def numbers(row: Row) -> tuple[float, ...]:
    """The nine numbers of a row; a kind without views has a mean view of 0 s."""
    kinds = views_of(row.features)
    counts = [float(views) for views, _ in kinds]
    means = [millis / views / 1000 if views else 0.0 for views, millis in kinds]
    return (*counts, *means, row.features.BounceRates, row.features.ExitRates, row.features.PageValues)


def fit(rows: Sequence[Row]) -> dict[str, Any]:
    """The table of parameters; both outcomes must occur."""
    chance = np.random.default_rng(468)
    return {
        "rows": len(rows),
        "longest_seconds": max(sum(millis for _, millis in views_of(row.features)) for row in rows) // 1000,
        "levels": list(LEVELS),
        "outcomes": [
            _fit_outcome([row for row in rows if row.revenue is bought], bought, chance) for bought in (False, True)
        ],
    }


def _fit_outcome(rows: Sequence[Row], revenue: bool, chance: np.random.Generator) -> dict[str, Any]:
    values = np.array([numbers(row) for row in rows])
    scores = np.column_stack([_normal_scores(values[:, column], chance) for column in range(NUMBERS)])
    return {
        "revenue": revenue,
        "rows": len(rows),
        "days": _shares([[row.features.Month, row.features.Weekend, row.features.SpecialDay] for row in rows]),
        "codes": {name: _shares([getattr(row.features, name) for row in rows]) for name in CODES},
        "quantiles": [
            [float(f"{value:.5g}") for value in np.quantile(values[:, column], LEVELS)] for column in range(NUMBERS)
        ],
        "correlations": [
            [round(float(value), 3) for value in line] for line in np.corrcoef(scores.T).reshape(NUMBERS, -1)
        ],
    }


def _normal_scores(values: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """The values' ranks as if they came from a standard normal; equal values share their ranks by lot."""
    order = np.lexsort((chance.random(len(values)), values))
    normal = NormalDist()
    scores = np.empty(len(values))
    scores[order] = [normal.inv_cdf((rank + 0.5) / len(values)) for rank in range(len(values))]
    return scores


def _shares(values: Sequence[Any]) -> list[list[Any]]:
    """[value, how many rows have it], the most frequent first."""
    counted = Counter(json.dumps(value) for value in values)
    return [[json.loads(text), many] for text, many in sorted(counted.items(), key=lambda item: (-item[1], item[0]))]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python -m deploy.simulate.fit FILE (the UCI Online Shoppers file)")
    PARAMETERS.write_text(json.dumps(fit(read(Path(sys.argv[1]))), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
