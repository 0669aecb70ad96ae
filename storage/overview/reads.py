"""Answers of the overview. What sessions are and bring comes from the relational database, in one state of it for each
answer; what they went through from the timeline in ClickHouse, in one query. Blocking.
"""

import time
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import String, cast, select

from storage.admin.reads import ResolvedFilter, conditions_of
from storage.database.money import NONE, Money
from storage.database.orders import counted_revenue
from storage.database.tables import sessions
from storage.overview import carts, funnel, scores
from storage.overview.answers import (
    Bands,
    Calibration,
    Carts,
    Dimension,
    Funnel,
    PeriodFigures,
    PeriodSpans,
    SegmentFigures,
    Segments,
    Series,
    SpanFigures,
    Summary,
    TopPages,
)
from storage.overview.devices import DEVICES, device_counts
from storage.overview.figures import (
    NO_ORDERS,
    NO_SESSIONS,
    SessionCounts,
    SessionGroup,
    added,
    figures_of,
    joined,
    order_groups,
    regrouped,
    session_groups,
)
from storage.overview.pages import page_query, top_pages
from storage.overview.periods import DAY_MS, QUARTER_MS, Period, SpanLength, span_of, span_starts
from storage.overview.scores import BANDS
from storage.overview.timeline import TimelineWindow
from storage.query.queries import Queries, RowReader
from stream.fold.clock import IDLE
from stream.fold.path_patterns import PathPatterns

_t = sessions.c
#: The column of `sessions` behind each dimension but the device, which ClickHouse alone has.
_COLUMNS: dict[Dimension, Any] = {
    "source": _t.traffic_type_name,
    "browser": _t.browser,
    "system": _t.operating_system,
    "region": _t.region_name,
    "visitor": _t.visitor_type,
}


class OverviewReads(Queries):
    """`money` has the sites' reporting currencies as they stand, `zone` a site's time zone, `patterns` the path
    patterns of the sites that have some; every method raises ReadError (unavailable)."""

    def __init__(
        self,
        *given: Any,
        money: Callable[[], Money] = dict,
        zone: Callable[[str], ZoneInfo] = lambda _: ZoneInfo("UTC"),
        patterns: Callable[[], dict[str, PathPatterns]] = dict,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(*given)
        self._money = money
        self._patterns = patterns
        self._seconds = now
        self.zone = zone

    def now(self) -> int:
        """ms UTC."""
        return int(self._seconds() * 1000)

    def summary(self, site: str, period: Period, compared: Period | None) -> Summary:
        """The figures of one period, and of another."""
        money = self._money()
        with self._snapshot() as rows:
            current, other = (
                None if each is None else self._period_figures(rows, site, each, money) for each in (period, compared)
            )
        assert current is not None  # noqa: S101  the period is given
        return Summary(site, self.zone(site).key, current, other)

    def _period_figures(self, rows: RowReader, site: str, period: Period, money: Money) -> PeriodFigures:
        # Grouped by what all have: a constant is no group to every database.
        groups = session_groups(rows, _conditions(site, period), _t.opened_at * 0, money)
        return PeriodFigures(period, figures_of(added(groups.values()), money))

    def series(self, site: str, period: Period, compared: Period | None, by: SpanLength) -> Series:
        """The same by hour or day; raises ReadError (invalid) where the period has too many hours."""
        money, zone = self._money(), self.zone(site)
        starts = {each: span_starts(each, by, zone) for each in (period, compared) if each is not None}
        with self._snapshot() as rows:
            found = {each: self._spans(rows, site, each, starts[each], money) for each in starts}
        return Series(site, zone.key, by, found[period], None if compared is None else found[compared])

    def _spans(self, rows: RowReader, site: str, period: Period, starts: list[int], money: Money) -> PeriodSpans:
        quarter = _t.opened_at - _t.opened_at % QUARTER_MS
        groups = session_groups(rows, _conditions(site, period), quarter, money)
        spans = regrouped(groups, lambda at: span_of(starts, int(at)))
        return PeriodSpans(period, [_span(at, spans.get(place, NO_SESSIONS), money) for place, at in enumerate(starts)])

    def segments(self, site: str, period: Period, dimension: Dimension, limit: int) -> Segments:
        """The segments of the most sessions, `limit` at most."""
        money = self._money()
        if dimension == "device":
            groups = self._devices(site, period, money)
        else:
            with self._snapshot() as rows:
                groups = session_groups(rows, _conditions(site, period), _COLUMNS[dimension], money)
        names = sorted(groups, key=lambda name: (-groups[name].counts.sessions, name))
        beyond = [groups[name] for name in names[limit:]]
        return Segments(
            *(site, self.zone(site).key, period, dimension),
            [SegmentFigures(name, figures_of(groups[name], money)) for name in names[:limit]],
            figures_of(added(beyond), money) if beyond else None,
        )

    def _devices(self, site: str, period: Period, money: Money) -> dict[str, SessionGroup]:
        identity = _t.site + "/" + _t.session_id + "/" + cast(_t.opened_at, String(20))
        with self._snapshot() as rows:
            of_buyers = order_groups(rows, _conditions(site, period), identity, money)
        found = self._run_query(DEVICES, self._window(site, period).given()).result_rows
        return {
            each.device: SessionGroup(
                SessionCounts(each.sessions, len(each.buyers), each.unverified),
                joined(of_buyers.get(buyer, NO_ORDERS) for buyer in each.buyers),
            )
            for each in device_counts(found)
        }

    def funnel(self, site: str, period: Period) -> Funnel:
        """How far the sessions came."""
        given = self._window(site, period).given() | funnel.GIVEN
        *counts, unverified = self._run_query(funnel.FUNNEL, given).result_rows[0]
        steps = len(funnel.STEPS)
        found = funnel.steps_of(tuple(counts[:steps]), tuple(counts[steps:]))
        return Funnel(site, self.zone(site).key, period, found, unverified)

    def carts(self, site: str, period: Period, days: int) -> Carts:
        """What became of the carts; a visitor who buys within `days` has not left one."""
        # Also of the days after the period: a buyer there may be one whose order counts elsewhere.
        wider = Period(max(period.since - DAY_MS, 0), period.until + (days + 1) * DAY_MS)
        window = TimelineWindow(site, period, self._repeated(site, wider))
        given = window.given() | carts.given(days, self.now(), IDLE)
        fates = carts.fates_of(self._run_query(carts.CARTS, given).result_rows)
        return Carts(site, self.zone(site).key, period, days, sum(each.carts for each in fates), fates)

    def bands(self, site: str, period: Period) -> Bands:
        """Whether sessions of a band buy more often."""
        found = self._run_query(scores.BAND_COUNTS, self._window(site, period).given()).result_rows
        return Bands(site, self.zone(site).key, period, scores.bands_of(found))

    def calibration(self, site: str, period: Period) -> Calibration:
        """Whether as many buy as the scores expect."""
        found = self._run_query(scores.SCORE_COUNTS, self._window(site, period).given()).result_rows
        counts = scores.score_counts(found)
        models = scores.models_of(counts)
        return Calibration(site, self.zone(site).key, period, models, scores.calibration_of(counts))

    def pages(self, site: str, period: Period, limit: int) -> TopPages:
        """The pages of the greatest value, `limit` at most."""
        query, named = page_query(self._patterns().get(site))
        found = self._run_query(query, self._window(site, period).given() | named).result_rows
        currency, pages, top = top_pages(found, self._money().get(site, NONE), limit)
        return TopPages(site, self.zone(site).key, period, currency, pages, top)

    def _window(self, site: str, period: Period) -> TimelineWindow:
        return TimelineWindow(site, period, self._repeated(site, period))

    def _repeated(self, site: str, period: Period) -> list[tuple[str, str, int]]:
        """The sessions whose orders all count in another one."""
        conditions = conditions_of(ResolvedFilter(site=site, since=period.since, until=period.until, bots=True))
        query = select(_t.site, _t.session_id, _t.opened_at).where(_t.revenue, counted_revenue == 0, *conditions)
        return [(str(row[0]), str(row[1]), int(row[2])) for row in self._rows(query)]


def _conditions(site: str, period: Period) -> list[Any]:
    return conditions_of(ResolvedFilter(site=site, since=period.since, until=period.until))


def _span(at: int, group: SessionGroup, money: Money) -> SpanFigures:
    counts = group.counts
    mean = counts.scores / counts.sessions if counts.sessions else None
    return SpanFigures(at, figures_of(group, money), mean, dict(zip(BANDS, counts.bands, strict=True)))
