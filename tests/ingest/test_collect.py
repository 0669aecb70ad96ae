"""From bytes to events: the fast way and the careful way agree, and a bad event refuses only itself."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from hashlib import sha256
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import codes, collect, schemas
from ingest.admission.keys import Grant, SiteAccess
from ingest.collect import SenderContext
from ingest.commerce import ACTION_NAMES
from ingest.enrich import checked_url_rules
from ingest.errors import RequestRefusedError
from ingest.events import Code, Context, Custom, Event, EventType, InterventionReport, Page, Purchase, decode
from ingest.orders import order_id
from ingest.parsing.agents import Agent
from tests.support.events import NOON, event_id

LIVE = Grant(SiteAccess("shop"), "write", "shop")
IMPORT = Grant(SiteAccess("shop"), "import", "shop")


def sender(grant: Grant = LIVE, **given: Any) -> SenderContext:
    numbers = iter(range(900, 10_000))
    return SenderContext(grant, NOON, new_id=lambda: event_id(next(numbers)), **given)


def iso(moment: int, zone: tzinfo) -> str:
    return datetime.fromtimestamp(moment / 1000, zone).isoformat()


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
        pytest.param(page_view(occurred_at=NOON // 1000), "milliseconds", id="seconds"),
        pytest.param(page_view(occurred_at=NOON / 1000), "milliseconds", id="seconds and a fraction"),
        pytest.param(page_view(occurred_at="2026-11-24T12:00:00"), "zone", id="a time without a zone"),
        pytest.param(page_view(occurred_at="1969-12-31T00:00:00Z"), "1970", id="a time before 1970"),
        pytest.param(page_view(type="purchase", purchase={"amount": "-1"}), "amount", id="a negative sum as text"),
        pytest.param(page_view(type="purchase", purchase={"amount": "9" * 15}), "amount", id="an absurd sum as text"),
        pytest.param(page_view(type="purchase", purchase={"amount": "12,50"}), "99.99", id="a decimal comma"),
        pytest.param(
            page_view(type="purchase", purchase={"amount": 1, "orderId": "7"}), "did you mean order_id?", id="orderId"
        ),
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


def test_an_import_states_nothing_of_the_visitor_by_its_own_request() -> None:
    body = msgspec.json.encode({"sent_at": NOON, "events": [page_view(received_at=NOON, visitor_type="Other")]})
    read = collect.batch(body, sender(IMPORT, agent=Agent(Code(1), Code(1), True), region=Code(1), ip="10.0.0.0"), 50)
    assert (only(read).context, only(read).flags) == (Context(visitor_type="Other"), ())


def test_an_import_needs_received_at() -> None:
    (refused,) = batch(page_view(), grant=IMPORT).refused
    assert "received_at" in refused.reason


def test_an_import_goes_to_the_log_in_the_order_of_its_times() -> None:
    times = [NOON + 5, NOON, NOON + 5, NOON - 1]
    sent = [page_view(occurred_at=at, received_at=at, session_id=f"s{n}") for n, at in enumerate(times)]
    body = msgspec.json.encode({"sent_at": NOON, "events": sent})
    read = collect.batch(body, sender(grant=IMPORT), 50)
    assert [key for key, _ in read.in_order()] == [b"shop/s3", b"shop/s1", b"shop/s0", b"shop/s2"]
    assert read.event_ids() == [decode(*record).event_id for record in read.records]


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


def test_a_page_reports_what_became_of_an_intervention() -> None:
    sent = {"type": "intervention", "session_id": "s1", "visitor_id": "v1", "intervention": REPORT}
    event = only(batch(sent))
    assert (event.type, event.intervention) == ("intervention", InterventionReport("help", NOON, "clicked"))
    [refused] = batch(sent | {"received_at": NOON}, grant=IMPORT).refused
    assert "an import takes no event of type intervention" in refused.reason
    wrong = [{"action": "seen"}, {"name": "Help!"}, {"opened_at": -1}, {"payload": "x"}]
    assert len(batch(*(sent | {"intervention": REPORT | each} for each in wrong)).refused) == len(wrong)
    assert "takes no `intervention`" in batch(page_view(intervention=REPORT)).refused[0].reason


def test_flags_are_kept_together() -> None:
    body = msgspec.json.encode({"sent_at": 0, "events": [page_view(occurred_at=0)]})
    assert only(collect.batch(body, sender(agent=Agent(bot=True)), 50)).flags == ("bot", "skew")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(NOON - 10_000, NOON - 10_000, id="milliseconds"),
        pytest.param(float(NOON - 10_000), NOON - 10_000, id="milliseconds as a float"),
        pytest.param(NOON - 10_000 + 0.9, NOON - 10_000, id="a fraction of a millisecond"),
        pytest.param(iso(NOON - 10_000, UTC), NOON - 10_000, id="ISO 8601"),
        pytest.param(iso(NOON - 10_000, UTC).replace("+00:00", "Z"), NOON - 10_000, id="ISO 8601 with Z"),
        pytest.param(iso(NOON - 10_000, timezone(timedelta(hours=-5))), NOON - 10_000, id="ISO 8601 in another zone"),
        pytest.param("2026-01-01T00:00:00.123456Z", 1_767_225_600_123, id="microseconds"),
    ],
)
def test_when_an_event_occurred(given: Any, expected: int) -> None:
    body = {"sent_at": expected, "events": [page_view(occurred_at=given)]}
    read = collect.batch(msgspec.json.encode(body), SenderContext(LIVE, expected), 50)
    assert (only(read).occurred_at, only(read).flags) == (expected, ())


def test_all_times_of_an_import_may_be_text() -> None:
    sent = page_view(received_at=iso(NOON - 90_000, UTC), occurred_at=iso(NOON - 95_000, UTC))
    body = msgspec.json.encode({"sent_at": iso(NOON, UTC), "events": [sent]})
    event = only(collect.batch(body, sender(IMPORT), 50))
    assert (event.received_at, event.occurred_at) == (NOON - 90_000, NOON - 95_000)
    (refused,) = batch(page_view(received_at=NOON // 1000), grant=IMPORT).refused
    assert (refused.code, "milliseconds" in refused.reason) == ("invalid", True)


def test_a_batch_sent_at_a_time_in_seconds_is_refused() -> None:
    for read in (collect.batch, collect.batch_one_by_one):
        with pytest.raises(RequestRefusedError, match="milliseconds") as refused:
            read(msgspec.json.encode({"sent_at": NOON // 1000, "events": [page_view()]}), sender(), 50)
        assert refused.value.code == "invalid"


LONG = "A-" + "7" * 68


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"amount": 99.99, "order_id": "7", "currency": "EUR"}, Purchase(99.99, "7", "EUR"), id="as it is"),
        pytest.param({"amount": "99.99"}, Purchase(99.99), id="a sum as text"),
        pytest.param({"amount": "100"}, Purchase(100.0), id="a whole sum as text"),
        pytest.param({"amount": 1, "order_id": 1001}, Purchase(1.0, "1001"), id="an order's number"),
        pytest.param({"amount": 1, "order_id": " 7 "}, Purchase(1.0, "7"), id="blanks"),
        pytest.param({"amount": 1, "order_id": ""}, Purchase(1.0), id="an empty order id"),
        pytest.param({"amount": 1, "order_id": "\x1b[2J7"}, Purchase(1.0, "␛[2J7"), id="a terminal escape"),
        pytest.param({"amount": 1, "order_id": None, "currency": None}, Purchase(1.0), id="null"),
        pytest.param({"amount": 1, "currency": "eur"}, Purchase(1.0, None, "EUR"), id="in lower case"),
        pytest.param({"amount": 1, "currency": ""}, Purchase(1.0), id="an empty currency"),
        pytest.param({"amount": 1, "currency": "Euro"}, Purchase(1.0), id="no currency"),
        pytest.param({"amount": 1, "currency": "€"}, Purchase(1.0), id="a sign"),
        pytest.param({"amount": 1, "order_id": "A" * 64}, Purchase(1.0, "A" * 64), id="64 characters"),
        pytest.param(
            {"amount": 1, "order_id": LONG},
            Purchase(1.0, LONG[:31] + "~" + sha256(LONG.encode()).hexdigest()[:32]),
            id="70 characters",
        ),
    ],
)
def test_what_adorns_costs_no_purchase(given: dict[str, Any], expected: Purchase) -> None:
    assert only(batch(page_view(type="purchase", page=None, purchase=given))).purchase == expected
    body = schemas.PurchaseMade(session_id="s1", **given)
    sent, _ = collect.purchase(body, sender())
    assert collect.event_of(sent, "shop", None, sender()).purchase == expected


def test_long_order_ids_stay_different_orders() -> None:
    made = {order_id(LONG + end) for end in ("1", "2", "12")}
    assert {len(each or "") for each in made} == {64}
    assert len(made) == 3
    assert order_id(int("7" * 100)) == order_id("7" * 100)


def test_a_signed_order_is_one_however_its_id_is_written() -> None:
    verified = sender(Grant(SiteAccess("shop", purchase_secrets=("whsec_secret",)), "write", ""), verified=True)
    ids = {
        collect.purchase(schemas.PurchaseMade(session_id="s1", amount=1, order_id=given, occurred_at=NOON), verified)[1]
        for given in ("1001", 1001, " 1001 ")
    }
    assert len(ids) == 1
    with pytest.raises(RequestRefusedError, match="order_id"):
        collect.purchase(schemas.PurchaseMade(session_id="s1", amount=1, order_id=" ", occurred_at=NOON), verified)


def test_an_event_id_in_upper_case_is_the_same_event() -> None:
    given = event_id(0xABCDEF)
    assert given.upper() != given
    assert only(batch(page_view(event_id=given.upper()))).event_id == given
    sent, answer = collect.end(schemas.SessionEnd(session_id="s1", event_id=given.upper()), sender())
    assert (sent.event_id, answer.event_id) == (given, given)
    begun, started = collect.start(schemas.SessionStart(event_id=given.upper()), sender())
    assert (begun.event_id, started.event_id) == (given, given)


def test_texts_have_no_control_characters() -> None:
    made = only(
        batch(
            page_view(
                type="custom",
                page=None,
                custom={"category": "a\x1b[2J", "action": "b\nc", "label": "\u202ed", "value": "1.50"},
            )
        )
    )
    assert made.custom == Custom("a␛[2J", "b c", "\ufffdd", 1.5)
    context = {"browser": {"code": 1, "name": "\x1b]0;x"}}
    imported = only(batch(page_view(received_at=NOON, context=context), grant=IMPORT))
    assert imported.context.browser == Code(1, "␛]0;x")


@pytest.mark.parametrize(
    "half",
    [
        pytest.param(b"\\ud83d", id="the first half"),
        pytest.param(b"\\ud83d and more", id="the first half, inside"),
        pytest.param(b"\\udc00", id="the second half"),
        pytest.param(b"\\ud83d\\ud83d\\ude00", id="the first half twice"),
    ],
)
def test_half_a_surrogate_pair_refuses_only_its_event(half: bytes) -> None:
    bad = b'{"type":"custom","session_id":"s1","custom":{"category":"c","action":"' + half + b'"}}'
    good = msgspec.json.encode(page_view(1)), msgspec.json.encode(page_view(3, page={"url": "/😀/ü"}))
    body = b'{"sent_at":%d,"events":[%s,%s,%s]}' % (NOON, good[0], bad, good[1])
    collected = collect.batch(body, sender(), 50)
    kept = [decode(*record) for record in collected.records]
    assert [(event.event_id, event.page and event.page.path) for event in kept] == [  # type: ignore[union-attr]
        (event_id(1), "/p/1"),
        (event_id(3), "/😀/ü"),
    ]
    (refused,) = collected.refused
    assert (refused.index, refused.code) == (1, "malformed")
    assert "surrogate pair" in refused.reason


def test_half_a_pair_beside_other_rubbish() -> None:
    good = msgspec.json.encode(page_view(1))
    middle = good.replace(b"s1", b"\\ud800"), good.replace(b"s1", b"\xff"), b'{"type":"page_view","x":1e999}'
    body = b'{"sent_at":%d,"events":[%s,%s,%s,%s,%s]}' % (NOON, good, *middle, good)
    collected = collect.batch(body, sender(), 50)
    assert (len(collected.records), [refused.index for refused in collected.refused]) == (2, [1, 2, 3])
    with pytest.raises(RequestRefusedError, match="surrogate"):
        collect.batch(body[:-2], sender(), 50)


def test_a_byte_order_mark_means_nothing() -> None:
    body = b"\xef\xbb\xbf" + msgspec.json.encode({"sent_at": NOON, "events": [page_view()]})
    assert collect.batch(body, sender(), 50) == collect.batch(body[3:], sender(), 50)
    assert len(collect.batch_one_by_one(body, sender(), 50).records) == 1
    single = b'\xef\xbb\xbf{"session_id":"s1"}'
    assert collect.decoded(msgspec.json.Decoder(schemas.SessionEnd), single).session_id == "s1"


def test_own_domains_of_a_site_are_no_source() -> None:
    site = SiteAccess("shop", checked_url_rules(own_domains=["pay.example"], ignored_referrers=["id.example"]))
    for referrer in ("https://pay.example/", "https://id.example/", "https://www.paypal.com/checkoutnow"):
        sent = page_view(page={"url": "https://shop.example/", "referrer": referrer})
        assert only(batch(sent, grant=Grant(site, "write", ""))).context.traffic_type == codes.DIRECT


def test_ids_made_here_grow() -> None:
    made = [collect.new_id() for _ in range(1_000)]
    assert made == sorted(set(made))


FIELD = st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=3), st.just({}), st.lists(st.none(), max_size=1))
ITEM = st.fixed_dictionaries(
    {"id": st.one_of(st.sampled_from(["sku-1", 7, "x" * 150, " "]), FIELD)},
    optional={
        "quantity": st.one_of(st.sampled_from([2, 1.5, "3", 1e7]), FIELD),
        "price": st.one_of(st.sampled_from([9.5, "9.50"]), FIELD),
        "item_name": FIELD,
    },
)
COMMERCE = st.fixed_dictionaries(
    {"action": st.one_of(st.sampled_from(ACTION_NAMES), FIELD)},
    optional={
        "value": st.one_of(st.sampled_from([19, "19.00", "-0"]), FIELD),
        "currency": st.one_of(st.sampled_from(["EUR", "eur", "Euro"]), FIELD),
        "items": st.one_of(st.lists(ITEM, max_size=3), st.just([{"id": "sku-1"}] * 51), FIELD),
        "order_id": st.one_of(st.just("A-1"), FIELD),
    },
)
REPORT = {"name": "help", "opened_at": NOON, "action": "clicked"}
SENT = st.fixed_dictionaries(
    {"type": st.sampled_from(get_args(EventType))},
    optional={
        "session_id": st.one_of(st.sampled_from(["s1", "s2", "s1\n"]), FIELD),
        "event_id": st.one_of(st.integers(0, 9).map(event_id), FIELD),
        "visitor_id": FIELD,
        "visitor_type": st.one_of(st.sampled_from(["Other", "New_Visitor"]), FIELD),
        "occurred_at": st.one_of(st.integers(NOON - 9_000_000, NOON + 9_000_000), st.just(NOON // 1000), FIELD),
        "page": st.one_of(st.just({"url": "/p"}), st.just({"url": "http://[/", "type": None}), FIELD),
        "ping": st.one_of(st.just({"engaged_ms": 5}), FIELD),
        "custom": st.one_of(st.just({"category": "c", "action": "a", "value": 1.5}), FIELD),
        "purchase": st.one_of(st.just({"amount": 1}), st.just({"amount": "1.5", "order_id": 7, "currency": ""}), FIELD),
        "commerce": st.one_of(COMMERCE, FIELD),
        "intervention": st.one_of(st.sampled_from([REPORT, REPORT | {"action": "seen"}]), FIELD),
        "history": st.one_of(st.just({"previous_sessions": 1}), st.just({"previous_sessions": -1}), FIELD),
        "extra": FIELD,
    },
)
GOOD = st.builds(page_view, st.integers(0, 99), session_id=st.sampled_from(["s1", "s2"]))
BOUGHT = st.builds(lambda commerce: {"type": "commerce", "session_id": "s1", "commerce": commerce}, COMMERCE)


@settings(max_examples=300)
@given(st.lists(st.one_of(GOOD, BOUGHT, SENT), max_size=6), st.sampled_from([NOON, NOON - 3_600_000]))
def test_both_ways_agree(events: list[Any], sent_at: int) -> None:
    body = msgspec.json.encode({"sent_at": sent_at, "events": events})
    fast, careful = collect.batch(body, sender(), 50), collect.batch_one_by_one(body, sender(), 50)
    assert fast == careful
    assert len(fast.records) + len(fast.refused) == len(events)
    for record in fast.records:
        assert isinstance(decode(*record), Event)
