"""A session's signals counted again from its events, the slow and obvious way, sharing no code with the fold."""

from collections.abc import Iterable
from datetime import UTC, datetime
from math import isnan, nan
from typing import Any

from ingest.commerce import CommerceItem
from ingest.events import Event

ACTIONS = (
    *("view_item", "view_item_list", "select_item", "search", "add_to_wishlist", "add_to_cart", "remove_from_cart"),
    *("view_cart", "begin_checkout", "add_shipping_info", "add_payment_info", "refund"),
)
STEPS = {"begin_checkout": 1, "add_shipping_info": 2, "add_payment_info": 3}
#: A line of the cart: the quantity, the worth of all, the currency.
Lines = dict[str, tuple[float, float, str]]


def action_of(event: Event) -> str:
    """What an event is to a shop, "" where it is nothing."""
    if event.purchase is not None:
        return "purchase"
    if event.commerce is not None:
        return event.commerce.action
    named = [event.custom.label, event.custom.action] if event.custom is not None else []
    return next((name for name in named if name in ACTIONS), "")


def recount_signals(events: Iterable[Event]) -> dict[str, Any]:
    """The signals of one session in UTC without page statistics, as a record has them."""
    unique = {(event.event_id, event.purchase is not None and event.purchase.verified): event for event in events}
    ordered = [unique[name] for name in sorted(unique, key=lambda name: (unique[name].occurred_at, *name))]
    first, last = ordered[0], ordered[-1]
    views = [event for event in ordered if event.type == "page_view"]
    engaged, depths = engagement(ordered)
    told = [event.history for event in ordered if event.history is not None]
    history = told[0] if told else None
    actions = [action_of(event) for event in ordered]
    looked_at = ("view_item", "select_item", "add_to_wishlist", "add_to_cart")
    products = {item.id for event in ordered if action_of(event) in looked_at for item in items_of(event)}
    lines, step = cart([event for event in ordered if action_of(event) in CART])
    amounts = [line[1] for line in lines.values()]
    currencies = {line[2] for line in lines.values()} - {""}
    return {
        "page_views": len(views),
        "events": len(ordered),
        "elapsed_seconds": (last.occurred_at - first.occurred_at) / 1000,
        "engaged_seconds": sum(engaged) / 1000,
        "mean_scroll_depth": sum(depths) / len(depths) if depths else None,
        "distinct_pages": len({view.page.path for view in views if view.page}),
        "distinct_products": min(len(products), 1_000),
        "last_page_type": ((views[-1].page and views[-1].page.type) or "Other") if views else None,
        "seconds_since_previous_event": (
            (last.occurred_at - ordered[-2].occurred_at) / 1000 if len(ordered) > 1 else None
        ),
        "searches": actions.count("search"),
        "cart_adds": actions.count("add_to_cart"),
        "cart_removes": actions.count("remove_from_cart"),
        "cart_quantity": known(sum(line[0] for line in lines.values())),
        "cart_value": None if len(currencies) > 1 else known(sum(amounts)),
        "checkout_step": step,
        "wishlist_adds": actions.count("add_to_wishlist"),
        "hour": datetime.fromtimestamp(first.occurred_at / 1000, UTC).hour,
        "device_class": first.context.device_class,
        "previous_sessions": history.previous_sessions if history else None,
        "previous_purchases": history.previous_purchases if history else None,
        "days_since_previous_session": history.days_since_previous_session if history else None,
        "has_page_statistics": False,
    }


def recount_refunds(events: Iterable[Event]) -> list[tuple[str, str, int, float | None, str]]:
    """The verified refunds of one session: order, event id, time, amount and currency."""
    told = {event.event_id: event for event in events if event.commerce and event.commerce.action == "refund"}
    return [
        (each.order_id, event.event_id, event.occurred_at, each.value, each.currency or "")
        for event in sorted(told.values(), key=lambda event: (event.occurred_at, event.event_id))
        if (each := event.commerce) and each.verified and each.order_id
    ]


def engagement(ordered: list[Event]) -> tuple[list[int], list[float]]:
    """Of each page view that has pings, and of what was before the first one: ms engaged and depth of scrolling."""
    by_view: dict[int, list[Event]] = {}
    view = 0
    for event in ordered:
        if event.type == "page_view":
            view += 1
        elif event.ping is not None:
            by_view.setdefault(view, []).append(event)
    pings = [[event.ping for event in each if event.ping] for each in by_view.values()]
    return (
        [min(max(ping.engaged_ms for ping in each), 1_800_000) for each in pings],
        [max(round(ping.scroll_depth, 2) for ping in each) for each in pings],
    )


CART = ("add_to_cart", "remove_from_cart", "view_cart", "purchase", *STEPS)


def cart(events: list[Event]) -> tuple[Lines, int]:
    """The cart after these events, of which the first 200 count, and how far the checkout is."""
    lines: Lines = {}
    step = 0
    for event in events[:200]:
        action, currency = action_of(event), (event.commerce and event.commerce.currency) or ""
        value = event.commerce.value if event.commerce else None
        if action == "purchase":
            lines, step = {}, 0
        elif action == "add_to_cart":
            for item in items_of(event) or [CommerceItem("", 1, value)]:
                put(lines, item, currency)
        elif action == "remove_from_cart":
            for item in items_of(event) or [CommerceItem("", 1)]:
                take(lines, item)
            step = step if lines else 0
        else:
            if items_of(event):
                lines = {}
                for item in items_of(event):
                    put(lines, item, currency)
            elif action == "view_cart" and value == 0:
                lines, step = {}, 0
            elif value and not lines:
                lines[""] = (nan, value, currency)
            step = max(step, STEPS.get(action, 0))
    return lines, step


def items_of(event: Event) -> list[CommerceItem]:
    """The items of an event; those without a price share what the priced ones leave of its value."""
    if event.commerce is None:
        return []
    items, value = event.commerce.items, event.commerce.value
    quantity = sum(item.quantity for item in items if item.price is None)
    priced = sum(item.quantity * item.price for item in items if item.price is not None)
    price = (value - priced) / quantity if value is not None and quantity and value >= priced else None
    return [CommerceItem(item.id, item.quantity, price if item.price is None else item.price) for item in items]


def put(lines: Lines, item: CommerceItem, currency: str) -> None:
    quantity, worth, before = lines.get(item.id, (0.0, 0.0, ""))
    worth += nan if item.price is None else item.quantity * item.price
    if before and currency and before != currency:
        worth = nan
    lines[item.id] = (quantity + item.quantity, worth, before or currency)


def take(lines: Lines, item: CommerceItem) -> None:
    name = item.id if item.id in lines else "" if "" in lines else list(lines)[-1] if lines and not item.id else None
    if name is None:
        return
    quantity, worth, currency = lines[name]
    if quantity > item.quantity:
        left = quantity - item.quantity
        lines[name] = (left, worth * left / quantity, currency)
    else:
        del lines[name]


def known(amount: float) -> float | None:
    return None if isnan(amount) else amount
