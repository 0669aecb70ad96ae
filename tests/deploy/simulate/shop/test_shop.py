"""The sessions of the generated shop: the same ones each time, in order, as a tracker would send them."""

from collections import defaultdict
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from deploy.errors import SetupError
from deploy.simulate.ordered import ordered
from deploy.simulate.send import pieces
from deploy.simulate.shop import truths
from deploy.simulate.shop.parameters import ShopFacts
from deploy.simulate.shop.rhythm import DAY, HOUR, first_cut
from deploy.simulate.shop.shop import ShopParameters, visits
from deploy.simulate.shop.visit import ShopVisit
from ingest import events as contract
from ingest.events import Event
from ingest.schemas import ImportBatch
from stream.fold.calendar import Calendar

DAYS = 5


@pytest.fixture(scope="module")
def made() -> list[ShopVisit]:
    return visits(ShopParameters(800, seed=3, days=DAYS))


def all_events(made: list[ShopVisit]) -> list[Event]:
    return [event for visit in made for event in visit.events()]


def test_a_seed_gives_the_same_events_each_time_and_another_one_others(made: list[ShopVisit]) -> None:
    again = visits(ShopParameters(800, seed=3, days=DAYS))
    assert all_events(again) == all_events(made)
    assert all_events(made) == all_events(made)
    assert all_events(visits(ShopParameters(800, seed=4, days=DAYS))) != all_events(made)


def test_the_events_of_a_seed_are_the_ones_that_they_were(made: list[ShopVisit]) -> None:
    """Whoever changes these changes every figure that was published of a seed."""
    digest = blake2b(digest_size=8)
    for event in all_events(made):
        digest.update(contract.encode(event))
    assert digest.hexdigest() == "01592d88ab07dd19"


def test_events_keep_the_contract(made: list[ShopVisit]) -> None:
    for event in all_events(made):
        assert contract.decode(contract.key_of(event.site, event.session_id), contract.encode(event)) == event


def test_events_are_sent_as_imports_take_them(made: list[ShopVisit]) -> None:
    events = all_events(made)
    bodies = [
        msgspec.json.decode(piece.body, type=ImportBatch) for piece in pieces("generated~t", events, 500, 1_000_000)
    ]
    sent = [event for body in bodies for event in body.events]
    assert len(sent) == len(events)
    for event, given in zip(events, sent, strict=True):
        assert (given.event_id, given.visitor_id, given.history) == (event.event_id, event.visitor_id, event.history)
        assert (given.commerce is None) == (event.commerce is None)
        if event.commerce is not None and given.commerce is not None:
            assert given.commerce.action == event.commerce.action
            assert [item.id for item in given.commerce.items] == [item.id for item in event.commerce.items]


def test_amounts_change_nothing_but_money(made: list[ShopVisit]) -> None:
    dearer = visits(ShopParameters(800, seed=3, days=DAYS, amounts=150))
    assert [without_money(event) for event in all_events(dearer)] == [
        without_money(event) for event in all_events(made)
    ]
    for event, other in zip(all_events(made), all_events(dearer), strict=True):
        assert [150 * sum_ for sum_ in sums(event)] == pytest.approx(sums(other))
    assert any(sums(event) for event in all_events(made))
    assert [event.truth for visit in dearer for event in visit.walk()] == [
        event.truth for visit in made for event in visit.walk()
    ]


def sums(event: Event) -> list[float]:
    found = [event.purchase.amount] if event.purchase else []
    if event.commerce:
        found += [event.commerce.value or 0.0, *(item.price or 0.0 for item in event.commerce.items)]
    return found


def without_money(event: Event) -> Event:
    purchase, commerce = event.purchase, event.commerce
    if purchase:
        event = msgspec.structs.replace(event, purchase=msgspec.structs.replace(purchase, amount=0.0))
    if commerce:
        items = tuple(msgspec.structs.replace(item, price=None) for item in commerce.items)
        event = msgspec.structs.replace(event, commerce=msgspec.structs.replace(commerce, value=None, items=items))
    return event


def test_visits_follow_each_other_and_their_events_too(made: list[ShopVisit]) -> None:
    assert [visit.number for visit in made] == list(range(1, 801))
    events = list(ordered(made))
    assert all(one.received_at <= other.received_at for one, other in pairwise(events))
    for visit in made:
        mine = list(visit.events())
        assert len(mine) == visit.event_count
        assert all(
            (one.occurred_at, one.event_id) < (other.occurred_at, other.event_id) for one, other in pairwise(mine)
        )
        assert mine[-1].occurred_at == visit.start + visit.lasts
        assert any(event.type == "purchase" for event in mine) == visit.bought


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_sessions_lie_within_the_days_and_none_crosses_a_daily_cut(zone: str) -> None:
    calendar = Calendar(zone)
    made = visits(ShopParameters(800, seed=3, days=DAYS), calendar=calendar)
    first = first_cut(calendar)
    hours = [calendar.hour(visit.start) for visit in made]
    assert sum(18 <= hour < 23 for hour in hours) > 3 * sum(1 <= hour < 6 for hour in hours)
    for visit in made:
        assert first <= visit.start < first + DAYS * DAY + HOUR
        assert calendar.latest_cut(visit.start) == calendar.latest_cut(visit.start + visit.lasts)


def test_visitors_return_with_the_history_that_they_have(made: list[ShopVisit]) -> None:
    by_visitor: dict[str, list[ShopVisit]] = defaultdict(list)
    for visit in made:
        by_visitor[visit.visitor_id].append(visit)
    assert sum(len(sessions) > 1 for sessions in by_visitor.values()) > 50
    for sessions in by_visitor.values():
        for before, after in pairwise(sorted(sessions, key=lambda visit: visit.start)):
            assert after.start >= before.start + before.lasts + HOUR
            assert after.history.previous_sessions == before.history.previous_sessions + 1
            assert after.history.previous_purchases == before.history.previous_purchases + before.bought
            days = (after.start - before.start - before.lasts) / DAY
            assert after.history.days_since_previous_session == pytest.approx(days, abs=0.001)


def test_the_history_agrees_with_the_class_of_the_visitor(made: list[ShopVisit]) -> None:
    for visit in made:
        known = visit.history
        expected = "customer" if known.previous_purchases else "returning" if known.previous_sessions else "new"
        assert visit.segment.visitor == expected
        starts = [event for event in visit.events() if event.type == "session_start"]
        assert [event.history for event in starts] == [known]
        assert (starts[0].context.visitor_type == "New_Visitor") == (expected == "new")


def test_the_order_is_what_is_in_the_cart(made: list[ShopVisit]) -> None:
    orders = 0
    for visit in made:
        cart: list[tuple[str, float]] = []
        for event in visit.events():
            if event.commerce and event.commerce.action == "add_to_cart":
                (item,) = event.commerce.items
                cart.append((item.id, item.quantity * (item.price or 0)))
            elif event.commerce and event.commerce.action == "remove_from_cart":
                assert event.commerce.items[0].id == cart.pop()[0]
            elif event.commerce and event.commerce.action in ("view_cart", "begin_checkout", "add_payment_info"):
                assert event.commerce.value == pytest.approx(sum(worth for _, worth in cart))
                assert [item.id for item in event.commerce.items] == [product for product, _ in cart]
            elif event.purchase:
                orders += 1
                assert event.purchase.verified
                assert event.purchase.amount == pytest.approx(sum(worth for _, worth in cart))
    assert orders == sum(visit.bought for visit in made) > 10


def test_another_conversion_has_more_buyers() -> None:
    facts = ShopFacts(conversion=0.1)
    assert sum(visit.bought for visit in visits(ShopParameters(800, seed=3, facts=facts))) > 50


def test_the_truth_is_written_beside_each_event(made: list[ShopVisit], tmp_path: Path) -> None:
    file = tmp_path / "truth.jsonl"
    truths.write(file, made[:50])
    lines = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
    assert [line["event_id"] for line in lines] == [event.event_id for event in all_events(made[:50])]
    assert [line["truth"] for line in lines] == [event.truth for visit in made[:50] for event in visit.walk()]
    assert all((line["truth"] is None or 0 <= line["truth"] < 1) for line in lines)


def test_a_truth_that_cannot_be_written_is_refused_in_one_line(made: list[ShopVisit], tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot write .*: No such file or directory: give --truth another place"):
        truths.write(tmp_path / "missing" / "truth.jsonl", made[:1])
