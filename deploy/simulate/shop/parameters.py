"""The one table of the generated shop: where visitors come from, how long they look, where they go next.

A visit is a Markov chain over what a shop's page can observe, so that the probability of buying follows exactly
(solve.py). Weights are relative; four of them are moved until the facts hold (calibrate.py).
"""

from typing import Literal, NamedTuple

from msgspec import Struct

from ingest.events import DeviceClass, PageType, VisitorType

#: What a visitor is on. `added` and `removed` are no pages: the page stays, the cart has changed.
Kind = Literal[
    "home", "list", "search", "product", "information", "account", "cart", "checkout", "shipping", "payment",
    "added", "removed",
]  # fmt: skip
#: Where a move leads: to a kind, out of the shop, to an order.
Target = Kind | Literal["leave", "buy"]
#: What is moved by the visitor, the device and the source alike: putting into the cart, leaving, going on to pay.
Lever = Literal["none", "add", "leave", "checkout"]


class ShopFacts(Struct, frozen=True):
    """Shares of sessions that hold exactly, by the solution of the chain.

    `bounce`: one page view and no more. `conversion`: buy. `of_carts` and `of_checkouts`: of those that ever have
    something in the cart, and of those that begin the checkout, the share that buys; 1 - `of_carts` is the abandonment
    of carts, which the Baymard Institute documents as 70 % in the mean of its studies.
    """

    bounce: float = 0.40
    conversion: float = 0.03
    of_carts: float = 0.30
    of_checkouts: float = 0.55


class KindOfPage(NamedTuple):
    """Its type as pages declare it; the median time on it in seconds, and the standard deviation of its logarithm."""

    type: PageType | None
    seconds: float
    deviation: float


PAGES: dict[Kind, KindOfPage] = {
    "home": KindOfPage(None, 14.0, 0.9),
    "list": KindOfPage("ProductRelated", 19.0, 0.9),
    "search": KindOfPage("ProductRelated", 16.0, 0.8),
    "product": KindOfPage("ProductRelated", 26.0, 1.0),
    "information": KindOfPage("Informational", 24.0, 1.0),
    "account": KindOfPage("Administrative", 17.0, 0.8),
    "cart": KindOfPage("Administrative", 17.0, 0.8),
    "checkout": KindOfPage("Administrative", 30.0, 0.7),
    "shipping": KindOfPage("Administrative", 26.0, 0.7),
    "payment": KindOfPage("Administrative", 30.0, 0.7),
}
#: After something was put into or taken out of the cart.
CHANGED_CART = KindOfPage(None, 5.0, 0.6)
#: A page is read when it was looked at for so long, in seconds: the tracker's first ping says so.
READ_SECONDS = 15.0
#: No view is longer, in seconds: sessions end after 30 minutes without an event.
LONGEST_SECONDS = 900.0

MOVES: dict[Kind, dict[Target, float]] = {
    "home": {"list": 32, "search": 12, "product": 18, "information": 5, "account": 3, "cart": 1, "leave": 16},
    "list": {"product": 54, "list": 16, "search": 5, "home": 4, "information": 1, "cart": 1, "leave": 16},
    "search": {"product": 56, "search": 12, "list": 6, "home": 3, "cart": 1, "leave": 18},
    "product": {
        "added": 4, "product": 28, "list": 26, "search": 5, "home": 4, "information": 3, "cart": 1, "leave": 22,
    },
    "information": {"home": 20, "list": 22, "product": 15, "information": 12, "account": 3, "leave": 24},
    "account": {"home": 20, "list": 18, "product": 10, "account": 20, "cart": 4, "leave": 24},
    "cart": {
        "checkout": 26, "removed": 9, "list": 14, "product": 14, "home": 5, "information": 3, "account": 2, "leave": 20,
    },
    "checkout": {"shipping": 70, "cart": 8, "information": 3, "product": 2, "leave": 14},
    "shipping": {"payment": 76, "checkout": 4, "cart": 3, "leave": 12},
    "payment": {"buy": 82, "shipping": 3, "cart": 3, "leave": 9},
    "added": {"cart": 42, "product": 18, "list": 20, "checkout": 6, "leave": 10},
    "removed": {"list": 24, "product": 16, "home": 8, "checkout": 14, "leave": 18},
}  # fmt: skip
#: What follows from something in the cart, on any page before the checkout: the cart is looked at, fewer leave.
CART_LOOKED_AT, CART_STAYS = 8.0, 0.75
#: A checkout that was begun is found again, by how far it got; from other pages, too.
CHECKOUT_AGAIN = (1.0, 1.6, 2.4, 3.2)
RETURN_TO_CHECKOUT = 2.0
#: By how many products were looked at: 1, 2, 3 or more.
ADD_BY_PRODUCTS = (0.7, 1.0, 1.4)
#: By whether the page was read: not, or for READ_SECONDS.
ADD_BY_READING, LEAVE_BY_READING = (0.35, 1.4), (1.35, 0.8)
#: Most products that a cart takes.
FULL_CART = 3


class Trait(NamedTuple):
    """A share of sessions, and by what it multiplies the weights of adding, leaving and going on to pay."""

    share: float
    add: float
    leave: float
    checkout: float


VisitorClass = Literal["new", "returning", "customer"]
Source = Literal["Direct", "Organic search", "Paid search", "Email", "Social"]

VISITORS: dict[VisitorClass, Trait] = {
    "new": Trait(0.62, 0.75, 1.06, 0.85),
    "returning": Trait(0.28, 1.3, 0.95, 1.0),
    "customer": Trait(0.10, 2.4, 0.85, 1.6),
}
VISITOR_TYPES: dict[VisitorClass, VisitorType] = {
    "new": "New_Visitor",
    "returning": "Returning_Visitor",
    "customer": "Returning_Visitor",
}
DEVICES: dict[DeviceClass, Trait] = {
    "desktop": Trait(0.38, 1.3, 0.94, 1.3),
    "mobile": Trait(0.56, 0.8, 1.06, 0.8),
    "tablet": Trait(0.06, 1.0, 1.0, 1.0),
}
SOURCES: dict[Source, Trait] = {
    "Direct": Trait(0.25, 1.2, 0.95, 1.1),
    "Organic search": Trait(0.35, 1.0, 1.0, 1.0),
    "Paid search": Trait(0.20, 0.8, 1.15, 0.9),
    "Email": Trait(0.08, 1.8, 0.9, 1.2),
    "Social": Trait(0.12, 0.5, 1.3, 0.75),
}
#: Where a session begins, by its source.
ENTRANCES: dict[Source, dict[Kind, float]] = {
    "Direct": {"home": 0.62, "list": 0.14, "product": 0.20, "information": 0.04},
    "Organic search": {"home": 0.20, "list": 0.25, "product": 0.43, "information": 0.12},
    "Paid search": {"home": 0.08, "list": 0.35, "product": 0.55, "information": 0.02},
    "Email": {"home": 0.20, "list": 0.40, "product": 0.38, "information": 0.02},
    "Social": {"home": 0.25, "list": 0.20, "product": 0.50, "information": 0.05},
}
#: Share of sessions whose end the browser reports, by device.
REPORTED_ENDS: dict[DeviceClass, float] = {"desktop": 0.7, "mobile": 0.45, "tablet": 0.5}

#: Sessions by hour of the day, from the daily cut on: 04:00, 05:00, ...
HOURS = (1, 1, 2, 4, 5, 6, 6, 6, 7, 6, 6, 6, 6, 7, 8, 10, 12, 12, 10, 7, 4, 2, 1, 0)
#: Sessions by day of the week, from Monday on.
WEEK = (1.05, 1.0, 0.95, 0.95, 0.9, 1.0, 1.15)
