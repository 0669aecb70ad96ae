"""What became of the carts of a period: the rule of docs/overview.md, as SQL and its reading."""

from collections.abc import Iterable
from typing import Any

from storage.overview.answers import CartFate, FateCount
from storage.overview.funnel import CART_QUANTITY
from storage.overview.periods import DAY_MS
from storage.overview.shares import share
from storage.overview.timeline import BOUGHT, BY_SESSION, IN_ORDER, updates_between

#: In the order in which they are tried.
FATES: tuple[CartFate, ...] = ("bought", "unverified", "bought_later", "alive", "emptied", "left")
#: Days in which a visitor may buy later, if not said otherwise, and the most.
USUAL_RETURN, MOST_RETURN = 7, 60

_HAS_CART = f"max(ifNull(cart_adds, 0) > 0 OR {CART_QUANTITY} != 0)"
#: An order of the visitor in another session, after this one began.
_LATER = "arrayExists(at -> at > cart.began AND at <= cart.last_at + {return_ms:Int64}, ordered_at)"
# One look at the timeline: sessions that had a cart or bought, by visitor, then each cart beside the visitor's orders.
CARTS = f"""
WITH visits AS (
    SELECT argMax(visitor_id, version) AS visitor, toUnixTimestamp64Milli(opened_at) AS began,
           max(toUnixTimestamp64Milli(last_event_at)) AS last_at, argMax(revenue, version) AS ordered,
           argMax(unverified_purchases, version) > 0 AS reported, argMax({CART_QUANTITY}, version) AS quantity,
           ifNull(max(cart_value), -1) AS value, {BOUGHT} AS bought,
           minIf(toUnixTimestamp64Milli(occurred_at), revenue) AS bought_at,
           {_HAS_CART} AND began >= {{since:Int64}} AND began < {{until:Int64}} AS has_cart
    {updates_between("{since:Int64} - {day_ms:Int64}", "{until:Int64} + {return_ms:Int64} + {day_ms:Int64}")}
    {BY_SESSION} AND (bought OR has_cart)
),
visitors AS (
    SELECT groupArrayIf(bought_at, bought) AS ordered_at, groupArrayIf(CAST(
        (began, last_at, ordered, reported, quantity, value),
        'Tuple(began Int64, last_at Int64, ordered Bool, reported Bool, quantity Float64, value Float64)'
    ), has_cart) AS carts
    FROM visits GROUP BY visitor
)
SELECT multiIf(cart.ordered, 1, cart.reported, 2, {_LATER}, 3,
               cart.quantity != 0 AND cart.last_at >= {{now:Int64}} - {{idle_ms:Int64}}, 4,
               cart.quantity = 0, 5, 6) AS fate,
       toInt64(count()), sum(greatest(cart.value, 0)), toInt64(countIf(cart.value < 0)),
       toInt64(countIf(cart.last_at + {{return_ms:Int64}} > {{now:Int64}}))
FROM visitors ARRAY JOIN carts AS cart
GROUP BY fate ORDER BY fate {IN_ORDER}
"""  # noqa: S608  our names


def given(days: int, now: int, idle_ms: int) -> dict[str, Any]:
    """The parameters of CARTS beside those of the window; a cart is alive for `idle_ms` after its last event."""
    return {"return_ms": days * DAY_MS, "day_ms": DAY_MS, "now": now, "idle_ms": idle_ms}


def fates_of(rows: Iterable[Any]) -> list[FateCount]:
    """Every fate, also those of no cart."""
    found = {FATES[fate - 1]: (many, value, unvalued, young) for fate, many, value, unvalued, young in rows}
    carts = sum(many for many, *_ in found.values())
    return [
        FateCount(fate, many, share(many, carts), round(float(value), 6), unvalued, young if fate == "left" else 0)
        for fate in FATES
        for many, value, unvalued, young in [found.get(fate, (0, 0.0, 0, 0))]
    ]
