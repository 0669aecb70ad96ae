"""A session's seventeen features, by the names and in the spelling of the UCI data. Durations in seconds."""

from scoring.features import Features
from stream.fold.session import Session


def features(session: Session) -> Features:
    """The features of a session that has at least one event; rates and values are means over its page views."""
    day, session_context = session.day, session.session_context
    assert day is not None  # noqa: S101 - set by the first event
    assert session_context is not None  # noqa: S101 - set by the first event
    # By pages.TYPE_INDEXES; the last one is for pages of no type.
    administrative, informational, product_related, _ = session.views_by_type
    administrative_ms, informational_ms, product_related_ms, _ = session.millis_by_type
    views = len(session.times) or 1
    bounce, leave, value = session.rate_sums
    return Features(
        administrative,
        administrative_ms / 1000,
        informational,
        informational_ms / 1000,
        product_related,
        product_related_ms / 1000,
        bounce / views,
        leave / views,
        value / views,
        day.special_day,
        day.month,
        session_context.operating_system,
        session_context.browser,
        session_context.region,
        session_context.traffic_type,
        session_context.visitor_type,
        day.weekend,
    )
