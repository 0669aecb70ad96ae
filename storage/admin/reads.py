"""Lists, one session, statistics and the UCI export, as SQL. Blocking; every value that a caller gives is bound."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Column, Integer, Select, and_, cast, func, or_, select

from scoring.drift.alarms import TooFewSessionsError
from scoring.features import NAMES
from scoring.manifest import Band, Label
from storage.admin.rows import (
    EventCounts,
    SessionList,
    Span,
    Statistics,
    Totals,
    WholeSession,
    session_of,
    view_of,
)
from storage.database.columns import SESSION_COLUMNS
from storage.database.money import Money, Revenue, revenue
from storage.database.orders import counted_revenue
from storage.database.refunds import AmountRow, Brought, amount_rows, less_refunds
from storage.database.sites import of_sites
from storage.database.tables import page_views, sessions
from storage.drift.grid import ClickHouseReads
from storage.drift.report import HOUR_MS, FittedOn, SiteDrift, site_drift
from storage.http.errors import ReadError
from storage.query.model_fit import ModelFit, model_fits
from storage.query.queries import Queries, RowReader, no_session
from stream.scored import Status

#: Columns that a list may be sorted by.
SortColumn = Literal[
    "opened_at",
    "updated_at",
    "last_event_at",
    "probability",
    "amount",
    "cart_value",
    "event_count",
    "page_view_count",
]
Grain = Literal["hour", "day"]
_GRAINS: dict[Grain, int] = {"hour": 3_600_000, "day": 24 * 3_600_000}
#: Hours or days that statistics list one by one.
MOST_SPANS = 1_000
#: Page views of one session that are shown; a session counts no more events.
MOST_VIEWS = 10_000
#: Rows that an export reads at a time.
EXPORT_PAGE = 2_000

#: What a span without buyers brought.
NOTHING = Revenue({}, 0.0, "")
#: Columns of `sessions` behind the features of the UCI file, in its order.
UCI_COLUMNS = (*(column.name for column in SESSION_COLUMNS if column.field == "features"), "revenue")
UCI_NAMES = (*NAMES, "Revenue")


class ResolvedFilter(Struct, frozen=True, kw_only=True):
    """Which sessions. `site` stands for its runs as well; `since` and `until` are opening times, ms UTC; `sites` are
    those that the caller sees, None for all. Sessions of programs only with `bots`.

    `has_cart`: with something in the cart, or with nothing; sessions of before there were signals are neither."""

    site: str | None = None
    status: Status | None = None
    band: Band | None = None
    label: Label | None = None
    revenue: bool | None = None
    visitor_type: str | None = None
    has_cart: bool | None = None
    min_cart_value: float | None = None
    since: int | None = None
    until: int | None = None
    bots: bool = False
    sites: Collection[str] | None = None


class AdminReads(Queries):
    """`Queries` for those who may see lists; raises ReadError: unavailable, and what the methods name.

    `money` has the sites' reporting currencies as they stand; `fitted_on` says what a model version learned from.
    """

    def __init__(self, *given: Any, money: Callable[[], Money] = dict, fitted_on: FittedOn = lambda _: None) -> None:
        super().__init__(*given)
        self._money = money
        self._fitted_on = fitted_on

    def sessions(
        self, chosen: ResolvedFilter, sort: SortColumn, descending: bool, limit: int, offset: int
    ) -> SessionList:
        """A page of the sessions that are chosen, those of equal rank in the order of their names, and those of which
        the column says nothing last."""
        conditions = conditions_of(chosen)
        column = sessions.c[sort]
        names = (sessions.c.site, sessions.c.session_id, sessions.c.opened_at)
        query = (
            select(sessions)
            .where(*conditions)
            .order_by(*_unknown_last(column), column.desc() if descending else column.asc(), *names)
            .limit(limit)
            .offset(offset)
        )
        with self._snapshot() as rows:
            total = rows(select(func.count()).select_from(sessions).where(*conditions))[0][0]
            return SessionList(int(total), offset, [session_of(row._mapping) for row in rows(query)])

    def model_fits(self, site: str) -> list[ModelFit]:
        """Whether live scores rank the buyers of each site, or of one; raises ReadError."""
        return model_fits(self._run_query, int(time.time() * 1000), site)

    def drift(self, site: str, until: int | None, hours: float, windows: int, alarms_per_month: float) -> SiteDrift:
        """The window of so many hours before `until` (ms UTC; None: now) beside those before it; raises ReadError."""
        end = int(time.time() * 1000) if until is None else until
        try:
            reads = ClickHouseReads(self._run_query, self._run_raw)
            return site_drift(reads, site, end, int(hours * HOUR_MS), windows, alarms_per_month, self._fitted_on)
        except TooFewSessionsError as error:
            raise ReadError("invalid", str(error)) from error

    def session(self, session_id: str, site: str | None, sites: Collection[str] | None) -> WholeSession:
        """The newest session of this id; raises ReadError: not_found, ambiguous, unavailable."""
        newest = self.intent(session_id, site, sites)
        identity = (newest.site, newest.session_id, newest.opened_at)
        with self._snapshot() as rows:
            found = rows(select(sessions).where(*_is(sessions, identity)))
            views = rows(
                select(page_views)
                .where(*_is(page_views, identity))
                .order_by(page_views.c.viewed_at, page_views.c.event_id)
                .limit(MOST_VIEWS)
            )
        if not found:
            raise no_session(session_id, site)  # Erased since.
        return WholeSession(
            session_of(found[0]._mapping), [view_of(view._mapping) for view in views], self.updates(identity)
        )

    def statistics(self, chosen: ResolvedFilter, grain: Grain) -> Statistics:
        """Statistics of the sessions that are chosen, all of one state of the database."""
        with self._snapshot() as rows:
            return self._statistics(rows, chosen, grain)

    def _statistics(self, rows: RowReader, chosen: ResolvedFilter, grain: Grain) -> Statistics:
        conditions, t = conditions_of(chosen), sessions.c
        bought_rows = func.coalesce(func.sum(counted_revenue), 0)
        counted = (func.count(), bought_rows)
        events = (t.event_count, t.page_view_count, t.ping_count, t.custom_count, t.purchase_count)
        sums = [func.coalesce(func.sum(column), 0) for column in (*events, t.unverified_purchases)]
        count, bought, *summed = rows(select(*counted, *sums).where(*conditions))[0]
        states = _by(rows, t.status, conditions)
        begin = (t.opened_at - t.opened_at % _GRAINS[grain]).label("begin")
        money = self._money()
        amounts = less_refunds((AmountRow(*row) for row in rows(amount_rows(conditions, begin))), money)
        brought, by_span = _revenue(amounts, money)
        paid_back = [(each.site, each.currency, each.refunded) for each in amounts if each.refunded]
        refunded = revenue(paid_back, money)
        totals = Totals(
            sessions=int(count),
            open=states.get("open", 0),
            ended=states.get("ended", 0),
            closed=states.get("closed", 0),
            with_revenue=int(bought),
            conversion=int(bought) / count if count else 0.0,
            revenue=brought.total,
            unverified_purchases=int(summed[-1]),
            currency=brought.currency,
            revenue_by_currency=brought.by_currency,
            refunded_orders=len(paid_back),
            refunded=None if brought.total is None else refunded.total,
            refunded_by_currency=refunded.by_currency,
        )
        spans = rows(
            select(begin, *counted).where(*conditions).group_by(begin).order_by(begin.desc()).limit(MOST_SPANS)
        )
        return Statistics(
            totals,
            EventCounts(*(int(each) for each in summed[:-1])),
            _by(rows, t.band, conditions),
            _by(rows, t.label, conditions),
            _by(rows, t.visitor_type, conditions),
            [_span(int(at), int(n), int(bought), by_span.get(int(at), NOTHING)) for at, n, bought in reversed(spans)],
        )

    def uci(self, chosen: ResolvedFilter) -> Iterator[Sequence[Any]]:
        """The sessions that are chosen as rows of the UCI file, a page in memory at a time."""
        t = sessions.c
        key = (t.opened_at, t.site, t.session_id)
        query: Select[Any] = (
            select(*key, *(t[name] for name in UCI_COLUMNS[:-1]), counted_revenue)
            .where(*conditions_of(chosen))
            .order_by(*key)
            .limit(EXPORT_PAGE)
        )
        rows = self._rows(query)
        while rows:
            for row in rows:
                *features, weekend, revenue = row[len(key) :]
                yield (*features, bool(weekend), bool(revenue))
            if len(rows) < EXPORT_PAGE:
                return
            opened_at, site, session_id = rows[-1][: len(key)]
            # Spelled out: MariaDB walks no index for a comparison of tuples.
            after = or_(
                t.opened_at > opened_at,
                and_(t.opened_at == opened_at, or_(t.site > site, and_(t.site == site, t.session_id > session_id))),
            )
            rows = self._rows(query.where(t.opened_at >= opened_at, after))


def _by(rows: RowReader, column: Any, conditions: Sequence[Any]) -> dict[str, int]:
    """How many sessions have each value of a column."""
    query = select(column, func.count()).where(*conditions).group_by(column).order_by(column)
    return {str(value): int(count) for value, count in rows(query)}


def _revenue(amounts: Iterable[Brought], money: Money) -> tuple[Revenue, dict[int, Revenue]]:
    """The revenue of these amounts, in all and by the span in which their sessions opened."""
    spans: dict[int, list[tuple[str, str, float]]] = {}
    for each in amounts:
        spans.setdefault(int(each.begin), []).append((each.site, each.currency, each.amount))
    whole = revenue((each for found in spans.values() for each in found), money)
    return whole, {at: revenue(found, money) for at, found in spans.items()}


def _span(at: int, count: int, bought: int, brought: Revenue) -> Span:
    return Span(at, count, bought, brought.total, brought.currency, brought.by_currency)


def _unknown_last(column: Column[Any]) -> list[Any]:
    # MariaDB and SQLite take null for the least; neither of the columns that are never null needs more than its index.
    return [column.is_(None)] if column.nullable else []


def conditions_of(chosen: ResolvedFilter) -> list[Any]:
    """Which rows of `sessions` are chosen, as conditions of a query."""
    t = sessions.c
    clauses: list[Any] = [t.status != "void", of_sites(t.site, chosen.sites)]
    if chosen.site is not None:
        clauses.append(of_sites(t.site, [chosen.site]))
    for name in ("status", "band", "label", "visitor_type"):
        value = getattr(chosen, name)
        if value is not None:
            clauses.append(t[name] == value)
    if not chosen.bots:
        clauses.append(cast(t.bot, Integer) == 0)
    if chosen.revenue is not None:
        clauses.append(counted_revenue == int(chosen.revenue))
    if chosen.has_cart is not None:
        # Of a session with signals the quantity is unknown only where something is in the cart.
        filled = and_(t.checkout_step.is_not(None), or_(t.cart_quantity.is_(None), t.cart_quantity > 0))
        clauses.append(filled if chosen.has_cart else t.cart_quantity == 0)
    if chosen.min_cart_value is not None:
        clauses.append(t.cart_value >= chosen.min_cart_value)
    if chosen.since is not None:
        clauses.append(t.opened_at >= chosen.since)
    if chosen.until is not None:
        clauses.append(t.opened_at < chosen.until)
    return clauses


def _is(table: Any, identity: tuple[str, str, int]) -> tuple[Any, ...]:
    site, session_id, opened_at = identity
    return table.c.site == site, table.c.session_id == session_id, table.c.opened_at == opened_at
