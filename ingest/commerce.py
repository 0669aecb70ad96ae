"""What an event can say of a shop's own business: the cart, the checkout, a refund, and the visitor's earlier sessions.

Actions have the names of Google Analytics 4's recommended events, whose `purchase` is an event type of its own here.
"""

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

CommerceAction = Literal[
    "view_item",
    "view_item_list",
    "select_item",
    "search",
    "add_to_wishlist",
    "add_to_cart",
    "remove_from_cart",
    "view_cart",
    "begin_checkout",
    "add_shipping_info",
    "add_payment_info",
    "refund",
]
ACTION_NAMES: tuple[CommerceAction, ...] = get_args(CommerceAction)
ACTIONS: frozenset[str] = frozenset(ACTION_NAMES)

#: Items of one event.
MAX_ITEMS = 50
#: More of one item is no shopping.
MAX_QUANTITY = 1_000_000
ItemId = Annotated[str, Meta(min_length=1, max_length=100)]
Quantity = Annotated[float, Meta(ge=0, le=MAX_QUANTITY)]
#: A sum that no shop takes is refused rather than carried into every mean.
MAX_AMOUNT = 1_000_000_000_000
Money = Annotated[float, Meta(ge=0, le=MAX_AMOUNT)]
CurrencyCode = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
#: An order's id as it is kept (ingest/orders.py).
OrderId = Annotated[str, Meta(max_length=64)]


class CommerceItem(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A product: its id in the shop, how many (of cloth it may be 1.5), the price of one."""

    id: ItemId
    quantity: Quantity = 1.0
    price: Money | None = None


class Commerce(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """A step of buying. `value` is the sum of its items, or of the whole cart where the action shows it.

    `order_id` belongs to a refund, of which `value` is the part that was paid back, or all where there is none.
    `verified` is Purchase.verified, for refunds: only a verified one takes revenue back.
    """

    action: CommerceAction
    value: Money | None = None
    currency: CurrencyCode | None = None
    items: Annotated[tuple[CommerceItem, ...], Meta(max_length=MAX_ITEMS)] = ()
    order_id: OrderId | None = None
    verified: bool = False


class VisitorHistory(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """What the visitor's browser knows of earlier sessions on this site, beside the visitor id.

    `days_since_previous_session`: from the end of the session before to the start of this one; None for the first.
    """

    previous_sessions: Annotated[int, Meta(ge=0, le=100_000)]
    previous_purchases: Annotated[int, Meta(ge=0, le=100_000)] = 0
    days_since_previous_session: Annotated[float, Meta(ge=0, le=36_525)] | None = None
