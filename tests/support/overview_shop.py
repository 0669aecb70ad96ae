"""Sessions of two shops and a run of one, as the writer stores them, with everything that the overview treats apart."""

import random
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from scoring.manifest import Band
from scoring.signals import Signals
from stream.scored import (
    CategoryNames,
    Cause,
    Counts,
    CurrencyAmount,
    Refund,
    ScoredSession,
    VerifiedOrder,
)
from tests.support.events import NOON, event_id
from tests.support.scored import FEATURES, SIGNALS, scored

DAY = 24 * 3_600_000
DAYS = 6
SITES = ("shop", "shop", "shop~past", "other")
BANDS: tuple[Band, ...] = ("low", "building", "high")
#: Path and page type.
PAGES = (
    *(("/", None), ("/p/1", "ProductRelated"), ("/p/2", "ProductRelated"), ("/help", "Informational")),
    *(("/cart", "Administrative"), ("/de/warenkorb.html", "Administrative"), ("/checkout/payment", "Administrative")),
    ("/cartoons", "Informational"),
)
#: A session as all of its updates, the oldest first.
Updates = list[ScoredSession]


class OverviewShop:
    """Draws sessions; offsets grow from session to session."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._offset = 0

    def sessions(self, count: int) -> list[Updates]:
        made = [self._session(number) for number in range(count)]
        self._repeat_an_order(made)
        return made

    def _session(self, number: int) -> Updates:
        chance, opened_at = self._chance, NOON + self._chance.randrange(DAYS * DAY)
        whole: dict[str, Any] = {
            "site": chance.choice(SITES),
            "session_id": f"s{number}",
            "visitor_id": f"v{chance.randrange(14)}",
            "opened_at": opened_at,
            "bot": chance.random() < 0.1,
            "origin": CategoryNames("Chrome", "iOS", "DE", chance.choice(("Direct", "Email", "Social"))),
            "unverified_purchases": int(chance.random() < 0.1),
            "model_version": chance.choice(("first", "second")),
        }
        signals = replace(
            SIGNALS, cart_adds=0, cart_quantity=0.0, cart_value=0.0, checkout_step=0, distinct_products=0,
            device_class=chance.choice(("desktop", "mobile", None)),
        )  # fmt: skip
        events, buys = chance.randrange(1, 12), chance.random() < 0.4
        has_signals, updates = chance.random() < 0.9, []
        bought: dict[str, Any] = {}
        viewed = 0
        for event in range(1, events + 1):
            at = opened_at + event * 60_000
            if buys and event == events:
                bought = self._order(number, at)
            signals = self._moved(signals)
            path, kind = chance.choice(PAGES)
            viewed += kind == "ProductRelated" and not bought
            score = round(chance.random(), 2)
            self._offset += 1
            cause = Cause(self._offset, event_id(self._offset), "page_view", kind, path)  # type: ignore[arg-type]
            given = {
                "event": Cause(self._offset, event_id(self._offset), "purchase") if bought else cause,
                "occurred_at": at,
                "last_event_at": at,
                "updated_at": at + 100,
                "counts": Counts(event, event, 0, 0, 0),
                "probability": score,
                "band": BANDS[min(int(score * 3), 2)],
                "features": replace(FEATURES, ProductRelated=viewed),
                "signals": signals if has_signals else None,
            }
            updates.append(scored(self._offset, **(whole | given | bought)))
        if chance.random() < 0.8:
            self._offset += 1
            version = scored(self._offset, True).version
            last = replace(updates[-1], version=version, status="closed", event=Cause(self._offset))
            updates.append(last)
        return updates

    def _moved(self, signals: Signals) -> Signals:
        """A cart after another event, mostly as it was."""
        chance, quantity = self._chance, signals.cart_quantity
        action = chance.choice(("add", "remove", "checkout", "unknown", *["look"] * 6))
        if action == "add":
            return replace(signals, cart_adds=signals.cart_adds + 1, cart_quantity=1.0, cart_value=20.0)
        if action == "remove" and quantity:
            return replace(signals, cart_quantity=0.0, cart_value=0.0)
        if action == "checkout" and quantity:
            return replace(signals, checkout_step=1)
        if action == "unknown" and chance.random() < 0.3:
            return replace(signals, cart_quantity=None, cart_value=None)
        if action == "look" and chance.random() < 0.2:
            return replace(signals, distinct_products=signals.distinct_products + 1)
        return signals

    def _order(self, number: int, at: int) -> dict[str, Any]:
        currency, amount = self._chance.choice(("EUR", "EUR", "USD")), float(self._chance.randrange(10, 90))
        orders = tuple(
            VerifiedOrder(f"order-{number}-{each}", at, amount, currency)
            for each in range(self._chance.randrange(1, 3))
        )
        total = amount * len(orders)
        refunds: tuple[Refund, ...] = ()
        if self._chance.random() < 0.3:
            refunds = (Refund(orders[0].id, event_id(10_000 + number), at, amount / 2, currency),)
        return {
            "revenue": True, "amount": total, "currency": currency, "amounts": (CurrencyAmount(currency, total),),
            "orders": orders, "refunds": refunds,
        }  # fmt: skip

    def _repeat_an_order(self, made: Sequence[Updates]) -> None:
        """A later buyer of the shop, a person as the first one, has the orders of the first one once more."""
        buyers = [each for each in made if each[-1].site == "shop" and each[-1].revenue and not each[-1].bot]
        buyers.sort(key=_opened)
        first, again = buyers[0], buyers[len(buyers) // 2]
        again[:] = [replace(each, orders=first[-1].orders, refunds=()) if each.revenue else each for each in again]


def _opened(updates: Updates) -> int:
    return updates[-1].opened_at
