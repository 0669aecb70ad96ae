"""A session's seventeen features, by the names and in the spelling of the UCI data. Durations in seconds."""

from scoring.features import Features
from stream.fold.session import Session


def features(session: Session) -> Features:
    """The features of a session that has at least one event; rates and values are means over its page views."""
    day, session_context = session.day, session.session_context
    assert day is not None  # noqa: S101 - set by the first event
    assert session_context is not None  # noqa: S101 - set by the first event
    views_by_type, millis_by_type = session.views_by_type, session.millis_by_type
    views = len(session.times) or 1
    bounce, leave, value = session.rate_sums
    return Features(
        views_by_type[0],
        millis_by_type[0] / 1000,
        views_by_type[1],
        millis_by_type[1] / 1000,
        views_by_type[2],
        millis_by_type[2] / 1000,
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
