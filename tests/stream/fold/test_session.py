"""One session's features, case by case."""

import pytest

from ingest.events import Code, Context, Event, Page, Ping, Purchase
from scoring.features import Features
from stream.fold.event_ids import event_id_bytes, event_id_text
from stream.fold.session import network_digest
from stream.scored import CategoryNames
from tests.support.events import NOON, event, event_id
from tests.support.log import folded, log_of
from tests.support.recount import recount

SECOND = 1_000
MINUTE = 60_000


def last_features(*events: Event) -> Features:
    return folded(log_of(events)).sessions[-1].features


def view(number: int, at: int, kind: str | None = "ProductRelated", **given: object) -> Event:
    return event(number, NOON + at, page=Page(f"/{kind}", kind), received_at=NOON + 5 * MINUTE, **given)


def ping(number: int, at: int) -> Event:
    return event(number, NOON + at, type="page_ping", ping=Ping(at), received_at=NOON + 5 * MINUTE)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([view(1, 0)], 0.0, id="one view alone lasts nothing"),
        pytest.param([view(1, 0), ping(2, 9 * SECOND)], 9.0, id="a ping tells how long the last view lasted"),
        pytest.param([view(1, 0), view(2, 7 * SECOND)], 7.0, id="a view lasts until the next"),
        pytest.param([view(1, 0), view(2, 7 * SECOND, None)], 7.0, id="also until a page without a type"),
        pytest.param([view(2, 7 * SECOND), view(1, 0), ping(3, 8 * SECOND)], 8.0, id="whatever comes first"),
        pytest.param([ping(3, 8 * SECOND), view(2, 7 * SECOND), view(1, 0)], 8.0, id="the ping even before its view"),
        pytest.param([view(1, 0), view(1, 0), ping(2, 1_500), ping(2, 1_500)], 1.5, id="each event counts once"),
    ],
)
def test_seconds_on_product_pages(events: list[Event], expected: float) -> None:
    assert last_features(*events).ProductRelated_Duration == expected


def test_the_halves_of_two_ids_are_not_the_id_of_an_event() -> None:
    two = [event_id(1), event_id(2)]
    between = event_id_text(event_id_bytes(two[0])[8:] + event_id_bytes(two[1])[:8])
    events = [event(number, event_id=each) for number, each in enumerate([*two, between, between, *two], 1)]
    assert folded(log_of(events)).counts == {"scored": 3, "duplicate": 3}


def test_ids_that_do_not_grow_are_known_again() -> None:
    events = [event(number) for number in (5, 3, 9, 1, 9, 5, 1, 3, 2)]
    into = folded(log_of(events))
    assert into.counts == {"scored": 5, "duplicate": 4}
    assert into.sessions[-1].counts.events == 5


def test_a_view_counts_thirty_minutes_at_most() -> None:
    late = [event(1, NOON), event(2, NOON + 31 * MINUTE, type="page_ping")]
    assert last_features(*late).ProductRelated_Duration == 1800.0


def test_amounts_are_kept_by_currency() -> None:
    sums = [(50.0, "EUR"), (5_000.0, "JPY"), (2.5, "EUR"), (1.0, None)]
    bought = [Purchase(amount, f"o{amount}", currency, verified=True) for amount, currency in sums]
    events = [event(n, NOON + n, type="purchase", purchase=each) for n, each in enumerate(bought, 1)]
    update = folded(log_of(events[::-1])).sessions[-1]
    assert (update.amount, update.currency) == (52.5, "EUR")
    assert [(each.currency, each.amount) for each in update.amounts] == [("EUR", 52.5), ("JPY", 5_000.0), ("", 1.0)]
    later = folded(log_of(events[1:2])).sessions[-1]
    assert (later.amount, later.currency) == (5_000.0, "JPY")


def test_three_kinds_of_pages_and_one_of_none() -> None:
    events = [
        view(1, 0, "Administrative"),
        view(2, 1_000, "Informational"),
        view(3, 3_000, None),
        view(4, 6_000, "ProductRelated"),
        ping(5, 10_000),
    ]
    found = last_features(*events)
    expected = recount(events)
    assert {name: getattr(found, name) for name in expected} == expected
    assert (found.Administrative_Duration, found.Informational_Duration, found.ProductRelated_Duration) == (1, 2, 4)


def test_context_comes_from_the_earliest_event() -> None:
    context = Context(
        browser=Code(2, "Chrome"), operating_system=Code(3, "Linux"), region=Code(4), visitor_type="Returning_Visitor"
    )
    early, late = view(1, 0, context=context, visitor_id="first"), view(2, 1_000, visitor_id="second")
    update = folded(log_of([late, early])).sessions[-1]
    assert (update.features.Browser, update.features.OperatingSystems, update.features.Region) == (2, 3, 4)
    assert update.features.VisitorType == "Returning_Visitor"
    assert update.visitor_id == "first"
    assert update.origin == CategoryNames("Chrome", "Linux", "", "")


@pytest.mark.parametrize(
    ("purchases", "expected"),
    [
        pytest.param([Purchase(10.0)], (False, 0.0, 1), id="a browser's word is no revenue"),
        pytest.param([Purchase(10.0, "o1", verified=True)], (True, 10.0, 0), id="a verified order is"),
        pytest.param(
            [Purchase(99.0, "o1"), Purchase(10.0, "o1", verified=True)], (True, 10.0, 0), id="the verified word wins"
        ),
        pytest.param(
            [Purchase(10.0, "o1", verified=True)] * 2 + [Purchase(5.5, "o2", verified=True)], (True, 15.5, 0),
            id="each order counts once",
        ),
    ],
)  # fmt: skip
def test_revenue(purchases: list[Purchase], expected: tuple[bool, float, int]) -> None:
    events = [event(n, NOON + n, type="purchase", purchase=each) for n, each in enumerate(purchases)]
    for told in (events, events[::-1]):
        update = folded(log_of(told)).sessions[-1]
        assert (update.revenue, update.amount, update.unverified_purchases) == expected


def test_going_back_reopens_an_ended_session() -> None:
    events = [view(1, 0), event(2, NOON + 10, type="session_end", received_at=NOON + 5 * MINUTE), view(3, 20)]
    assert [update.status for update in folded(log_of(events)).sessions] == ["open", "ended", "open"]
    assert folded(log_of([events[2], events[1]])).sessions[-1].status == "open"


def test_an_update_reports_the_views_that_it_changed() -> None:
    into = folded(log_of([view(1, 0), view(2, 4_000), ping(3, 9_000)]))
    told = [[(each.event_id, each.seconds, each.is_bounce, each.is_exit) for each in u.views] for u in into.sessions]
    assert told == [
        [(event_id(1), 0.0, True, True)],
        [(event_id(1), 4.0, False, False), (event_id(2), 0.0, False, True)],
        [(event_id(2), 5.0, False, True)],
    ]


def test_an_event_that_no_number_holds_fails_and_changes_nothing() -> None:
    huge = [event(n, NOON + n, type="purchase", purchase=Purchase(1.7e308, f"o{n}", verified=True)) for n in (1, 2)]
    into = folded(log_of([*huge, event(3, NOON + 5, type="custom")]))
    assert [letter.reason for letter in into.dead] == ["failed"]
    assert "exceed what a number holds" in into.dead[0].detail
    assert (into.sessions[-1].amount, into.sessions[-1].counts.events) == (1.7e308, 2)


def test_the_earliest_event_states_whether_a_session_is_a_programs_and_of_which_network() -> None:
    one, other = Context(ip="203.0.113.0"), Context(ip="198.51.100.0")
    events = [
        event(2, NOON + 2 * SECOND, context=other, flags=("bot",), received_at=NOON + MINUTE),
        event(1, NOON + SECOND, context=one, received_at=NOON + MINUTE),
        event(3, NOON + 3 * SECOND, context=other, received_at=NOON + MINUTE),
    ]
    found = [(update.bot, update.network) for update in folded(log_of(events)).sessions]
    assert found[0] == (True, network_digest("default", "198.51.100.0"))
    assert found[1:] == [(False, network_digest("default", "203.0.113.0"))] * 2


@pytest.mark.parametrize(
    ("address", "named"),
    [
        *(("203.0.113.0", True), ("172.32.0.0", True), ("2001:db8:1::", True), ("100.1.2.0", True)),
        *(("127.0.0.0", False), ("10.1.2.0", False), ("192.168.1.0", False), ("172.20.1.0", False), ("::", False)),
        *(("fd00:1::", False), ("fe80::", False)),
    ],
)
def test_a_network_has_a_name_that_is_no_address_and_another_on_each_site(address: str, named: bool) -> None:
    name = network_digest("default", address)
    assert bool(name) is named
    assert address not in name
    assert not named or name != network_digest("other", address)
