"""A session's signals: what contract 2 knows beside the seventeen features."""

from scoring.signals import Signals
from stream.fold.event_ids import ID_BYTES
from stream.fold.session import Session


def signals(session: Session) -> Signals:
    """The signals of a session that has at least one event."""
    session_context = session.session_context
    assert session_context is not None  # noqa: S101 - set by the first event
    pages, last_at, previous_at = session.pages, session.last_at, session.previous_at
    # Attributes are read once: this runs for every update.
    engagement = session.engagement
    seconds, depth = (0.0, None) if engagement is None else (engagement.seconds, engagement.mean_depth)
    commerce = session.commerce
    if commerce is None:
        products = searches = adds = removes = wishlist = step = 0
        quantity: float | None = 0.0
        value: float | None = 0.0
    else:
        products, searches, wishlist = commerce.distinct_products, commerce.searches, commerce.wishlist_adds
        adds, removes = commerce.cart_adds, commerce.cart_removes
        quantity, value, step = commerce.cart_quantity, commerce.cart_value, commerce.checkout_step
    history = session.history
    if history is None:
        sessions = purchases = days = None
    else:
        sessions, purchases = history.previous_sessions, history.previous_purchases
        days = history.days_since_previous_session
    return Signals(
        len(pages),
        len(session.ids) // ID_BYTES,
        (last_at - session.first_at) / 1000,
        seconds,
        depth,
        session.distinct_pages,
        products,
        (pages[-1].type or "Other") if pages else None,
        (last_at - previous_at) / 1000 if previous_at >= 0 else None,
        searches,
        adds,
        removes,
        quantity,
        value,
        step,
        wishlist,
        session.hour,
        session_context.device_class,
        sessions,
        purchases,
        days,
        session.views_with_statistics > 0,
    )
