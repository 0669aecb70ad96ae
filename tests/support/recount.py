"""A session's features counted again from its events, the slow and obvious way, sharing no code with the fold."""

from collections.abc import Iterable
from datetime import UTC, datetime

from ingest.events import Event
from scoring.features import MONTHS

KINDS = ("Administrative", "Informational", "ProductRelated")


def _is_proven(event: Event) -> bool:
    """A purchase that its sender proved counts beside any other event of its id."""
    return event.purchase is not None and event.purchase.verified


def recount(events: Iterable[Event]) -> dict[str, object]:
    """Counts, durations (s) and calendar of one session in UTC without special days and statistics."""
    unique = {(event.event_id, _is_proven(event)): event for event in events}
    ordered = [unique[name] for name in sorted(unique, key=lambda name: (unique[name].occurred_at, *name))]
    views = [event for event in ordered if event.type == "page_view"]
    seconds = dict.fromkeys(KINDS, 0.0)
    counts = dict.fromkeys(KINDS, 0)
    for number, view in enumerate(views):
        until = views[number + 1] if number + 1 < len(views) else ordered[-1]
        assert view.page is not None
        if view.page.type:
            counts[view.page.type] += 1
            seconds[view.page.type] += min(until.occurred_at - view.occurred_at, 1_800_000) / 1000
    start = datetime.fromtimestamp(ordered[0].occurred_at / 1000, UTC)
    return {
        "Administrative": counts["Administrative"],
        "Administrative_Duration": seconds["Administrative"],
        "Informational": counts["Informational"],
        "Informational_Duration": seconds["Informational"],
        "ProductRelated": counts["ProductRelated"],
        "ProductRelated_Duration": seconds["ProductRelated"],
        "Month": MONTHS[start.month - 1],
        "Weekend": start.isoweekday() in (6, 7),
    }


def has_no_visitor(events: Iterable[Event]) -> bool:
    """Whether the first event is a program's, or all of them are verified refunds of an order."""
    ordered = sorted(events, key=lambda event: (event.occurred_at, event.event_id, _is_proven(event)))
    refunds = [each for event in ordered if (each := event.commerce) and each.action == "refund"]
    proven = [refund for refund in refunds if refund.verified and refund.order_id]
    return "bot" in ordered[0].flags or len(proven) == len(ordered)
