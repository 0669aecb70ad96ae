"""How people read features and signals: the name of each, its value with its unit. English, the only place for it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

Value = float | int | str | bool
#: How a value is read that nobody knows.
UNKNOWN = "unknown"

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


_PAGE_TYPES = {"Administrative": "cart or checkout", "Informational": "information", "ProductRelated": "product"}


class Subject(NamedTuple):
    """What a sentence says moves the probability: "2 items in the cart", which take "raise" and not "raises"."""

    text: str
    is_plural: bool = False


class Words(NamedTuple):
    """A feature's name inside a sentence, and how its value is written.

    `subject` makes a sentence's subject of a value, None being unknown; without one it is name and value, apart by a
    comma.
    """

    name: str
    write: Callable[[Value], str]
    subject: Callable[[Value | None], Subject] | None = None


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


def subject_of(feature: str, value: Value | None) -> Subject:
    """The subject of a sentence about a feature's value; None is unknown."""
    words = words_of(feature)
    if words.subject:
        return words.subject(value)
    return Subject(f"{words.name}, {UNKNOWN if value is None else words.write(value)},")


def _cart(quantity: Value | None) -> Subject:
    if quantity is None:
        return Subject("a cart of unknown size")
    return Subject("1 item in the cart") if quantity == 1 else Subject(f"{plain(quantity)} items in the cart", True)


def _checkout(step: Value | None) -> Subject:
    return Subject("begun checkout" if step else "no begun checkout")


def _percent_of_hundred(value: Value) -> str:
    return plain(value) if isinstance(value, bool | str) else percent(value / 100)


def _page_type(value: Value) -> str:
    return _PAGE_TYPES.get(value, value) if isinstance(value, str) else plain(value)


def _month(value: Value) -> str:
    return _MONTHS.get(value, value) if isinstance(value, str) else plain(value)


def _visitor(value: Value) -> str:
    return value.removesuffix("_Visitor").replace("_", " ").lower() if isinstance(value, str) else plain(value)


#: The features of both contracts.
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
    "page_views": Words("page views", plain),
    "events": Words("events", plain),
    "elapsed_seconds": Words("time since the first event", seconds),
    "engaged_seconds": Words("time engaged", seconds),
    "mean_scroll_depth": Words("depth of scrolling", _percent_of_hundred),
    "distinct_pages": Words("different pages", plain),
    "distinct_products": Words("different products", plain),
    "last_page_type": Words("type of the last page", _page_type),
    "seconds_since_previous_event": Words("time since the event before", seconds),
    "searches": Words("searches", plain),
    "cart_adds": Words("additions to the cart", plain),
    "cart_removes": Words("removals from the cart", plain),
    "cart_quantity": Words("items in the cart", plain, _cart),
    "cart_value": Words("value of the cart", plain),
    "checkout_step": Words("step of the checkout", plain, _checkout),
    "wishlist_adds": Words("additions to the wish list", plain),
    "hour": Words("hour of the day", plain),
    "device_class": Words("device", plain),
    "previous_sessions": Words("earlier sessions", plain),
    "previous_purchases": Words("earlier purchases", plain),
    "days_since_previous_session": Words("days since the session before", plain),
}
