"""Sessions of a shop that sends commerce events, and the same events as an import sends them."""

import random
from typing import Any

import msgspec

from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Event, Page, Ping, Purchase
from tests.support.events import event

HOUR = 3_600_000


def shop_visits(seed: int, since: int, count: int, pause_ms: int = 7_000) -> list[Event]:
    """The events of so many sessions that begin within an hour, `pause_ms` between two events of one, in their order.

    Some visitors came before, some buy.
    """
    chance, events = random.Random(seed), []
    for visit in range(count):
        at, number = since + chance.randrange(HOUR), (seed * 100 + visit) * 50
        actions = [{"type": "session_start", "history": VisitorHistory(visit % 3, 0, 1.5 if visit % 3 else None)}]
        item = CommerceItem(f"p{visit % 7}", 1 + visit % 2, 19.5)
        for step in range(chance.randrange(1, 9)):
            actions.append({"type": "page_view", "page": Page(f"/p/{step % 4}", "ProductRelated")})
            actions.append({"type": "page_ping", "ping": Ping(1_000 * step, 40.0)})
            action: Any = chance.choice(["view_item", "add_to_cart", "remove_from_cart", "begin_checkout", "search"])
            actions.append({"type": "commerce", "commerce": Commerce(action, None, "EUR", (item,))})
        if chance.random() < 0.3:
            actions.append({"type": "purchase", "purchase": Purchase(19.5, f"o{seed}-{visit}", "EUR", True)})
        for step, action_ in enumerate(actions):
            events.append(event(number + step, at + step * pause_ms, session_id=f"s{seed}-{visit}", **action_))
    return sorted(events, key=lambda each: each.received_at)


def imported(events: list[Event]) -> list[dict[str, Any]]:
    """The events as a batch of an import has them."""
    return [_imported(each) for each in events]


def _imported(each: Event) -> dict[str, Any]:
    sent: dict[str, Any] = msgspec.to_builtins(each)
    del sent["site"]
    if each.page is not None:
        sent["page"] = {"url": each.page.path, "type": each.page.type}
    if each.purchase is not None:
        # An import key says so itself.
        del sent["purchase"]["verified"]
    return sent
