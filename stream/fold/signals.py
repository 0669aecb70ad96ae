"""A session's signals: what contract 2 knows beside the seventeen features."""

from scoring.signals import Signals
from stream.fold.session import Session


def signals(session: Session) -> Signals:
    """The signals of a session that has at least one event."""
    session_context = session.session_context
    assert session_context is not None  # noqa: S101 - set by the first event
    engagement, commerce, reported = session.engagement, session.commerce, session.history
    pages, last_at, previous_at = session.pages, session.last_at, session.previous_at
    cart = commerce.cart if commerce is not None else None
    history = reported.history if reported is not None else None
    return Signals(
        len(pages),
        session.events,
        (last_at - session.first_at) / 1000,
        engagement.seconds if engagement is not None else 0.0,
        engagement.mean_depth if engagement is not None else None,
        session.distinct_pages,
        commerce.distinct_products if commerce is not None else 0,
        (pages[-1].type or "Other") if pages else None,
        (last_at - previous_at) / 1000 if previous_at >= 0 else None,
        commerce.searches if commerce is not None else 0,
        commerce.cart_adds if commerce is not None else 0,
        commerce.cart_removes if commerce is not None else 0,
        cart.quantity if cart is not None else 0.0,
        cart.value if cart is not None else 0.0,
        cart.step if cart is not None else 0,
        commerce.wishlist_adds if commerce is not None else 0,
        session.hour,
        session_context.device_class,
        history.previous_sessions if history is not None else None,
        history.previous_purchases if history is not None else None,
        history.days_since_previous_session if history is not None else None,
        session.views_with_statistics > 0,
    )
