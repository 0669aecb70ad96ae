"""Counts that are kept by hour and day equal a count of everything, whatever was written, replayed or forgotten."""

import random
from typing import Any

import pytest

import stream.fold.partition
from ingest.events import Event, Page, Purchase, Tick
from storage.admin.forget import Visitor, VisitorDatabases
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


def history(chance: random.Random, sessions: int = 40) -> list[Event | Tick]:
    """Visits of two sites over three days, some with a purchase in their middle, and the end of the last of them."""
    events: list[Event] = []
    for session in range(sessions):
        at = NOON + chance.randrange(3 * 24 * HOUR)
        site = chance.choice("ab")
        for _ in range(chance.randrange(1, 6)):
            at += chance.randrange(1_000, 30 * MINUTE)
            path = chance.choice(["/", "/cart", f"/order/{chance.randrange(99)}", f"/p/{chance.randrange(4)}"])
            given = {"site": site, "session_id": f"s{session}", "visitor_id": f"v{session % 9}"}
            events.append(event(len(events) + 1, at, page=Page(path), **given))
            if chance.random() < 0.2:
                bought = Purchase(float(chance.randrange(5, 90)), f"o{len(events)}", verified=True)
                events.append(event(len(events) + 1, at + 500, type="purchase", purchase=bought, **given))
    events.sort(key=lambda each: each.received_at)
    return [*events, Tick("live", events[-1].received_at + 3 * HOUR)]


@pytest.mark.parametrize("seed", range(4))
async def test_kept_counts_equal_a_count_of_everything(
    databases: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    shop = Shop(*databases, placed(history(chance)))
    patterns: dict[str, PathPatterns] = {}
    kept = Tallies(shop.client, patterns.copy)
    since = NOON + chance.choice([0, DAY_MS])
    upto = dict.fromkeys(range(len(shop.said)), 0)
    compared = 0
    for step in ["live"] * 4 + ["replay", "live", *chance.sample(["replay", "forget", "patterns", "again"], 4)]:
        match step:
            case "live":
                upto = {n: min(at + chance.randrange(40), len(shop.said[n])) for n, at in upto.items()}
                if compared == 4:
                    upto = {n: len(records) for n, records in enumerate(shop.said)}
                shop.live(upto)
            case "replay" if all(at == len(shop.said[n]) for n, at in upto.items()):
                monkeypatch.setattr(stream.fold.partition, "IDLE", chance.choice([10, 25, 40]) * MINUTE)
                await shop.replay()
            case "forget":
                VisitorDatabases(shop.engine, shop.client).forget(Visitor(chance.choice("ab"), "v1"), [])
            case "patterns":
                patterns["a"] = PathPatterns(["/order/*", "/p/*", "/p*3"])
            case "again":
                kept = Tallies(shop.client, patterns.copy)
                if chance.random() < 0.5:
                    kept.recount(since)
        if chance.random() < 0.8 or step != "live":
            expected = full_tally(shop.client, since, patterns)
            assert kept.since(since) == expected, step
            compared += 1
    assert expected
    assert {each.site for each in expected} == {"a", "b"}
    assert kept.since(since, "b") == [each for each in expected if each.site == "b"]


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
