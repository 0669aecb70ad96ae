"""Who counts in an experiment and what counts for it, by a rule that stands before the reading. Pure, over rows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.experiments.visitors import ExperimentError, ExposedVisitors

DAY_MS = 86_400_000


class ExposureRow(NamedTuple):
    """A moment at which a visitor met an arm, ms UTC; `covariates` were known before it. A visitor may have many."""

    visitor: str
    arm: int
    at: int
    is_bot: bool = False
    covariates: tuple[float, ...] = ()


class VisitorSession(NamedTuple):
    """A session of a visitor. `last_at`: of its last event, ms UTC."""

    visitor: str
    opened_at: int
    last_at: int


class OrderRow(NamedTuple):
    """An order, and how much of it was given back by the time of the reading, in the same currency."""

    visitor: str
    at: int
    amount: float
    refunded: float = 0.0


class CountingRule(Struct, frozen=True, kw_only=True):
    """Written into the definition of an experiment before it starts.

    `started_at`: ms UTC, the beginning of day 0. `window_days`: what a visitor does so many days from its first
    exposure on counts, and nothing later; so all visitors are observed for the same time. Visitors who met more than
    one arm and programs are left out. An order that was wholly refunded is no conversion; of others the rest counts.
    """

    started_at: int
    window_days: int = 7


class LabelCounts(Struct, frozen=True):
    """What the rule left out, to be shown beside each reading.

    `visitors`: counted, their windows are over. `unfinished`: counted later. `two_arms` and `bots`: visitors left out.
    `early_orders`: before the exposure. `late_orders`: after the window. `refunded_orders`: of those that count, in
    part or whole, and `refunded`: how much. All orders are of the visitors that are counted.
    """

    visitors: int
    unfinished: int
    two_arms: int
    bots: int
    early_orders: int
    late_orders: int
    refunded_orders: int
    refunded: float

    def line(self) -> str:
        """One line for people."""
        return (
            f"{self.visitors:,} visitors counted; left out: {self.two_arms:,} who met two arms, "
            f"{self.bots:,} programs, {self.unfinished:,} whose window is not over; "
            f"orders left out: {self.early_orders:,} before the exposure, {self.late_orders:,} after the window; "
            f"{self.refunded_orders:,} refunded ({self.refunded:,.2f})"
        )


Row = TypeVar("Row", ExposureRow, VisitorSession, OrderRow)


class LabeledVisitors(NamedTuple):
    """The visitors that count, in the order of their first exposures; `ids` are theirs. `exposed`: visitors that met an
    arm by the end of each day, int64[days, arms], those whose windows are not over included.
    """

    ids: tuple[str, ...]
    visitors: ExposedVisitors
    exposed: NDArray[np.int64]
    counts: LabelCounts


def labeled(
    exposures: Iterable[ExposureRow],
    sessions: Iterable[VisitorSession],
    orders: Iterable[OrderRow],
    rule: CountingRule,
    arms: int,
    until: int,
) -> LabeledVisitors:
    """Visitors whose windows were over at `until`, ms UTC, and what came of them. Rows may come in any order.

    Raises ExperimentError for visitors with different numbers of covariates.
    """
    met = _by_visitor(exposures)
    bots = {visitor for visitor, rows in met.items() if any(row.is_bot for row in rows)}
    two_arms = {visitor for visitor, rows in met.items() if len({row.arm for row in rows}) > 1} - bots
    first = sorted(
        (min(rows, key=lambda row: row.at) for visitor, rows in met.items() if visitor not in bots | two_arms),
        key=lambda row: (row.at, row.visitor),
    )
    window = rule.window_days * DAY_MS
    counted = [row for row in first if row.at + window <= until]
    since = {row.visitor: row.at for row in counted}
    visits, bought = _by_visitor(sessions), _by_visitor(orders)
    outcomes = [_outcome(row.at, window, visits.get(row.visitor, ()), bought.get(row.visitor, ())) for row in counted]
    mine = [order for visitor in since for order in bought.get(visitor, ())]
    in_time = [order for order in mine if 0 <= order.at - since[order.visitor] < window]
    counts = LabelCounts(
        visitors=len(counted),
        unfinished=len(first) - len(counted),
        two_arms=len(two_arms),
        bots=len(bots),
        early_orders=sum(order.at < since[order.visitor] for order in mine),
        late_orders=sum(order.at - since[order.visitor] >= window for order in mine),
        refunded_orders=sum(order.refunded > 0 for order in in_time),
        refunded=float(sum(order.refunded for order in in_time)),
    )
    width = {len(row.covariates) for row in counted} or {0}
    if len(width) > 1:
        raise ExperimentError("visitors have different numbers of covariates: give NaN for what is unknown")
    columns = zip(*outcomes, strict=True) if outcomes else ((), (), (), ())
    converted, revenue, session_count, converted_sessions = columns
    visitors = ExposedVisitors(
        arm=np.array([row.arm for row in counted], np.int64),
        counted_on=np.array([(row.at + window - rule.started_at) // DAY_MS for row in counted], np.int64),
        converted=np.array(converted, np.bool_),
        revenue=np.array(revenue, np.float64),
        sessions=np.array(session_count, np.int64),
        converted_sessions=np.array(converted_sessions, np.int64),
        covariates=np.array([row.covariates for row in counted], np.float64).reshape(len(counted), width.pop()),
    )
    return LabeledVisitors(tuple(since), visitors, _exposed(first, rule, arms, until), counts)


def _exposed(first: Sequence[ExposureRow], rule: CountingRule, arms: int, until: int) -> NDArray[np.int64]:
    days = (until - rule.started_at) // DAY_MS + 1
    daily = np.zeros((days, arms), np.int64)
    for row in first:
        if rule.started_at <= row.at <= until:
            daily[(row.at - rule.started_at) // DAY_MS, row.arm] += 1
    return daily.cumsum(0)


class VisitorOutcome(NamedTuple):
    """What came of one visitor within its window."""

    converted: bool
    revenue: float
    sessions: int
    converted_sessions: int


def _outcome(since: int, window: int, sessions: Sequence[VisitorSession], orders: Sequence[OrderRow]) -> VisitorOutcome:
    in_window = [order for order in orders if since <= order.at < since + window]
    # An order of nothing is one all the same.
    kept = [order for order in in_window if not order.refunded or order.refunded < order.amount]
    inside = [each for each in sessions if each.last_at >= since and each.opened_at < since + window]
    with_order = sum(any(each.opened_at <= order.at <= each.last_at for order in kept) for each in inside)
    revenue = float(sum(order.amount - order.refunded for order in kept))
    # The session of the exposure is there even where its row is not yet stored.
    return VisitorOutcome(bool(kept), revenue, max(len(inside), 1), with_order)


def _by_visitor(rows: Iterable[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.visitor, []).append(row)
    return found
