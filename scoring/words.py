"""How people read the features: the name of each, and its value with its unit. English, and the only place for it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Value = float | int | str | bool

_MONTHS = {
    "Jan": "January",
    "Feb": "February",
    "Mar": "March",
    "Apr": "April",
    "June": "June",
    "Jul": "July",
    "Aug": "August",
    "Sep": "September",
    "Oct": "October",
    "Nov": "November",
    "Dec": "December",
}


class Words(NamedTuple):
    """A feature's name inside a sentence, and how its value is written."""

    name: str
    write: Callable[[Value], str]


def words_of(feature: str) -> Words:
    """The words of a feature; one that has none is its own name."""
    return WORDS.get(feature) or Words(feature, plain)


def plain(value: Value) -> str:
    """A value without a unit: three digits, yes or no, or the text itself."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if abs(value) >= 1000:
            return f"{value:.0f}"
        short = f"{value:.3g}"
        return np.format_float_positional(float(short), trim="-") if "e" in short else short
    return str(value)


def seconds(value: Value) -> str:
    """A duration: 23 s, 10 min, 1.5 h."""
    if isinstance(value, bool | str):
        return plain(value)
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0") + " s"
    if value < 119.5:
        return f"{value:.0f} s"
    if value < 7_170:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f}".removesuffix(".0") + " h"


def percent(value: Value) -> str:
    """A share, 0 to 1."""
    return plain(value) if isinstance(value, bool | str) else f"{value * 100:.1f}".removesuffix(".0") + " %"


def _month(value: Value) -> str:
    return _MONTHS.get(value, value) if isinstance(value, str) else plain(value)


def _visitor(value: Value) -> str:
    return value.removesuffix("_Visitor").replace("_", " ").lower() if isinstance(value, str) else plain(value)


#: The seventeen features of the contract.
WORDS: Mapping[str, Words] = {
    "Administrative": Words("cart and checkout pages", plain),
    "Administrative_Duration": Words("time on cart and checkout pages", seconds),
    "Informational": Words("information pages", plain),
    "Informational_Duration": Words("time on information pages", seconds),
    "ProductRelated": Words("product pages", plain),
    "ProductRelated_Duration": Words("time on product pages", seconds),
    "BounceRates": Words("bounce rate of the pages", percent),
    "ExitRates": Words("exit rate of the pages", percent),
    "PageValues": Words("value of the pages", plain),
    "SpecialDay": Words("closeness to a special day", plain),
    "Month": Words("month", _month),
    "OperatingSystems": Words("operating system code", plain),
    "Browser": Words("browser code", plain),
    "Region": Words("region code", plain),
    "TrafficType": Words("traffic code", plain),
    "VisitorType": Words("visitor", _visitor),
    "Weekend": Words("weekend", plain),
}
