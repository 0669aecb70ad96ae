"""Rows of the UCI Online Shoppers file (UCI 468): read, checked, and sampled evenly. Knows nothing of events."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from deploy.simulate.errors import SimulationDataError
from scoring.features import NAMES, Features

#: The columns of the file, in its order: the seventeen features and the outcome.
COLUMNS: tuple[str, ...] = (*NAMES, "Revenue")
#: The longest that one page view can count, in ms; the mean view of a row must not be longer.
VIEW_CAP_MS = 30 * 60 * 1000
#: Views of one session, beyond which the worker would drop some as overflow.
MOST_VIEWS = 1_900

_TRUTH = {"TRUE": True, "FALSE": False}


class Row(Struct, frozen=True):
    """One row: its number in the file, counted from 1, the features in the file's units, and whether it bought."""

    number: int
    features: Features
    revenue: bool


def views_of(features: Features) -> tuple[tuple[int, int], ...]:
    """(page views, ms on them) of the three kinds of pages, in the file's order, to the millisecond."""
    return (
        (features.Administrative, _millis(features.Administrative_Duration)),
        (features.Informational, _millis(features.Informational_Duration)),
        (features.ProductRelated, _millis(features.ProductRelated_Duration)),
    )


def _millis(seconds: float) -> int:
    """The seconds rounded to the millisecond, halves as `round(seconds, 3)` decides them."""
    return round(round(seconds, 3) * 1000)


def read(file: Path) -> list[Row]:
    """All rows of the file; raises SimulationDataError."""
    try:
        with file.open(newline="", encoding="utf-8") as text:
            reader = csv.DictReader(text)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise SimulationDataError(
                    f"{file} has no column {', '.join(missing)}: --data takes the UCI Online Shoppers file"
                )
            rows = [_row(file, number, raw) for number, raw in enumerate(reader, 1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SimulationDataError(f"cannot read {file}: {error}") from error
    if not rows:
        raise SimulationDataError(f"{file} has no rows: --data takes the UCI Online Shoppers file")
    return rows


def write(file: Path, rows: Sequence[Row]) -> None:
    """Write rows as the UCI file has them."""
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in rows:
            values = [*msgspec.structs.astuple(row.features), row.revenue]
            writer.writerow([str(value).upper() if isinstance(value, bool) else value for value in values])


def sample(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` rows, the same each time: buyers in their proportion (at least one of each outcome), spread evenly."""
    if count >= len(rows):
        return list(rows)
    buyers = [row for row in rows if row.revenue]
    others = [row for row in rows if not row.revenue]
    least, most = min(1, len(buyers), count - 1), min(len(buyers), count)
    bought = min(max(round(count * len(buyers) / len(rows)), least, count - len(others)), most)
    chosen = _spread(buyers, bought) + _spread(others, count - bought)
    return sorted(chosen, key=lambda row: row.number)


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    return [rows[index * len(rows) // count] for index in range(count)]


def _row(file: Path, number: int, raw: dict[str, Any]) -> Row:
    where = f"{file}, line {number + 1}"
    try:
        features = msgspec.convert(
            {name: _TRUTH[raw[name]] if name == "Weekend" else raw[name] for name in NAMES}, Features, strict=False
        )
        row = Row(number, features, _TRUTH[raw["Revenue"]])
    except (msgspec.ValidationError, KeyError) as error:
        raise SimulationDataError(f"{where}: {error}") from error
    _check(where, features)
    return row


def _check(where: str, features: Features) -> None:
    """Raise SimulationDataError for a row that no session of events can come back as."""
    kinds = views_of(features)
    for views, millis in kinds:
        if views < 0 or millis < 0:
            raise SimulationDataError(f"{where}: a count or a duration is negative")
        if millis and not views:
            raise SimulationDataError(f"{where}: time on a kind of pages of which none was viewed")
        if views and millis > views * VIEW_CAP_MS:
            raise SimulationDataError(
                f"{where}: its views last more than 30 minutes on average, and none can count longer"
            )
    if sum(views for views, _ in kinds) > MOST_VIEWS:
        raise SimulationDataError(f"{where}: more than {MOST_VIEWS} page views in one session")
    if not (0 <= features.BounceRates <= 1 and 0 <= features.ExitRates <= 1 and features.PageValues >= 0):
        raise SimulationDataError(f"{where}: rates lie between 0 and 1, page values at or above 0")
