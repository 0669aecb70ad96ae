"""Each answer of the overview beside an independent recount of the same sessions, on both databases of each profile."""

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from storage.database.money import ReportingCurrency
from storage.database.tables import sessions
from storage.overview.answers import Figures
from storage.overview.periods import Period
from storage.overview.reads import OverviewReads
from storage.overview.scores import AT_EVENTS
from storage.write.clickhouse_sink import AnalyticsSink
from storage.write.relational_sink import RelationalSink
from stream.fold.path_patterns import PathPatterns
from stream.scored import ScoredSession
from tests.support import overview_recount as recount
from tests.support.events import NOON
from tests.support.overview_recount import CountedSession, counted
from tests.support.overview_shop import BANDS, DAY, DAYS, OverviewShop, Updates
from tests.support.replays import Shop
from tests.support.sinks import block

SHOP = OverviewShop(3).sessions(140)
#: What a replay found should not be, and what it scored once more.
VOID, REPLAYED = SHOP[0], SHOP[1]
STANDING = [each for each in SHOP if each is not VOID]
#: Half of the last day is left out.
PERIOD = Period(NOON, NOON + DAYS * DAY - DAY // 2)
NOW = NOON + 4 * DAY
ZONE = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def reads(shared: tuple[Any, Any]) -> OverviewReads:
    """Of databases with SHOP, a replay of two of its sessions among it."""
    Shop(*shared, []).lose()
    engine, client = shared
    written = block(*(each for updates in SHOP for each in updates))
    for sink in (RelationalSink(engine), AnalyticsSink(client)):
        sink.write(written)
    replaced = (
        "INSERT INTO scored_sessions SELECT * REPLACE({} AS {}, 1 AS backfill) FROM scored_sessions "
        "WHERE session_id = '{}'"
    )
    client.command(replaced.format("true", "void", VOID[0].session_id))
    client.command(replaced.format("0.999", "probability", REPLAYED[0].session_id))
    with engine.begin() as connection:
        connection.execute(update(sessions).where(sessions.c.session_id == VOID[0].session_id).values(status="void"))
    money = {"shop": ReportingCurrency("EUR", {"USD": 0.5}), "other": ReportingCurrency("EUR", {"USD": 0.5})}
    return OverviewReads(
        engine,
        client,
        money=lambda: money,
        zone=lambda _: ZONE,
        patterns=lambda: {"other": PathPatterns(["/p/*"])},
        now=lambda: NOW / 1000,
    )


def opened(period: Period, site: str = "shop") -> list[CountedSession]:
    """The sessions of the period; an order may count in one outside of it."""
    return [each for each in counted(STANDING, site) if period.since <= each.last.opened_at < period.until]


def equal(found: Figures, expected: Mapping[str, Any]) -> None:
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(value), name
    assert found.conversion.value == pytest.approx(
        expected["buyers"] / expected["sessions"] if expected["sessions"] else 0.0
    )
    assert found.conversion.low <= found.conversion.value <= found.conversion.high


@pytest.mark.parametrize("site", ["shop", "other"])
def test_the_summary_is_of_each_period_and_of_the_site_with_its_runs(reads: OverviewReads, site: str) -> None:
    halves = Period(NOON, NOON + 3 * DAY), Period(NOON + 3 * DAY, PERIOD.until)
    found = reads.summary(site, halves[1], halves[0])
    assert found.compared is not None
    assert found.current.figures.sessions > 10
    equal(found.current.figures, recount.figures(opened(halves[1], site)))
    equal(found.compared.figures, recount.figures(opened(halves[0], site)))


@pytest.mark.parametrize("by", ["day", "hour"])
def test_the_series_has_the_sessions_of_each_span_and_their_scores(reads: OverviewReads, by: Any) -> None:
    found = reads.series("shop", PERIOD, None, by).current.spans
    assert len(found) == (6 if by == "day" else 24 * DAYS - 12)
    ends = [*(span.at for span in found[1:]), PERIOD.until]
    for span, end in zip(found, ends, strict=True):
        of_span = opened(Period(span.at, end))
        if of_span:
            equal(span.figures, recount.figures(of_span))
            assert span.mean_intent == pytest.approx(sum(each.last.probability for each in of_span) / len(of_span))
        else:
            assert (span.figures.sessions, span.mean_intent) == (0, None)
        assert span.bands == {band: sum(each.last.band == band for each in of_span) for band in BANDS}


SEGMENT_OF: dict[str, Callable[[ScoredSession], str]] = {
    "source": lambda last: last.origin.traffic_type,
    "device": lambda last: (last.signals and last.signals.device_class) or "",
    "visitor": lambda last: last.features.VisitorType,
}


@pytest.mark.parametrize("dimension", SEGMENT_OF)
def test_segments_divide_the_sessions(reads: OverviewReads, dimension: Any) -> None:
    of, given = SEGMENT_OF[dimension], opened(PERIOD)
    found = reads.segments("shop", PERIOD, dimension, 50)
    assert {each.name for each in found.segments} == {of(each.last) for each in given}
    for segment in found.segments:
        equal(segment.figures, recount.figures(each for each in given if of(each.last) == segment.name))
    assert found.others is None
    first, *rest = found.segments
    cut = reads.segments("shop", PERIOD, dimension, 1)
    assert cut.segments == [first]
    names = {each.name for each in rest}
    if names:
        assert cut.others is not None
        equal(cut.others, recount.figures(each for each in given if of(each.last) in names))


def test_the_funnel_counts_commerce_events_and_pages(reads: OverviewReads) -> None:
    reached, own, unverified = recount.funnel(opened(PERIOD))
    found = reads.funnel("shop", PERIOD)
    assert [step.reached for step in found.steps] == reached
    assert [step.own for step in found.steps] == own
    assert found.unverified == unverified > 0
    assert found.steps[4].of_previous.value == pytest.approx(reached[4] / reached[3])
    assert found.steps[4].of_sessions.value == pytest.approx(reached[4] / reached[0])


@pytest.mark.parametrize("days", [0, 1, 7])
def test_each_cart_has_one_fate_by_the_rule(reads: OverviewReads, days: int) -> None:
    everybody = counted(STANDING)
    fates: dict[str, list[CountedSession]] = {}
    for each in opened(PERIOD):
        if each.had_cart:
            fates.setdefault(recount.fate(each, everybody, days, NOW), []).append(each)
    found = reads.carts("shop", PERIOD, days)
    assert {each.fate: each.carts for each in found.fates if each.carts} == {
        name: len(carts) for name, carts in fates.items()
    }
    assert found.carts == sum(map(len, fates.values()))
    assert len(fates) == 6 if days else "bought_later" not in fates
    for count in found.fates:
        values = [greatest_value(each.updates) for each in fates.get(count.fate, [])]
        assert count.value == pytest.approx(sum(value or 0.0 for value in values))
        assert count.unvalued == values.count(None)
    left = [each for each in fates["left"] if each.last.last_event_at + days * DAY > NOW]
    assert found.fates[-1].undecided == len(left)


def greatest_value(updates: Updates) -> float | None:
    values = [each.signals.cart_value for each in updates if each.signals and each.signals.cart_value is not None]
    return max(values, default=None)


def test_bands_are_those_before_the_order(reads: OverviewReads) -> None:
    given = [each for each in opened(PERIOD) if each.is_closed and each.updates is not REPLAYED]
    found = {(each.moment, each.band): (each.sessions, each.buyers) for each in reads.bands("shop", PERIOD).bands}
    assert len(found) == 15
    expected = dict.fromkeys(found, (0, 0))

    def count(moment: Any, update: ScoredSession, buys: bool) -> None:
        sessions_, buyers = expected[moment, update.band]
        expected[moment, update.band] = sessions_ + 1, buyers + buys

    for each in given:
        if each.live:
            count("highest", max(each.live, key=lambda one: BANDS.index(one.band)), each.buys)
        for one in each.live:
            if one.counts.events in AT_EVENTS:
                count(f"event_{one.counts.events}", one, each.buys)
    assert found == expected


def test_calibration_is_of_live_scores_before_the_order(reads: OverviewReads) -> None:
    given = [each for each in opened(PERIOD) if each.is_closed and each.updates is not REPLAYED]
    found = reads.calibration("shop", PERIOD)
    assert found.models == ["first", "second"]
    assert [each.event for each in found.events] == list(AT_EVENTS)
    for at in found.events:
        looks = [(one.probability, each.buys) for each in given for one in each.live if one.counts.events == at.event]
        assert (at.sessions, at.buyers) == (len(looks), sum(buys for _, buys in looks))
        assert at.expected == pytest.approx(sum(score for score, _ in looks))
        for group in at.groups:
            inside = [(score, buys) for score, buys in looks if group.low_score <= score <= group.high_score]
            assert (group.sessions, group.buyers) == (len(inside), sum(buys for _, buys in inside))
            assert group.mean_score == pytest.approx(sum(score for score, _ in inside) / len(inside))
        apart = sum(abs(group.buyers / group.sessions - group.mean_score) * group.sessions for group in at.groups)
        assert at.error == pytest.approx(apart / len(looks))


def test_pages_are_worth_what_was_paid_after_them(reads: OverviewReads) -> None:
    expected = recount.page_values(opened(PERIOD))
    found = reads.pages("shop", PERIOD, 100)
    assert (found.currency, found.pages) == ("EUR", len(expected))
    assert {page.path for page in found.top} == set(expected)
    for page in found.top:
        views, sessions_, buyers, value = expected[page.path]
        assert (page.views, page.sessions, page.buyers) == (views, sessions_, buyers)
        assert page.value == pytest.approx(value)
    values = [page.value for page in found.top]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 3
    cut = reads.pages("shop", PERIOD, 2)
    assert (cut.top, cut.pages) == (found.top[:2], found.pages)


def test_pages_under_a_pattern_are_one(reads: OverviewReads) -> None:
    given = opened(PERIOD, "other")
    found = {page.path: page for page in reads.pages("other", PERIOD, 100).top}
    assert "/p/1" not in found
    products = [[path for path, _ in each.views if path.startswith("/p/")] for each in given]
    assert (found["/p/*"].views, found["/p/*"].sessions) == (
        sum(map(len, products)),
        sum(1 for each in products if each),
    )


def test_a_site_without_sessions_has_empty_answers(reads: OverviewReads) -> None:
    assert reads.summary("empty", PERIOD, None).current.figures.sessions == 0
    assert [step.reached for step in reads.funnel("empty", PERIOD).steps] == [0] * 5
    assert (reads.carts("empty", PERIOD, 7).carts, reads.pages("empty", PERIOD, 5).top) == (0, [])
    assert reads.calibration("empty", PERIOD).events == []
    assert reads.segments("empty", PERIOD, "device", 5).segments == []
