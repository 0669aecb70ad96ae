"""Reads a file of sessions in UCI's format, strictly: what is not as the contract says is refused with its place."""

import csv
import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.errors import ScoringError
from scoring.features import MONTH_CODES, NAMES, VISITOR_CODES

TARGET = "Revenue"

_COUNTS = {
    "Administrative",
    "Informational",
    "ProductRelated",
    "OperatingSystems",
    "Browser",
    "Region",
    "TrafficType",
}
_FRACTIONS = {"BounceRates", "ExitRates", "SpecialDay"}
_TRUTHS = {"TRUE": 1.0, "FALSE": 0.0}
_WORDS: dict[str, dict[str, int] | dict[str, float]] = {
    "Month": {str(name): code for name, code in MONTH_CODES.items()},
    "VisitorType": {str(name): code for name, code in VISITOR_CODES.items()},
    "Weekend": _TRUTHS,
    TARGET: _TRUTHS,
}


class DataError(ScoringError):
    """The file cannot be used; the message is one line with row and column, row 1 being the first below the header."""


@dataclass(frozen=True)
class Sessions:
    """rows: float64[n, 17] in the order of NAMES; bought: bool[n]; sha256 of the file they came from."""

    rows: NDArray[np.float64]
    bought: NDArray[np.bool_]
    sha256: str


def load(file: Path) -> Sessions:
    """Read the whole file; raises DataError at the first value that is missing, unknown or out of range."""
    try:
        raw = file.read_bytes()
        lines = raw.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}: give the UCI file with --data") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not a CSV file in UTF-8: give the UCI file with --data") from error
    wanted = [*NAMES, TARGET]
    cells = csv.reader(lines)
    header = next(cells, [])
    if header != wanted:
        raise DataError(f"{file}: the first line must be {','.join(wanted)}")
    values = [_row(number, row, wanted) for number, row in enumerate(cells, 1)]
    if not values:
        raise DataError(f"{file} has no sessions after its first line")
    table = np.array(values)
    return Sessions(table[:, :-1], table[:, -1] == 1, hashlib.sha256(raw).hexdigest())


def _row(number: int, row: list[str], columns: list[str]) -> list[float]:
    if len(row) != len(columns):
        raise DataError(f"row {number}: {len(row)} values, not {len(columns)}")
    return [_value(number, column, cell) for column, cell in zip(columns, row, strict=True)]


def _value(number: int, column: str, cell: str) -> float:
    words = _WORDS.get(column)
    if words is not None:
        if cell not in words:
            raise DataError(f"row {number}, column {column}: {cell[:40]!r} is not one of {', '.join(words)}")
        return words[cell]
    try:
        value = float(int(cell)) if column in _COUNTS else float(cell)
    except ValueError as error:
        kind = "a whole number" if column in _COUNTS else "a number"
        raise DataError(f"row {number}, column {column}: {cell[:40]!r} is not {kind}") from error
    top = 1.0 if column in _FRACTIONS else 1e9
    if not (math.isfinite(value) and 0 <= value <= top):
        raise DataError(f"row {number}, column {column}: {cell[:40]} is not between 0 and {top:g}")
    return value
