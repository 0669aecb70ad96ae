"""Times of requests as the databases have them."""

from datetime import UTC, datetime


def millis(at: datetime | None) -> int | None:
    """ms UTC; a time without a zone is UTC."""
    if at is None:
        return None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
