"""Sessions for training tests: drawn with a seed, in UCI's ranges, bought more often where PageValues is high."""

from pathlib import Path

import numpy as np

from scoring.features import MONTHS, NAMES, VISITOR_TYPES
from scoring.training.load import TARGET, Sessions


def sessions(count: int = 3000, seed: int = 1) -> Sessions:
    """As in UCI's file: no January and no April."""
    draw = np.random.default_rng(seed)
    values = {
        "Administrative": draw.poisson(2, count),
        "Administrative_Duration": draw.exponential(80, count),
        "Informational": draw.poisson(0.5, count),
        "Informational_Duration": draw.exponential(30, count),
        "ProductRelated": draw.poisson(30, count),
        "ProductRelated_Duration": draw.exponential(1200, count),
        "BounceRates": draw.uniform(0, 0.2, count),
        "ExitRates": draw.uniform(0, 0.2, count),
        "PageValues": draw.exponential(30, count) * (draw.uniform(size=count) < 0.3),
        "SpecialDay": draw.choice([0, 0, 0, 0.2, 0.8, 1.0], count),
        "Month": draw.choice([2, 3, 5, 6, 7, 8, 9, 10, 11, 12], count),
        "OperatingSystems": draw.integers(1, 9, count),
        "Browser": draw.integers(1, 14, count),
        "Region": draw.integers(1, 10, count),
        "TrafficType": draw.integers(1, 21, count),
        "VisitorType": draw.choice([1, 2, 3], count, p=[0.2, 0.75, 0.05]),
        "Weekend": draw.integers(0, 2, count),
    }
    rows = np.column_stack([values[name].astype(np.float64) for name in NAMES])
    logit = -2.5 + 0.9 * np.log1p(rows[:, 8]) - 8 * rows[:, 7] + 0.5 * (rows[:, 10] == 11)
    return Sessions(rows, draw.uniform(size=count) < 1 / (1 + np.exp(-logit)), "")


def write_csv(file: Path, given: Sessions) -> Path:
    """The sessions as a file in UCI's spelling."""
    whole = {"Administrative", "Informational", "ProductRelated", "OperatingSystems", "Browser", "Region"}
    spelled = {
        "Month": lambda value: MONTHS[int(value) - 1],
        "VisitorType": lambda value: VISITOR_TYPES[int(value) - 1],
        "Weekend": lambda value: "TRUE" if value else "FALSE",
        **dict.fromkeys([*whole, "TrafficType"], lambda value: str(int(value))),
    }
    lines = [",".join([*NAMES, TARGET])]
    for row, bought in zip(given.rows, given.bought, strict=True):
        cells = [spelled.get(name, repr)(float(value)) for name, value in zip(NAMES, row, strict=True)]
        lines.append(",".join([*cells, "TRUE" if bought else "FALSE"]))
    file.write_text("\n".join(lines) + "\n")
    return file
