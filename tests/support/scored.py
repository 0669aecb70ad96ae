"""Scored sessions for tests: whole by default, every part can be given."""

from typing import Any

from scoring.features import Features
from scoring.signals import Signals
from stream.scored import CategoryNames, Cause, Counts, Reason, ScoredSession, View, version_of
from tests.support.events import NOON, event_id

FEATURES = Features(1, 12.5, 0, 0.0, 3, 140.25, 0.01, 0.03, 4.5, 0.2, "Feb", 2, 3, 1, 4, "Returning_Visitor", True)

SIGNALS = Signals(
    page_views=4,
    events=5,
    elapsed_seconds=62.25,
    engaged_seconds=31.5,
    mean_scroll_depth=None,
    distinct_pages=3,
    distinct_products=2,
    last_page_type="ProductRelated",
    seconds_since_previous_event=None,
    searches=1,
    cart_adds=2,
    cart_removes=0,
    cart_quantity=2.0,
    cart_value=49.8,
    checkout_step=1,
    wishlist_adds=0,
    hour=13,
    device_class="mobile",
    previous_sessions=3,
    previous_purchases=1,
    days_since_previous_session=0.5,
    has_page_statistics=False,
)


def view(number: int = 1, **given: Any) -> View:
    """A view of /p/1 of 20 seconds, unless said otherwise."""
    whole: dict[str, Any] = {
        "event_id": event_id(number),
        "type": "ProductRelated",
        "path": "/p/1",
        "viewed_at": NOON,
        "seconds": 20.5,
        "is_bounce": False,
        "is_exit": True,
        "page_value": 1.5,
    }
    return View(**(whole | given))


def scored(offset: int = 1, closed: bool = False, **given: Any) -> ScoredSession:
    """Session s1 of the default site after the event at `offset`, unless said otherwise."""
    whole: dict[str, Any] = {
        "site": "default",
        "session_id": "s1",
        "opened_at": NOON,
        "visitor_id": "v1",
        "version": version_of(offset, closed),
        "event": Cause(offset, event_id(offset), "page_view", "ProductRelated", "/p/1"),
        "occurred_at": NOON + 1_000,
        "started_at": NOON,
        "last_event_at": NOON + 1_000,
        "updated_at": NOON + 1_000,
        "status": "closed" if closed else "open",
        "features": FEATURES,
        "counts": Counts(5, 4, 1, 0, 0),
        "origin": CategoryNames("Chrome", "Windows", "DE", "search"),
        "revenue": False,
        "amount": 0.0,
        "unverified_purchases": 0,
        "probability": 0.4321,
        "label": "NO",
        "band": "building",
        "reasons": (Reason("PageValues", 4.5, 0.2), Reason("Month", "Feb", -0.05), Reason("Weekend", True, 0.01)),
        "model_version": "first",
        "pages_version": 7,
        "views": (view(),),
    }
    return ScoredSession(**(whole | given))
