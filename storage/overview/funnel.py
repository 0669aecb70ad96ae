"""How many sessions came to a product, to a cart, to the checkout and to an order. SQL and its reading."""

from storage.overview.answers import FunnelStep, StepCount
from storage.overview.shares import share
from storage.overview.timeline import BOUGHT, BY_SESSION, IN_ORDER, UPDATES

#: Pages that are a cart or a checkout by a part of their path, for shops whose pages send no commerce events.
CART_WORDS = "cart|basket|shopping-?bag|bag|warenkorb|panier|carrello|carrito|cesta|winkelwagen"
CHECKOUT_WORDS = "checkouts?|kasse|caisse|afrekenen|onepage"
STEPS: tuple[FunnelStep, ...] = ("session", "view", "cart", "checkout", "purchase")


def _page_of(words: str) -> str:
    """A pattern of paths with a part that is, or begins with, one of these words."""
    return f"(?i)(^|/)({words})([./;_-]|$)"


#: What is in the cart: -1 where only its value is known. Rows of before there were signals have nothing.
CART_QUANTITY = "multiIf(events IS NULL, 0, cart_quantity IS NULL, -1, assumeNotNull(cart_quantity))"
# Most pages are neither, and one look is enough for them.
_PAGE_STEP = """multiIf(ifNull(event_type, '') != 'page_view' OR NOT match(ifNull(path, ''), {either_page:String}), 0,
       match(ifNull(path, ''), {checkout_page:String}), 2, 1)"""
_STEPS = f"""
SELECT {BOUGHT} AS bought, max(ProductRelated > 0 OR ifNull(distinct_products, 0) > 0) AS viewed,
       max(ifNull(cart_adds, 0) > 0 OR {CART_QUANTITY} != 0 OR {_PAGE_STEP} = 1) AS carted,
       max(ifNull(checkout_step, 0) > 0 OR {_PAGE_STEP} = 2) AS began,
       argMax(unverified_purchases, version) > 0 AND NOT argMax(revenue, version) AS reported
{UPDATES} {BY_SESSION}
"""
_OWN = ("true", "viewed", "carted", "began", "bought")
_REACHED = [" OR ".join(_OWN[place:]) for place in range(len(_OWN))]
_COUNTS = ", ".join(f"toInt64(countIf({each}))" for each in (*_REACHED, *_OWN, "reported"))
FUNNEL = f"SELECT {_COUNTS} FROM ({_STEPS}) {IN_ORDER}"  # noqa: S608  our names
GIVEN = {"either_page": _page_of(f"{CART_WORDS}|{CHECKOUT_WORDS}"), "checkout_page": _page_of(CHECKOUT_WORDS)}


def steps_of(reached: tuple[int, ...], own: tuple[int, ...]) -> list[StepCount]:
    """The steps of these counts, in the order of STEPS."""
    before = (reached[0], *reached)
    return [
        StepCount(step, many, itself, share(many, reached[0]), share(many, previous))
        for step, many, itself, previous in zip(STEPS, reached, own, before, strict=False)
    ]
