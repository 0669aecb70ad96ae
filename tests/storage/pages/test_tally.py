"""Counts that are kept by hour and day equal a count of everything, whatever was written, replayed or forgotten."""

import random
from typing import Any

import pytest

import stream.fold.partition
from ingest.events import Context, Event, Page, Purchase, Tick
from storage.admin.forget import Visitor, VisitorDatabases
from storage.database.money import ReportingCurrency
from storage.pages import tally
from storage.pages.tally import DAY_MS, Tallies, Tally
from storage.write.clickhouse_sink import AnalyticsSink
from stream.fold.pages import ANY_PATH
from stream.fold.path_patterns import PathPatterns
from stream.scored import Cause
from tests.support.events import NOON, event
from tests.support.full_tally import full_tally
from tests.support.replays import Shop, placed
from tests.support.scored import scored
from tests.support.sinks import block

MINUTE = 60_000
HOUR = 60 * MINUTE


def history(chance: random.Random, sessions: int = 80) -> list[Event | Tick]:
    """Visits of two sites over three days, some with a purchase in their middle, and the end of the last of them."""
    events: list[Event] = []
    for session in range(sessions):
        at = NOON + chance.randrange(3) * DAY_MS + chance.randrange(2 * HOUR)
        site = chance.choice("ab")
        for _ in range(chance.randrange(1, 6)):
            at += chance.randrange(1_000, 30 * MINUTE)
            path = chance.choice(["/", "/cart", f"/order/{chance.randrange(99)}", f"/p/{chance.randrange(4)}"])
            # Two thirds of the sessions are of one network and the first hours of a day.
            address = chance.choice(["203.0.113.0", "203.0.113.0", "198.51.100.0"])
            given: dict[str, Any] = {"site": site, "session_id": f"s{session}", "visitor_id": f"v{session % 9}"}
            given |= {"context": Context(ip=address), "flags": ("bot",) if session % 11 == 0 else ()}
            events.append(event(len(events) + 1, at, page=Page(path), **given))
            if chance.random() < 0.2:
                coin = chance.choice(["EUR", "EUR", "JPY", None]) if site == "b" else "EUR"
                bought = Purchase(float(chance.randrange(5, 90)), f"o{len(events)}", coin, verified=True)
                events.append(event(len(events) + 1, at + 500, type="purchase", purchase=bought, **given))
    events.sort(key=lambda each: each.received_at)
    return [*events, Tick("live", events[-1].received_at + 3 * HOUR)]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 8))])
async def test_kept_counts_equal_a_count_of_everything(
    databases: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    shop = Shop(*databases, placed(history(chance)))
    patterns: dict[str, PathPatterns] = {}
    money: dict[str, ReportingCurrency] = {}
    kept = Tallies(shop.client, patterns.copy, money.copy)
    since = NOON + chance.choice([0, DAY_MS])
    upto = dict.fromkeys(range(len(shop.said)), 0)
    steps = ["live"] * 4 + ["whole", "replay", *chance.sample(["replay", "forget", "patterns", "again", "money"], 5)]
    for step in steps:
        match step:
            case "live":
                upto = {n: min(at + chance.randrange(40), len(shop.said[n])) for n, at in upto.items()}
                shop.live(upto)
            case "whole":
                shop.live()
            case "replay":
                monkeypatch.setattr(stream.fold.partition, "IDLE", chance.choice([10, 25, 40]) * MINUTE)
                await shop.replay()
            case "forget":
                VisitorDatabases(shop.engine, shop.client).forget(Visitor(chance.choice("ab"), "v1"), [])
            case "patterns":
                patterns["a"] = PathPatterns(["/order/*", "/p/*", "/p*3"])
            case "money":
                money["b"] = ReportingCurrency("EUR", {"JPY": 0.0062})
            case "again":
                kept = Tallies(shop.client, patterns.copy, money.copy)
                if chance.random() < 0.5:
                    kept.recount(since)
        if chance.random() < 0.8 or step != "live":
            expected = full_tally(shop.client, since, patterns, money)
            assert kept.since(since) == expected, step
    assert expected
    assert {each.site for each in expected} == {"a", "b"}
    assert kept.since(since, "b") == [each for each in expected if each.site == "b"]


def test_a_page_is_worth_its_sales_in_one_currency(databases: tuple[Any, Any]) -> None:
    events: list[Event] = []
    sales = [("s1", 50.0, "EUR"), ("s1", 5_000.0, "JPY"), ("s2", 20.0, None), ("s3", 7.0, "USD"), ("s4", 10.0, "EUR")]
    for number, (session, amount, currency) in enumerate(sales):
        at, given = NOON + number * 1_000, {"site": "a", "session_id": session}
        bought = Purchase(amount, f"o{number}", currency, verified=True)
        events.append(event(2 * number + 1, at, page=Page("/cart"), **given))
        events.append(event(2 * number + 2, at + 500, type="purchase", purchase=bought, **given))
    shop = Shop(*databases, placed([*events, Tick("live", NOON + 3 * HOUR)]))
    shop.live()
    money: dict[str, ReportingCurrency] = {}
    kept = Tallies(shop.client, money=money.copy)

    def value() -> float:
        (cart,) = kept.since(NOON)
        return cart.value

    # The currency that most pages have sales in; here all have, and EUR is not the first by name.
    assert value() == 20.0
    money["a"] = ReportingCurrency("EUR", {"JPY": 0.0062})
    assert value() == pytest.approx(50 + 5_000 * 0.0062 + 20 + 10)
    money["a"] = ReportingCurrency("EUR", {"JPY": 0.0062, "USD": 0.5})
    assert value() == pytest.approx(50 + 5_000 * 0.0062 + 20 + 10 + 3.5)
    # Rows of before there were currencies, and counts that were kept then.
    shop.client.command("ALTER TABLE page_tally_source UPDATE amounts = '[]' WHERE 1 SETTINGS mutations_sync = 2")
    shop.client.command("ALTER TABLE page_tallies UPDATE rules = 0, worths = [] WHERE 1 SETTINGS mutations_sync = 2")
    assert value() == pytest.approx(50 + 20 + 7 + 10)


def test_a_count_reads_the_hours_that_changed_and_no_others(databases: tuple[Any, Any], monkeypatch: Any) -> None:
    shop = Shop(*databases, placed(history(random.Random(9))))
    shop.live()
    kept = Tallies(shop.client)
    before = kept.since(NOON)
    counted: list[dict[str, Any]] = []
    real = tally.command

    def watched(client: Any, statement: str, given: dict[str, Any]) -> None:
        if "hours" in given:
            counted.append(given)
        real(client, statement, given)

    monkeypatch.setattr(tally, "command", watched)
    assert Tallies(shop.client).since(NOON) == before
    assert counted == []
    late = [event(1, NOON + 5 * HOUR, session_id="late", site="a", page=Page("/late"))]
    again = Shop(*databases, placed([*late, Tick("live", NOON + 9 * HOUR)]))
    again.live()
    found = kept.since(NOON)
    assert [given["hours"] for given in counted] == [[(NOON + 5 * HOUR) // HOUR]]
    assert Tally("a", "/late", 1, 1, 1, 1, 1, 0.0) in found


def test_pages_beyond_the_bound_are_counted_together(
    databases: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MOST_COUNTED", 3)
    events = [
        event(number, NOON + number * 1_000, site="a", session_id=f"s{number}", page=Page(path))
        for number, path in enumerate(["/x", "/y", "/x", "/z", "/y", "/x", "/r1", "/r2", "/r3", "/z"])
    ]
    shop = Shop(*databases, placed([*events, Tick("live", NOON + 9 * HOUR)]))
    shop.live()
    found = {each.path: each.sessions for each in Tallies(shop.client).since(NOON)}
    assert found == {"/x": 3, "/y": 2, "/z": 2, ANY_PATH: 3}


def test_what_is_kept_of_the_time_before_is_dropped(databases: tuple[Any, Any]) -> None:
    shop = Shop(*databases, placed(history(random.Random(3))))
    shop.live()
    kept = Tallies(shop.client)
    kept.since(0)
    kept.recount(NOON + DAY_MS)
    first = (NOON + DAY_MS) // DAY_MS
    for query in (
        "SELECT min(intDiv(hour, 24)) FROM page_tally_source",
        "SELECT min(day) FROM page_tally_changes",
        "SELECT min(if(span = 'day', start, intDiv(start, 24))) FROM page_tallies",
    ):
        ((least,),) = shop.client.query(query).result_rows
        assert least == first, query
    assert kept.since(NOON + DAY_MS) == full_tally(shop.client, NOON + DAY_MS)


def test_updates_that_come_twice_are_counted_once(databases: tuple[Any, Any]) -> None:
    _, client = databases
    for _ in range(2):
        AnalyticsSink(client).write(block(scored(1), scored(2, closed=True, event=Cause(2))))
    assert Tallies(client).since(NOON) == [Tally("default", "/p/1", 1, 1, 1, 1, 1, 0.0)]
