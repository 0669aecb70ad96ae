"""Events for tests: whole by default, every part can be given."""

from typing import Any

from ingest.events import Event, Page

#: Wednesday, 1 January 2025, 12:00 UTC, in ms.
NOON = 1_735_732_800_000


def event_id(number: int) -> str:
    """A UUIDv7-shaped id that grows with `number`."""
    return f"0190a000-{number >> 16 & 0xFFFF:04x}-7{number >> 4 & 0xFFF:03x}-8000-{number:012x}"


def event(number: int = 1, at: int = NOON, **given: Any) -> Event:
    """A page view of /p/1 at `at`, received as it occurred, unless said otherwise."""
    kind = given.get("type", "page_view")
    whole: dict[str, Any] = {
        "event_id": event_id(number),
        "site": "default",
        "session_id": "s1",
        "visitor_id": "v1",
        "type": kind,
        "occurred_at": at,
        "received_at": at,
        "page": Page("/p/1", "ProductRelated") if kind == "page_view" else None,
    }
    return Event(**(whole | given))
