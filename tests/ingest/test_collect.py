"""From bytes to events: the fast way and the careful way agree, and a bad event refuses only itself."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import codes, collect
from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import RequestOrigin
from ingest.enrich import Agent
from ingest.errors import RequestRefusedError
from ingest.events import Code, Context, Event, Page, decode
from tests.support.events import NOON, event_id

LIVE = Grant(SiteAccess("shop"), "write", "shop")
IMPORT = Grant(SiteAccess("shop"), "import", "shop")


def sender(grant: Grant = LIVE, **given: Any) -> RequestOrigin:
    numbers = iter(range(900, 10_000))
    return RequestOrigin(grant, NOON, new_id=lambda: event_id(next(numbers)), **given)


def page_view(number: int = 1, **given: Any) -> dict[str, Any]:
    whole = {"type": "page_view", "event_id": event_id(number), "session_id": "s1", "page": {"url": "/p/1"}}
    return whole | given


def batch(*events: Any, grant: Grant = LIVE, sent_at: int = NOON, **given: Any) -> collect.Collected:
    body = msgspec.json.encode({"sent_at": sent_at, "events": events} | given)
    return collect.batch(body, sender(grant), max_events=50)


def only(collected: collect.Collected) -> Event:
    assert not collected.refused
    (record,) = collected.records
    event = decode(*record)
    assert isinstance(event, Event)
    return event


def test_a_page_view_becomes_an_event() -> None:
    body = msgspec.json.encode(
        {
            "sent_at": NOON - 50,
            "events": [
                page_view(
                    visitor_id="v1",
                    visitor_type="Returning_Visitor",
                    occurred_at=NOON - 100,
                    page={
                        "url": "https://shop.example/p/1?x=1",
                        "type": "ProductRelated",
                        "referrer": "https://google.com/",
                    },
                )
            ],
        }
    )
    chrome, windows, austria = Code(1, "Chrome"), Code(1, "Windows"), Code(13, "AT")
    whole = sender(agent=Agent(chrome, windows, True), region=austria, ip="203.0.113.0")
    assert only(collect.batch(body, whole, 50)) == Event(
        event_id=event_id(1),
        site="shop",
        session_id="s1",
        visitor_id="v1",
        type="page_view",
        occurred_at=NOON - 100,
        received_at=NOON,
        page=Page("/p/1", "ProductRelated", "https://google.com/"),
        context=Context(chrome, windows, austria, codes.ORGANIC_SEARCH, "Returning_Visitor", "203.0.113.0"),
        flags=("bot",),
    )


def test_what_a_client_leaves_out() -> None:
    event = only(batch({"type": "session_end", "session_id": "s9"}))
    assert (event.event_id, event.visitor_id, event.occurred_at) == (event_id(900), "s9", NOON)
    assert event.context.visitor_type == "New_Visitor"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        pytest.param(page_view(session_id=7), "session_id", id="wrong type"),
        pytest.param(page_view(session_id="a/b"), "session_id", id="a slash in the session id"),
        pytest.param(page_view(session_id="a\n"), "session_id", id="a line end behind the session id"),
        pytest.param(page_view(session_id="a" * 65), "session_id", id="a long session id"),
        pytest.param(page_view(session_id=""), "session_id", id="an empty session id"),
        pytest.param(page_view(event_id="1"), "event_id", id="no UUID"),
        pytest.param(page_view(colour="red"), "colour", id="unknown field"),
        pytest.param(page_view(type="control"), "type", id="a control from outside"),
        pytest.param(
            {"control": "tick", "clock": "live", "to": NOON}, "control", id="a control as it stands in the log"
        ),
        pytest.param(page_view(received_at=NOON), "received_at", id="received_at without an import key"),
        pytest.param(page_view(context={}), "context", id="context without an import key"),
        pytest.param(page_view(page=None), "page", id="a page view without a page"),
        pytest.param(page_view(page={"url": "http://[bad/"}), "URL", id="no URL"),
        pytest.param(page_view(page={"url": "/" * 4_001}), "url", id="a long URL"),
        pytest.param(page_view(type="page_ping"), "ping", id="a ping without a ping"),
        pytest.param(page_view(type="custom"), "custom", id="a custom event without one"),
        pytest.param(page_view(type="purchase"), "purchase", id="a purchase without one"),
        pytest.param(page_view(ping={"engaged_ms": 1}), "ping", id="a page view with a ping"),
        pytest.param(page_view(type="page_ping", ping={"scroll_depth": 101}), "scroll_depth", id="scrolled too far"),
        pytest.param(page_view(type="purchase", purchase={"amount": -1}), "amount", id="a negative sum"),
        pytest.param(page_view(type="purchase", purchase={"amount": 1e13}), "amount", id="an absurd sum"),
        pytest.param(page_view(type="purchase", purchase={"amount": True}), "amount", id="a boolean sum"),
        pytest.param(
            page_view(type="purchase", purchase={"amount": 1, "verified": True}), "verified", id="self-verified"
        ),
        pytest.param(page_view(occurred_at=-1), "occurred_at", id="before 1970"),
        pytest.param(page_view(occurred_at=1e15), "occurred_at", id="beyond every calendar"),
        pytest.param([], "object", id="no object"),
        pytest.param(None, "object", id="null"),
    ],
)
def test_a_bad_event_refuses_only_itself(wrong: Any, reason: str) -> None:
    collected = batch(page_view(1), wrong, page_view(3))
    assert [decode(*record).event_id for record in collected.records] == [event_id(1), event_id(3)]  # type: ignore[union-attr]
    (refused,) = collected.refused
    assert (refused.index, refused.code) == (1, "invalid")
    assert reason in refused.reason


def test_a_reason_gives_no_kilobytes_back() -> None:
    (refused,) = batch(page_view(**{"x" * 100_000: 1})).refused
    assert len(refused.reason) <= collect.MAX_REASON


def test_bytes_that_are_no_utf8_refuse_only_their_event() -> None:
    good = msgspec.json.encode(page_view(1))
    body = b'{"sent_at":1,"events":[' + good + b"," + good.replace(b"s1", b"\xff\xfe") + b"]}"
    collected = collect.batch(body, sender(), 50)
    assert (len(collected.records), [(r.index, r.code) for r in collected.refused]) == (1, [(1, "malformed")])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(b"{", "malformed", id="cut off"),
        pytest.param(b"\xff\xfe", "malformed", id="no text"),
        pytest.param(b'{"sent_at":1,"events":[]} x', "malformed", id="something behind it"),
        pytest.param(b"[" * 200_000, "invalid", id="deep, no object"),
        pytest.param(b'{"sent_at":1,"events":[' + b"[" * 200_000 + b"]" * 200_000 + b"]}", "malformed", id="deep"),
        pytest.param(b'{"sent_at":1,"events":[' + b'{"a":' * 200_000, "malformed", id="deep objects"),
        pytest.param(b"[]", "invalid", id="a list"),
        pytest.param(b'{"events":[]}', "invalid", id="no sent_at"),
        pytest.param(b'{"sent_at":1,"events":{}}', "invalid", id="events no list"),
        pytest.param(b'{"sent_at":1,"events":[],"colour":1}', "invalid", id="unknown field"),
        pytest.param(b'{"sent_at":1,"events":[],"site":"other"}', "wrong_site", id="another site"),
        pytest.param(b'{"sent_at":1,"events":[' + b"{}," * 50 + b"{}]}", "too_many", id="too many"),
    ],
)
def test_a_bad_batch_is_refused_whole(body: bytes, code: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        collect.batch(body, sender(), max_events=50)
    assert refused.value.code == code


def test_an_import_brings_its_clock_and_context() -> None:
    context = Context(Code(7, "x"), Code(3), Code(5), Code(2), "Returning_Visitor", "203.0.113.77")
    sent = page_view(
        received_at=NOON - 999_999_999, occurred_at=NOON - 1_000_000_000, context=msgspec.to_builtins(context)
    )
    event = only(batch(sent, grant=IMPORT, sent_at=NOON - 50 * 60_000, site="shop~k3f9"))
    assert (event.site, event.clock, event.flags) == ("shop~k3f9", "replayed", ())
    assert (event.received_at, event.occurred_at) == (NOON - 999_999_999, NOON - 1_000_000_000)
    assert event.context == msgspec.structs.replace(context, ip="203.0.113.0")


def test_an_import_says_nothing_of_the_visitor_by_its_own_request() -> None:
    body = msgspec.json.encode({"sent_at": NOON, "events": [page_view(received_at=NOON, visitor_type="Other")]})
    read = collect.batch(body, sender(IMPORT, agent=Agent(Code(1), Code(1), True), region=Code(1), ip="10.0.0.0"), 50)
    assert (only(read).context, only(read).flags) == (Context(visitor_type="Other"), ())


def test_an_import_needs_received_at() -> None:
    (refused,) = batch(page_view(), grant=IMPORT).refused
    assert "received_at" in refused.reason


@pytest.mark.parametrize(
    ("grant", "verified"),
    [
        pytest.param(LIVE, False, id="a browser's word"),
        pytest.param(
            Grant(SiteAccess("shop", count_unverified_purchases=True), "write", ""), True, id="the site opts in"
        ),
        pytest.param(IMPORT, True, id="history"),
    ],
)
def test_who_verifies_a_purchase(grant: Grant, verified: bool) -> None:
    sent = page_view(type="purchase", page=None, purchase={"amount": 9.5, "currency": "EUR", "order_id": "7"})
    event = only(batch(sent | ({"received_at": NOON} if grant.scope == "import" else {}), grant=grant))
    assert event.purchase is not None
    assert (event.purchase.amount, event.purchase.verified) == (9.5, verified)


def test_flags_are_kept_together() -> None:
    body = msgspec.json.encode({"sent_at": 0, "events": [page_view(occurred_at=0)]})
    assert only(collect.batch(body, sender(agent=Agent(bot=True)), 50)).flags == ("bot", "skew")


def test_ids_made_here_grow() -> None:
    made = [collect.new_id() for _ in range(1_000)]
    assert made == sorted(set(made))


FIELD = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.just({}), st.lists(st.none(), max_size=1))
SENT = st.fixed_dictionaries(
    {"type": st.sampled_from(["session_start", "page_view", "page_ping", "custom", "purchase", "session_end"])},
    optional={
        "session_id": st.one_of(st.sampled_from(["s1", "s2", "s1\n"]), FIELD),
        "event_id": st.one_of(st.integers(0, 9).map(event_id), FIELD),
        "visitor_id": FIELD,
        "visitor_type": st.one_of(st.sampled_from(["Other", "New_Visitor"]), FIELD),
        "occurred_at": st.one_of(st.integers(NOON - 9_000_000, NOON + 9_000_000), FIELD),
        "page": st.one_of(st.just({"url": "/p"}), st.just({"url": "http://[/", "type": None}), FIELD),
        "ping": st.one_of(st.just({"engaged_ms": 5}), FIELD),
        "custom": st.one_of(st.just({"category": "c", "action": "a", "value": 1.5}), FIELD),
        "purchase": st.one_of(st.just({"amount": 1}), FIELD),
        "extra": FIELD,
    },
)
GOOD = st.builds(page_view, st.integers(0, 99), session_id=st.sampled_from(["s1", "s2"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(GOOD, SENT), max_size=6), st.sampled_from([NOON, NOON - 3_600_000]))
def test_both_ways_agree(events: list[Any], sent_at: int) -> None:
    body = msgspec.json.encode({"sent_at": sent_at, "events": events})
    fast, careful = collect.batch(body, sender(), 50), collect.batch_one_by_one(body, sender(), 50)
    assert fast == careful
    assert len(fast.records) + len(fast.refused) == len(events)
    for record in fast.records:
        assert isinstance(decode(*record), Event)
