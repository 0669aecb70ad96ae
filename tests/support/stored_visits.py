"""Sessions as the writer stores them in both databases, at growing offsets of one log."""

from typing import Any

from msgspec.structs import replace
from sqlalchemy import Engine

from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.scored import Cause, Counts, ScoredSession, VerifiedOrder
from tests.support.events import NOON, event_id
from tests.support.scored import SIGNALS, scored
from tests.support.sinks import block


class StoredVisits:
    """Stores sessions of the default site, opened at noon if not said otherwise."""

    def __init__(self, client: Any, engine: Engine, log: str = "log", first: int = 1) -> None:
        self._sinks = AnalyticsSink(client), RelationalSink(engine)
        self._log = log
        self.offset = first

    def visit(self, name: str, events: int = 3, buys_at: int = 0, is_closed: bool = True, **given: Any) -> None:
        """`buys_at`: the number of the event that is an order, 0: none."""
        orders = given.pop("orders", (VerifiedOrder(f"order-{name}", NOON, 10.0),))
        updates = [
            self._update(name, number, orders if 0 < buys_at <= number else (), given)
            for number in range(1, events + 1)
        ]
        if is_closed:
            updates.append(self._update(name, events, orders if buys_at else (), given, closed=True))
        self.store(*updates)

    def store(self, *updates: ScoredSession) -> None:
        for sink in self._sinks:
            sink.write(block(*updates, log=self._log))

    def _update(
        self, name: str, number: int, orders: Any, given: dict[str, Any], closed: bool = False
    ) -> ScoredSession:
        self.offset += 1
        at = given.get("opened_at", NOON) + number * 1_000
        whole: dict[str, Any] = {
            "session_id": name,
            "event": Cause(self.offset) if closed else Cause(self.offset, event_id(self.offset), "page_view"),
            "counts": Counts(number, number, 0, 0, 0),
            "occurred_at": at - 100,
            "updated_at": at,
            "probability": number / 100,
            "revenue": bool(orders),
            "orders": orders,
            "signals": replace(SIGNALS, events=number, page_views=number),
        }
        return scored(self.offset, closed, **(whole | given))
