"""Orders, carts and refunds as clients send them, made into what the log keeps. Pure.

What adorns an event never costs it: an unreadable currency is left out, a long id is cut. Amounts are checked.
"""

import hashlib
import hmac
import re
import uuid
from collections.abc import Sequence

from ingest.commerce import MAX_AMOUNT, MAX_QUANTITY, Commerce, CommerceItem
from ingest.errors import RequestRefusedError
from ingest.events import Purchase
from ingest.parsing.texts import printable
from ingest.schemas import SentCommerce, SentItem, SentPurchase

#: Domain separation for ids made with the purchase secret.
_ORDERS, _REFUNDS = b"opecom order ", b"opecom refund "
MAX_ORDER_ID, MAX_ITEM_ID = 64, 100
_CURRENCY = re.compile(r"[A-Z]{3}")


def purchase_of(sent: SentPurchase, verified: bool) -> Purchase:
    """Raises RequestRefusedError for an amount that no purchase has."""
    return Purchase(
        _amount(sent.amount, "amount"), order_id(sent.order_id), _currency(sent.currency), verified=verified
    )


def commerce_of(sent: SentCommerce, verified: bool) -> Commerce:
    """Raises RequestRefusedError for a number that no cart has, an item of no name and a refund of no order."""
    order = order_id(sent.order_id)
    is_refund = sent.action == "refund"
    if is_refund and order is None:
        raise RequestRefusedError("invalid", "a refund needs `order_id`, the order that is paid back")
    return Commerce(
        sent.action,
        None if sent.value is None else _amount(sent.value, "value"),
        _currency(sent.currency),
        tuple([_item(item, place) for place, item in enumerate(sent.items)]),
        order,
        verified=is_refund and verified,
    )


def order_id(given: str | int | None) -> str | None:
    """An order's id as it is kept; None for an empty one."""
    return _kept_id(given, MAX_ORDER_ID)


def order_event_id(secrets: Sequence[str], site: str, order_id: str) -> str:
    """The event_id of a site's verified order, a digest that nobody can make without a purchase secret of the site.

    Of several secrets the oldest, the last one, is the key: a repetition has the same id whichever of them signs it,
    until the oldest is retired. A browser's own report of the order has another id: both are folded into one.
    """
    return _signed_id(secrets, _ORDERS + f"{site}/{order_id}".encode())


def refund_event_id(secrets: Sequence[str], site: str, order_id: str, at: int, value: float | str | None) -> str:
    """The event_id of a site's verified refund, made alike; `at` in ms UTC."""
    worth = "" if value is None else repr(_number(value))
    return _signed_id(secrets, _REFUNDS + f"{site}/{order_id}/{at}/{worth}".encode())


def _signed_id(secrets: Sequence[str], content: bytes) -> str:
    digest = bytearray(hmac.digest(secrets[-1].encode(), content, hashlib.sha256)[:16])
    # Version and variant of a UUID of one's own making (RFC 9562, 5.8).
    digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def _item(item: SentItem, place: int) -> CommerceItem:
    name = _kept_id(item.id, MAX_ITEM_ID)
    if name is None:
        raise RequestRefusedError("invalid", f"items[{place}] has an empty `id`: send the product's number or name")
    quantity = _number(item.quantity)
    if not 0 <= quantity <= MAX_QUANTITY:
        raise RequestRefusedError(
            "invalid", f"`quantity` of items[{place}] is {item.quantity}; a cart has 0 to {MAX_QUANTITY} of an item"
        )
    price = None if item.price is None else _amount(item.price, f"price` of `items[{place}]")
    return CommerceItem(name, quantity, price)


def _kept_id(given: str | int | None, most: int) -> str | None:
    """Of a long id the beginning and a digest: two that begin alike stay two."""
    text = printable(str(given)).strip() if given is not None else ""
    if len(text) <= most:
        return text or None
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: most - len(digest) - 1]}~{digest}"


def _amount(given: float | str, name: str) -> float:
    amount = _number(given)
    if not 0 <= amount <= MAX_AMOUNT:
        raise RequestRefusedError("invalid", f"`{name}` is {given}; an amount is 0 to {MAX_AMOUNT}")
    return amount


def _number(given: float | str) -> float:
    """The number, 0 for -0: they are one amount, but two texts, of which an event's id or bytes would be made."""
    return float(given) + 0.0


def _currency(given: str | None) -> str | None:
    code = given.strip().upper() if given else ""
    return code if _CURRENCY.fullmatch(code) else None
