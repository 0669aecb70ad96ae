"""docs/features.md, "The session, as a specification", step by step; shares no code with the fold."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ingest.events import Event, Purchase, Tick, UndecodableError, decode
from tests.support.log import LogRecord
from tests.support.recount import has_no_visitor, recount
from tests.support.signals import recount_refunds, recount_signals

MINUTE = 60_000

#: (site, session_id, opened_at)
Identity = tuple[str, str, int]


class SpecifiedSession:
    def __init__(self, opened_at: int) -> None:
        self.opened_at = self.last_seen = opened_at
        self.events: dict[tuple[str, bool], Event] = {}


class SpecifiedPartition:
    """A partition of sites in UTC without special days, page statistics and erasures."""

    def __init__(self) -> None:
        self.clocks: dict[str, int] = {}
        self.open: dict[str, dict[tuple[str, str], SpecifiedSession]] = defaultdict(dict)
        self._sessions: dict[Identity, SpecifiedSession] = {}
        self.outcomes: list[str] = []

    def read(self, record: LogRecord) -> None:
        try:
            content = decode(record.key, record.value)
        except UndecodableError:
            self.outcomes.append("undecodable")
            return
        if isinstance(content, Event):
            self.outcomes.append(self._event(record, content))
        else:
            if isinstance(content, Tick):
                ahead = content.clock == "live" and 0 < record.timestamp < content.to - 10_000
                self._move(content.clock, record.timestamp if ahead else content.to)
            self.outcomes.append("control")

    @property
    def sessions(self) -> dict[Identity, dict[str, Any]]:
        """What each session says, open or closed."""
        return {identity: row_of(session.events.values()) for identity, session in self._sessions.items()}

    def _event(self, record: LogRecord, event: Event) -> str:
        live = event.clock == "live"
        ahead = event.received_at - record.timestamp
        if live and record.timestamp > 0 and ahead > 10_000:
            shifted = "skew" in event.flags or event.occurred_at > record.timestamp
            event = msgspec.structs.replace(
                event,
                received_at=record.timestamp,
                occurred_at=max(0, event.occurred_at - ahead) if shifted else event.occurred_at,
            )
        clock = "live" if live else event.site
        now = self._move(clock, event.received_at)
        if not live and event.received_at < now:
            return "duplicate"
        key = (event.site, event.session_id)
        session = self.open[clock].get(key)
        if session is not None and which(event) in session.events:
            session.last_seen = now
            return "duplicate"
        at = event.occurred_at if event.occurred_at <= event.received_at + 5 * MINUTE else event.received_at
        cut = latest_cut(now)
        if event.received_at - at > 10 * MINUTE or at < cut:
            return "late"
        if session is not None and session.opened_at < cut:
            del self.open[clock][key]
            session = None
        if session is None:
            session = self.open[clock][key] = SpecifiedSession(now)
        session.last_seen = now
        if len(session.events) >= 2_000:
            return "overflow"
        session.events[which(event)] = Event(
            **({name: getattr(event, name) for name in event.__struct_fields__} | {"occurred_at": at})
        )
        self._sessions[(*key, session.opened_at)] = session
        return "scored"

    def _move(self, clock: str, to: int) -> int:
        if clock not in self.clocks:
            self.clocks[clock] = to
            imported = [name for name in self.clocks if name != "live"]
            while sum(len(name) + 17 for name in self.clocks) > 3_000:
                forgotten = imported.pop(0)
                del self.clocks[forgotten]
                self.open.pop(forgotten, None)
        now = self.clocks[clock] = max(self.clocks.get(clock, to), to)
        self.open[clock] = {
            key: session for key, session in self.open[clock].items() if session.last_seen + 40 * MINUTE > now
        }
        return now


def which(event: Event) -> tuple[str, bool]:
    """What tells one event of a session from another: a verified purchase counts beside another event of its id."""
    return event.event_id, event.purchase is not None and event.purchase.verified


def latest_cut(now: int) -> int:
    """04:00 UTC of the day, or of the day before."""
    moment = datetime.fromtimestamp(now / 1000, UTC)
    cut = moment.replace(hour=4, minute=0, second=0, microsecond=0)
    if cut > moment:
        cut -= timedelta(days=1)
    return int(cut.timestamp() * 1000)


def row_of(events: Iterable[Event]) -> dict[str, Any]:
    """What the events of a session say, whatever order they come in."""
    ordered = sorted(events, key=lambda event: (event.occurred_at, *which(event)))
    first, last = ordered[0], ordered[-1]
    orders = defaultdict(list)
    for event in ordered:
        if event.purchase is not None:
            orders[event.purchase.order_id or event.event_id].append(event.purchase)
    proven: dict[str, Purchase] = {}
    for event in ordered:
        if event.purchase is not None and event.purchase.verified:
            proven.setdefault(event.purchase.order_id or event.event_id, event.purchase)
    amounts: dict[str, float] = defaultdict(float)
    for purchase in proven.values():
        amounts[purchase.currency or ""] += purchase.amount
    return {
        "visitor_id": first.visitor_id,
        "visitor_type": first.context.visitor_type,
        "started_at": first.occurred_at,
        "last_event_at": last.occurred_at,
        "ended": last.type == "session_end",
        "events": len(ordered),
        "page_views": sum(event.type == "page_view" for event in ordered),
        "orders": len(orders),
        "revenue": bool(proven),
        "amount": round(next(iter(amounts.values()), 0.0), 6),
        "currency": next(iter(amounts), ""),
        **{f"amount in {currency}": round(amount, 6) for currency, amount in amounts.items()},
        "unverified": len(orders) - len(proven),
        **recount(ordered),
        **recount_signals(ordered),
        "refunds": str(recount_refunds(ordered)),
        "bot": has_no_visitor(ordered),
    }
