"""A row becomes events that come back as that row: recounted here by the contract alone, without the worker's fold."""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from deploy.simulate.dates import Dates
from deploy.simulate.draw import draw
from deploy.simulate.ordered import by_partition, ordered
from deploy.simulate.pages import Catalogue
from deploy.simulate.rows import Row, read
from deploy.simulate.uci import UciVisit
from ingest.events import Event, base_site, decode, encode, key_of
from scoring.features import Features
from stream.fold.calendar import Calendar
from stream.fold.pages import PageRow
from tests.support.uci import found_uci_file, uci_file

SITE = "uci~test"
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Simulated:
    def __init__(self, crowded: bool) -> None:
        file = found_uci_file()
        self.rows = read(file) if file else draw(2_000)
        self.catalogue = Catalogue()
        dates = Dates(Calendar("UTC", "", ("02-14", "05-09")), crowded)
        self.visits = [UciVisit(SITE, row, dates, self.catalogue) for row in self.rows]
        self.dates = dates
        self.told: dict[str, list[Event]] = {visit.session_id: list(visit.events()) for visit in self.visits}
        self.pages = {page.path: page for page in self.catalogue.rows("b1", SITE)}


@pytest.fixture(
    scope="module", params=[pytest.param(False, id="over the year"), pytest.param(True, id="crowded on a few days")]
)
def simulated(request: pytest.FixtureRequest) -> Simulated:
    return Simulated(request.param)


def recount(events: list[Event], pages: dict[str, PageRow]) -> tuple[Features, bool]:
    """The features of one session, from the design's words."""
    ordered_events = sorted(events, key=lambda event: (event.occurred_at, event.event_id))
    views = [event for event in ordered_events if event.type == "page_view"]
    ends = [event.occurred_at for event in views[1:]] + [ordered_events[-1].occurred_at]
    counts: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    seen = []
    for view, end in zip(views, ends[: len(views)], strict=True):
        assert view.page is not None
        assert view.page.type is not None
        counts[view.page.type] += 1
        seconds[view.page.type] += min(end - view.occurred_at, 1_800_000) / 1000
        seen.append(pages[view.page.path])
    first = ordered_events[0]
    day = datetime.fromtimestamp(first.occurred_at / 1000, UTC)
    peaks = [datetime(2025, *special, tzinfo=UTC) - timedelta(days=6) for special in ((2, 14), (5, 9))]
    away = min(abs((day.date() - peak.date()).days) for peak in peaks)
    many = len(seen) or 1
    context = first.context
    features = Features(
        counts["Administrative"],
        seconds["Administrative"],
        counts["Informational"],
        seconds["Informational"],
        counts["ProductRelated"],
        seconds["ProductRelated"],
        sum(page.bounce_rate for page in seen) / many,
        sum(page.exit_rate for page in seen) / many,
        sum(page.page_value for page in seen) / many,
        max(0.0, 1 - away / 5),
        MONTHS[day.month - 1],
        context.operating_system.code,
        context.browser.code,
        context.region.code,
        context.traffic_type.code,
        context.visitor_type,
        day.weekday() >= 5,
    )
    return features, any(event.purchase is not None and event.purchase.verified for event in events)


def expected(row: Row) -> Features:
    """The row as it must come back: durations to the millisecond, no rates where no page was viewed."""
    raw = {name: getattr(row.features, name) for name in Features.__struct_fields__}
    for name in ("Administrative_Duration", "Informational_Duration", "ProductRelated_Duration"):
        raw[name] = round(raw[name], 3)
    if not row.features.Administrative + row.features.Informational + row.features.ProductRelated:
        raw |= {"BounceRates": 0.0, "ExitRates": 0.0, "PageValues": 0.0}
    return Features(**raw)


def test_events_come_back_as_their_row(simulated: Simulated) -> None:
    for visit in simulated.visits:
        features, revenue = recount(simulated.told[visit.session_id], simulated.pages)
        wanted = expected(visit.row)
        for name in Features.__struct_fields__:
            got, want = getattr(features, name), getattr(wanted, name)
            same = abs(got - want) < 1e-9 if isinstance(want, float) else got == want
            assert same, f"row {visit.row.number}: {name} is {got}, the file says {want}"
        assert revenue == visit.row.revenue


def test_whole_file_has_the_figures_of_the_issue(simulated: Simulated) -> None:
    uci_file()
    types = Counter(event.type for events in simulated.told.values() for event in events)
    assert types == {"session_start": 12_330, "page_view": 426_004, "page_ping": 12_324, "purchase": 1_908}
    assert max(visit.lasts for visit in simulated.visits) == 69_921_647
    assert sum(not visit.views for visit in simulated.visits) == 6
    assert max(millis for visit in simulated.visits for _, millis in visit.views) == 1_778_000


def test_no_view_counts_longer_than_the_cap(simulated: Simulated) -> None:
    assert max(millis for visit in simulated.visits for _, millis in visit.views) <= 1_800_000


def test_no_session_crosses_the_daily_cut(simulated: Simulated) -> None:
    hours_4 = 4 * 3_600_000
    for events in simulated.told.values():
        days = {(event.occurred_at - hours_4) // 86_400_000 for event in events}
        assert len(days) == 1, events[0].session_id


def test_no_session_is_silent_until_it_would_close(simulated: Simulated) -> None:
    for events in simulated.told.values():
        for event, following in pairwise(events):
            assert 0 <= following.received_at - event.received_at < 40 * 60_000


def test_event_ids_are_uuid7_grow_and_are_never_used_twice(simulated: Simulated) -> None:
    shape = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    ids = [[event.event_id for event in events] for events in simulated.told.values()]
    assert all(shape.fullmatch(identity) for identities in ids for identity in identities)
    assert all(earlier < later for identities in ids for earlier, later in pairwise(identities))
    everything = [identity for identities in ids for identity in identities]
    assert len(set(everything)) == len(everything)


def test_views_of_one_session_see_pages_that_differ(simulated: Simulated) -> None:
    for visit in simulated.visits:
        row = visit.row.features
        if len(visit.views) >= 2 and (row.BounceRates or row.ExitRates or row.PageValues):
            seen = {simulated.pages[path] for path in visit.paths}
            assert len({(page.bounce_rate, page.exit_rate, page.page_value) for page in seen}) >= 2, visit.session_id


def test_one_stream_holds_every_event_in_the_order_received(simulated: Simulated) -> None:
    told = list(ordered(simulated.visits[:2_000]))
    assert all(earlier.received_at <= later.received_at for earlier, later in pairwise(told))
    by_session: dict[str, list[Event]] = defaultdict(list)
    for event in told:
        by_session[event.session_id].append(event)
    assert by_session == {visit.session_id: simulated.told[visit.session_id] for visit in simulated.visits[:2_000]}


def test_partitions_share_the_visits_out(simulated: Simulated) -> None:
    parts = by_partition(simulated.visits[:100], 4, lambda key, partitions: key[-1] % partitions)
    assert sorted(visit.number for part in parts for visit in part) == sorted(
        visit.number for visit in simulated.visits[:100]
    )
    assert all(key_of(SITE, visit.session_id)[-1] % 4 == place for place, part in enumerate(parts) for visit in part)


def test_events_obey_the_contract(simulated: Simulated) -> None:
    for visit in simulated.visits[:500]:
        for event in simulated.told[visit.session_id]:
            assert decode(key_of(event.site, event.session_id), encode(event)) == event
            assert event.clock == "replayed"
            assert base_site(event.site) == "uci"


def test_crowded_sessions_are_open_at_the_same_time() -> None:
    rows = draw(600)
    most = {}
    for crowded in (False, True):
        dates, catalogue = Dates(Calendar("UTC", "", ("02-14", "05-09")), crowded), Catalogue()
        visits = [UciVisit(SITE, row, dates, catalogue) for row in rows]
        most[crowded] = max(
            sum(other.start <= visit.start <= other.start + other.lasts for other in visits) for visit in visits
        )
    assert most[True] >= 5 * most[False]


def test_same_row_gives_the_same_events(simulated: Simulated) -> None:
    again = UciVisit(SITE, simulated.rows[7], simulated.dates, Catalogue())
    assert [event.event_id for event in again.events()] == [
        event.event_id for event in simulated.told[again.session_id]
    ]
