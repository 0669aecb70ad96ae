"""Clicks as events: one page view each, in the order of the file, at invented times that close no session early."""

from collections import Counter
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.cli.failures import lines
from deploy.errors import SetupError
from deploy.settings.model import Settings, SiteSettings
from deploy.simulate import clicks_run
from deploy.simulate.clicks import ClickVisit, pauses
from deploy.simulate.clicks_file import MOST_CLICKS, ClickSession, read
from deploy.simulate.ordered import ordered
from ingest.events import Event, decode, encode, key_of
from tests.support.clicks import found_clicks_file, made_up, packed

SITE = "clicks~test"


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[ClickSession]:
    """The real file where it is, else a made-up one."""
    return read(found_clicks_file() or packed(tmp_path_factory.mktemp("clicks") / "c.gz", made_up(600)))


@pytest.fixture(scope="module")
def visits(sessions: list[ClickSession]) -> list[ClickVisit]:
    return [ClickVisit(SITE, session) for session in sessions]


@pytest.fixture(scope="module")
def click_events(visits: list[ClickVisit]) -> list[Event]:
    return list(ordered(visits))


def by_session(events: list[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.session_id, []).append(event)
    return found


def test_every_click_is_one_product_page_view_in_the_order_of_the_file(
    sessions: list[ClickSession], visits: list[ClickVisit], click_events: list[Event]
) -> None:
    assert len(click_events) == sum(visit.event_count for visit in visits) == sum(len(each.paths) for each in sessions)
    found = by_session(click_events)
    assert len(found) == len(sessions)
    for session in sessions:
        events = found[f"session-{session.number:05}"]
        assert tuple(event.page.path for event in events if event.page) == session.paths
        assert {(event.type, event.page and event.page.type) for event in events} == {("page_view", "ProductRelated")}
        assert {event.context.region.code for event in events} == {session.country}


def test_a_session_stays_on_its_day_and_is_never_silent_until_it_would_close(
    visits: list[ClickVisit], click_events: list[Event]
) -> None:
    found = by_session(click_events)
    for visit in visits:
        events = found[visit.session_id]
        times = [datetime.fromtimestamp(event.received_at / 1000, UTC) for event in events]
        assert {time.date() for time in times} == {visit.session.day}
        assert times[0].hour >= 8
        assert all(3 <= (after - before).total_seconds() < 9 * 60 for before, after in pairwise(times))
        assert events[-1].received_at - events[0].received_at == visit.lasts


def test_the_longest_session_fits_its_day() -> None:
    for number in range(1, 1_001):
        visit = ClickVisit(SITE, ClickSession(number, date(2008, 4, 1), 29, ("/products/1/1/A1",) * MOST_CLICKS))
        ends = datetime.fromtimestamp((visit.start + visit.lasts) / 1000, UTC)
        assert (ends.day, visit.lasts) == (1, sum(pauses(visit.session)))


def test_users_are_interleaved(click_events: list[Event]) -> None:
    assert all(earlier.received_at <= later.received_at for earlier, later in pairwise(click_events))
    changes = sum(earlier.session_id != later.session_id for earlier, later in pairwise(click_events))
    assert changes > len(click_events) / 2


def test_sessions_are_spread_over_their_day(visits: list[ClickVisit]) -> None:
    hours = Counter(visit.start // 3_600_000 % 24 for visit in visits)
    assert set(hours) == set(range(8, 24))
    assert max(hours.values()) < 2 * len(visits) / 16


def test_events_obey_the_contract_and_come_out_the_same_each_time(visits: list[ClickVisit]) -> None:
    for visit in visits[:300]:
        again = list(ClickVisit(SITE, visit.session).events())
        assert again == list(visit.events())
        assert [decode(key_of(event.site, event.session_id), encode(event)) for event in again] == again
        assert all(earlier.event_id < later.event_id for earlier, later in pairwise(again))


def test_event_ids_are_never_used_twice(click_events: list[Event]) -> None:
    assert len({event.event_id for event in click_events}) == len(click_events)


def test_without_a_file_one_line_states_where_it_comes_from() -> None:
    with pytest.raises(SetupError, match=r"needs --data FILE.*not drawn.*UCI.*553") as refused:
        clicks_run.source(None, None)
    assert len(lines(refused.value) or []) == 1


def test_so_many_sessions_are_the_first_of_the_file(tmp_path: Path) -> None:
    file = packed(tmp_path / "c.gz", made_up(20))
    assert clicks_run.source(file, 3) == (file, read(file)[:3])
    assert len(clicks_run.source(file, 999)[1]) == 20


def test_a_site_in_another_time_zone_is_one_line(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, sites={"clicks": SiteSettings(timezone="Europe/Warsaw")})
    with pytest.raises(SetupError, match=r"sites\.clicks\.timezone .*Europe/Warsaw") as refused:
        clicks_run.simulation(settings, [], "k3f9")
    assert len(lines(refused.value) or []) == 1
