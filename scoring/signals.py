"""Feature contract 2, `session`: the seventeen features, and after them what a shop's page knows beside them.

A row is 38 float32, the seventeen in the order of scoring.features.NAMES, then SIGNALS. Unknown is NaN, which the graph
itself handles: 0 views of a cart differ from a shop that says nothing. Knows nothing of events and sessions.
"""

from collections.abc import Sequence
from math import nan
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from scoring.features import NAMES, Features, model_input

LastPageType = Literal["Administrative", "Informational", "ProductRelated", "Other"]
DeviceClass = Literal["desktop", "mobile", "tablet", "other"]

LAST_PAGE_TYPES: tuple[LastPageType, ...] = get_args(LastPageType)
DEVICE_CLASSES: tuple[DeviceClass, ...] = get_args(DeviceClass)
PAGE_TYPE_CODES = {name: float(code) for code, name in enumerate(LAST_PAGE_TYPES, 1)}
DEVICE_CODES = {name: float(code) for code, name in enumerate(DEVICE_CLASSES, 1)}

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Signals(Struct, frozen=True, gc=False):
    """One session's signals as people and files read them: docs/features.md has unit, range and source of each.

    None is unknown. `has_page_statistics`, no column of a row: whether any page of the session had statistics of the
    site; without them BounceRates, ExitRates and PageValues are unknown to contract 2.
    """

    page_views: Count
    events: Count
    elapsed_seconds: float
    engaged_seconds: float
    mean_scroll_depth: float | None
    distinct_pages: Count
    distinct_products: Count
    last_page_type: LastPageType | None
    seconds_since_previous_event: float | None
    searches: Count
    cart_adds: Count
    cart_removes: Count
    cart_quantity: float | None
    cart_value: float | None
    checkout_step: Count
    wishlist_adds: Count
    hour: Count
    device_class: DeviceClass | None
    previous_sessions: Count | None
    previous_purchases: Count | None
    days_since_previous_session: float | None
    has_page_statistics: bool


#: The columns of a row after the seventeen.
SIGNALS: tuple[str, ...] = Signals.__struct_fields__[:-1]
SESSION_NAMES: tuple[str, ...] = NAMES + SIGNALS
#: The columns of page statistics.
RATES = slice(NAMES.index("BounceRates"), NAMES.index("PageValues") + 1)


def session_input(features: Features, signals: Signals) -> Sequence[float]:
    """The model's input by contract 2: 38 numbers in the order of SESSION_NAMES."""
    row = [
        *model_input(features),
        signals.page_views,
        signals.events,
        signals.elapsed_seconds,
        signals.engaged_seconds,
        nan if (depth := signals.mean_scroll_depth) is None else depth,
        signals.distinct_pages,
        signals.distinct_products,
        nan if (page_type := signals.last_page_type) is None else PAGE_TYPE_CODES[page_type],
        nan if (since := signals.seconds_since_previous_event) is None else since,
        signals.searches,
        signals.cart_adds,
        signals.cart_removes,
        nan if (quantity := signals.cart_quantity) is None else quantity,
        nan if (value := signals.cart_value) is None else value,
        signals.checkout_step,
        signals.wishlist_adds,
        signals.hour,
        nan if (device := signals.device_class) is None else DEVICE_CODES[device],
        nan if (sessions := signals.previous_sessions) is None else sessions,
        nan if (purchases := signals.previous_purchases) is None else purchases,
        nan if (days := signals.days_since_previous_session) is None else days,
    ]
    if not signals.has_page_statistics:
        row[RATES] = (nan, nan, nan)
    return row
