"""A session's seventeen features, by the names and in the spelling of the UCI data. Durations in seconds."""

from scoring.features import Features
from stream.fold.session import Session


def features(session: Session) -> Features:
    """The features of a session that has at least one event; rates and values are means over its page views."""
    day, session_context = session.day, session.session_context
    assert day is not None  # noqa: S101 - set by the first event
    assert session_context is not None  # noqa: S101 - set by the first event
    # By pages.TYPE_INDEXES; no feature reads views of pages without a type.
    administrative, informational, product, _, administrative_ms, informational_ms, product_ms, _ = session.by_type
    views = len(session.views) or 1
    return Features(
        administrative,
        administrative_ms / 1000,
        informational,
        informational_ms / 1000,
        product,
        product_ms / 1000,
        session.bounce_rate_sum / views,
        session.exit_rate_sum / views,
        session.page_value_sum / views,
        day.special_day,
        day.month,
        session_context.operating_system,
        session_context.browser,
        session_context.region,
        session_context.traffic_type,
        session_context.visitor_type,
        day.weekend,
    )
