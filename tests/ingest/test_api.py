"""The ingest API as clients meet it: what is accepted, what is refused and how it is said."""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ingest import codes, schemas
from ingest.commerce import Commerce, CommerceItem, VisitorHistory
from ingest.events import Custom, Page, Purchase
from ingest.publish import ListPublisher, LogUnavailableError, Record
from ingest.script import PARTS
from tests.support.agents import CHROME
from tests.support.disk import fill_disk
from tests.support.events import NOON, event_id
from tests.support.ingest_app import (
    FAR,
    IMPORT_KEY,
    METRICS,
    OTHER_KEY,
    PAGE,
    WRITE_KEY,
    events,
    ingest_client,
    refusal,
    settings,
)

UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
VIEW = {"session_id": "s1", "page_url": "https://shop.example/p/1?token=x", "referrer": "https://www.google.com/"}
HOT = {
    "/tracker/session/start": {},
    "/tracker/session/end": {"session_id": "s1"},
    "/tracker/pageview": VIEW,
    "/tracker/event": {"session_id": "s1", "category": "click", "action": "button"},
    "/tracker/commerce": {"session_id": "s1", "action": "add_to_cart", "items": [{"id": "sku-1", "price": 9.5}]},
    "/tracker/purchase": {"session_id": "s1", "amount": 99.99},
    "/v1/batch": {"sent_at": NOON, "events": [{"type": "session_end", "session_id": "s1"}]},
}


async def post(path: str, publisher: ListPublisher, **how: Any) -> httpx.Response:
    given, peer = how.pop("given", None), how.pop("peer", FAR)
    if not how.keys() & {"json", "content"}:
        how["json"] = HOT[path.partition("?")[0]]
    async with ingest_client(publisher, given, peer) as client:
        return await client.post(path, **how)


@pytest.fixture
def log() -> ListPublisher:
    return ListPublisher()


async def test_a_session_starts_with_ids_made_here(log: ListPublisher) -> None:
    response = await post("/tracker/session/start", log, json={"referrer": "https://www.google.com/"})
    answer = response.json()
    assert (response.status_code, set(answer)) == (202, {"session_id", "visitor_id", "event_id"})
    assert all(UUID7.match(made) for made in answer.values())
    (event,) = events(log)
    assert (event.type, event.site, event.page) == ("session_start", "shop", None)
    assert {key: getattr(event, key) for key in answer} == answer
    context = event.context
    assert [context.browser.name, context.operating_system.name, context.region.name] == ["Chrome", "Windows", "AT"]
    assert (context.traffic_type.name, context.ip) == ("Organic search", "203.0.113.0")


async def test_a_session_starts_with_the_clients_ids(log: ListPublisher) -> None:
    body = {"session_id": "s1", "visitor_id": "v1", "visitor_type": "Returning_Visitor", "event_id": event_id(5)}
    response = await post("/tracker/session/start", log, json=body)
    assert response.json() == {"session_id": "s1", "visitor_id": "v1", "event_id": event_id(5)}
    assert events(log)[0].context.visitor_type == "Returning_Visitor"


async def test_the_other_endpoints(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        for path in (
            "/tracker/pageview",
            "/tracker/event",
            "/tracker/commerce",
            "/tracker/purchase",
            "/tracker/session/end",
        ):
            response = await client.post(path, json=HOT[path])
            assert response.status_code == 202, response.text
            assert UUID7.match(response.json()["event_id"])
    view, custom, carted, purchase, end = events(log)
    assert view.page == Page("/p/1", "ProductRelated", "https://www.google.com/")
    assert custom.custom == Custom("click", "button")
    assert carted.commerce == Commerce("add_to_cart", items=(CommerceItem("sku-1", 1.0, 9.5),))
    assert purchase.purchase == Purchase(99.99)
    assert [event.type for event in (view, custom, carted, purchase, end)] == [
        "page_view", "custom", "commerce", "purchase", "session_end",
    ]  # fmt: skip


async def test_what_shops_send_is_taken(log: ListPublisher) -> None:
    body = b'\xef\xbb\xbf{"session_id":"s1","amount":"99.99","order_id":1001,"currency":"eur"}'
    given = event_id(0xAB).upper()
    async with ingest_client(log) as client:
        paid = await client.post("/tracker/purchase", content=body)
        viewed = await client.post(
            "/tracker/pageview", json={"session_id": "s1", "page_url": "//p/7", "event_id": given}
        )
    assert (paid.status_code, viewed.status_code, viewed.json()) == (202, 202, {"event_id": given.lower()})
    purchase, view = events(log)
    assert purchase.purchase == Purchase(99.99, "1001", "EUR")
    assert (view.event_id, view.page) == (given.lower(), Page("/p/7", "ProductRelated"))


@pytest.mark.parametrize(
    ("path", "body", "what_to_do"),
    [
        pytest.param(
            "/tracker/purchase", {"session_id": "s1", "amount": 1, "orderId": 7}, "did you mean order_id?", id="1"
        ),
        pytest.param("/tracker/session/end", {"session_id": "s1", "occurred_at": NOON // 1000}, "milliseconds", id="2"),
        pytest.param("/tracker/session/end", {"session_id": "s1", "sent_at": NOON // 1000}, "milliseconds", id="3"),
        pytest.param("/v1/batch", {"sent_at": NOON // 1000, "events": []}, "milliseconds", id="4"),
    ],
)
async def test_what_is_refused_states_what_to_send(
    log: ListPublisher, path: str, body: dict[str, Any], what_to_do: str
) -> None:
    response = await post(path, log, json=body)
    assert refusal(response) == (422, "invalid")
    assert what_to_do in response.json()["reason"]
    assert not log.records


async def test_a_session_starts_with_the_visitors_history_and_device(log: ListPublisher) -> None:
    history = {"previous_sessions": 3, "previous_purchases": 1, "days_since_previous_session": 2.5}
    assert (await post("/tracker/session/start", log, json={"history": history})).status_code == 202
    (start,) = events(log)
    assert start.history == VisitorHistory(3, 1, 2.5)
    assert start.context.device_class == "desktop"


async def test_sent_at_corrects_a_single_event(log: ListPublisher) -> None:
    body = VIEW | {"occurred_at": NOON, "sent_at": NOON + 1_000, "event_id": event_id(3)}
    assert (await post("/tracker/pageview", log, json=body)).json() == {"event_id": event_id(3)}
    (event,) = events(log)
    assert (event.received_at - event.occurred_at, event.flags) == (1_000, ("skew",))


async def test_an_event_of_the_future(log: ListPublisher) -> None:
    await post("/tracker/pageview", log, json=VIEW | {"occurred_at": 7_000_000_000_000})
    (event,) = events(log)
    assert (event.occurred_at, event.flags) == (event.received_at, ("future",))


async def test_an_event_of_the_past_is_the_workers_affair(log: ListPublisher) -> None:
    assert (await post("/tracker/pageview", log, json=VIEW | {"occurred_at": 0})).status_code == 202
    assert events(log)[0].occurred_at == 0


async def test_a_batch_answers_for_each_event(log: ListPublisher) -> None:
    good = {"type": "session_end", "session_id": "s1"}
    body = {"sent_at": NOON, "events": [good, good | {"colour": 1}, good]}
    response = await post("/v1/batch", log, json=body)
    answer = response.json()
    assert (response.status_code, answer["accepted"], len(log.records)) == (202, 2, 2)
    assert [(refused["index"], refused["code"]) for refused in answer["refused"]] == [(1, "invalid")]


async def test_a_batch_of_nothing_good_is_answered_too(log: ListPublisher) -> None:
    log.away = "Kafka is away, and not asked"
    response = await post("/v1/batch", log, json={"sent_at": NOON, "events": [{}]})
    assert (response.status_code, response.json()["accepted"]) == (202, 0)
    assert len(response.json()["refused"]) == 1


async def test_gzip_and_the_beacons_way(log: ListPublisher) -> None:
    body = msgspec.json.encode(HOT["/v1/batch"])
    headers = {"content-encoding": "gzip", "content-type": "text/plain;charset=UTF-8", "x-opecom-key": ""}
    response = await post(f"/v1/batch?key={WRITE_KEY}", log, content=gzip.compress(body), headers=headers)
    assert (response.status_code, len(log.records)) == (202, 1)


async def test_an_import_names_its_run(log: ListPublisher) -> None:
    event = {"type": "session_end", "session_id": "s1", "received_at": NOON}
    body = {"site": "shop~run1", "sent_at": NOON, "events": [event]}
    response = await post("/v1/batch", log, json=body, headers={"x-opecom-key": IMPORT_KEY})
    assert response.status_code == 202, response.text
    assert [(made.site, made.clock, made.received_at) for made in events(log)] == [("shop~run1", "replayed", NOON)]


@pytest.mark.parametrize("path", HOT)
async def test_kafka_away_is_reported_with_when_to_come_back(path: str, log: ListPublisher) -> None:
    log.away = "Kafka is away"
    response = await post(path, log)
    assert refusal(response) == (503, "unavailable")
    assert int(response.headers["retry-after"]) > 0
    log.away = ""
    assert (await post(path, log)).status_code == 202


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize("failure", [LogUnavailableError("no acknowledgement"), KeyError("ours")], ids=["503", "500"])
async def test_what_may_be_in_the_log_can_be_sent_again_with_the_same_ids(
    path: str, failure: Exception, log: ListPublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = log.publish

    async def written_but_not_acknowledged(records: Sequence[Record], **given: bool) -> None:
        await publish(records, **given)
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(log, "publish", written_but_not_acknowledged)
        ids = msgspec.json.decode((await post(path, log)).content)
    del ids["error"], ids["reason"]
    if made := ids.pop("event_ids", None):
        events_again = [event | {"event_id": each} for event, each in zip(HOT[path]["events"], made, strict=True)]
        again = HOT[path] | {"events": events_again}
    else:
        again = HOT[path] | ids
    assert (await post(path, log, json=again)).status_code == 202
    first, second = events(log)
    assert (first.event_id, first.session_id, first.visitor_id) == (
        second.event_id, second.session_id, second.visitor_id,
    )  # fmt: skip


async def test_the_ids_of_a_batch_stand_in_the_places_of_its_events(log: ListPublisher) -> None:
    log.away = "Kafka is away"
    end = {"type": "session_end", "session_id": "s1"}
    sent = [end | {"event_id": event_id(1)}, {}, end]
    response = await post("/v1/batch", log, json={"sent_at": NOON, "events": sent})
    first, refused, made = response.json()["event_ids"]
    assert (first, refused) == (event_id(1), None)
    assert UUID7.match(made)


@pytest.mark.parametrize("path", sorted(HOT.keys() - {"/v1/batch"}))
async def test_every_single_event_may_name_its_visitor(path: str, log: ListPublisher) -> None:
    visitor = {"visitor_id": "v1", "visitor_type": "Returning_Visitor"}
    assert (await post(path, log, json=HOT[path] | visitor)).status_code == 202
    (event,) = events(log)
    assert (event.visitor_id, event.context.visitor_type) == ("v1", "Returning_Visitor")


async def test_a_session_starts_from_the_campaign_of_its_landing_page(log: ListPublisher) -> None:
    body = {"page_url": "https://shop.example/?utm_medium=email&utm_source=news"}
    assert (await post("/tracker/session/start", log, json=body)).status_code == 202
    (event,) = events(log)
    assert (event.context.traffic_type, event.page) == (codes.EMAIL, None)


DEEP = b'{"session_id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("path", HOT)
@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param({"content": b"{"}, (400, "malformed"), id="malformed"),
        pytest.param({"content": b""}, (400, "malformed"), id="empty"),
        pytest.param({"content": b"\xff"}, (400, "malformed"), id="no utf-8"),
        pytest.param({"json": {"colour": "red"}}, (422, "invalid"), id="unknown field"),
        pytest.param({"json": []}, (422, "invalid"), id="no object"),
        pytest.param({"content": DEEP}, (422, "invalid"), id="deep"),
        pytest.param({"content": b" " * 300_000}, (413, "too_large"), id="huge"),
        pytest.param(
            {"content": gzip.compress(bytes(50_000_000)), "headers": {"content-encoding": "gzip"}},
            (413, "too_large"), id="gzip bomb",
        ),
        pytest.param({"content": b"{}", "headers": {"content-encoding": "gzip"}}, (400, "encoding"), id="no gzip"),
        pytest.param({"content": b"<a/>", "headers": {"content-type": "text/xml"}}, (415, "media_type"), id="xml"),
        pytest.param({"headers": {"x-opecom-key": ""}}, (401, "no_key"), id="no key"),
        pytest.param({"headers": {"x-opecom-key": "wrong"}}, (401, "wrong_key"), id="wrong key"),
        pytest.param({"headers": {"origin": "https://evil.example"}}, (403, "wrong_origin"), id="foreign page"),
        pytest.param({"headers": {"origin": "null"}}, (403, "wrong_origin"), id="page without an origin"),
        pytest.param({"headers": {"origin": "http://localhost:5173"}}, (403, "wrong_origin"), id="not on the list"),
    ],
)  # fmt: skip
async def test_bad_input(path: str, how: dict[str, Any], expected: tuple[int, str], log: ListPublisher) -> None:
    assert refusal(await post(path, log, **how)) == expected
    assert log.records == []


async def test_a_key_of_another_site(log: ListPublisher) -> None:
    body = {"site": "shop", "sent_at": NOON, "events": [{"type": "session_end", "session_id": "s1"}]}
    response = await post("/v1/batch", log, json=body, headers={"x-opecom-key": OTHER_KEY})
    assert refusal(response) == (403, "wrong_site")


async def test_an_import_key_sends_batches_only(log: ListPublisher) -> None:
    response = await post("/tracker/pageview", log, headers={"x-opecom-key": IMPORT_KEY})
    assert refusal(response) == (403, "wrong_scope")
    response = await post(f"/v1/batch?key={IMPORT_KEY}", log, headers={"x-opecom-key": ""})
    assert refusal(response) == (401, "wrong_key")


async def test_this_machine_needs_no_key_where_the_site_allows_it(log: ListPublisher) -> None:
    keyless = {"x-opecom-key": ""}
    assert (await post("/tracker/pageview", log, peer="127.0.0.1", headers=keyless)).status_code == 202
    assert events(log)[0].site == "default"
    page = keyless | {"origin": "http://localhost:5173"}
    assert (await post("/tracker/pageview", log, peer="127.0.0.1", headers=page)).status_code == 202
    foreign = keyless | {"origin": "https://evil.example"}
    assert refusal(await post("/tracker/pageview", log, peer="127.0.0.1", headers=foreign)) == (403, "wrong_origin")


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-proto"])
async def test_an_unnamed_proxy_of_this_machine_opens_nothing(header: str, log: ListPublisher) -> None:
    headers = {"x-opecom-key": "", header: "127.0.0.1"}
    assert refusal(await post("/tracker/pageview", log, peer="127.0.0.1", headers=headers)) == (401, "no_key")


async def test_a_trusted_proxy_reports_the_address(log: ListPublisher) -> None:
    given = settings(trusted_proxies=("127.0.0.1",), region_header="CF-IPCountry")
    headers = {"x-forwarded-for": "198.51.100.9", "cf-ipcountry": "JP"}
    await post("/tracker/pageview", log, given=given, peer="127.0.0.1", headers=headers)
    context = events(log)[0].context
    assert (context.ip, context.region.name) == ("198.51.100.0", "JP")


async def test_a_chain_in_two_lines_is_one(log: ListPublisher) -> None:
    given = settings(trusted_proxies=("127.0.0.1", "10.0.0.0/8"))
    lines = [("x-forwarded-for", "198.51.100.9:51234"), ("x-forwarded-for", "10.0.0.7")]
    async with ingest_client(log, given, "127.0.0.1") as client:
        headers = [*client.headers.multi_items(), *lines]
        assert (await client.post("/tracker/pageview", json=VIEW, headers=headers)).status_code == 202
    assert events(log)[0].context.ip == "198.51.100.0"


async def test_an_extension_is_no_page_of_this_machine(log: ListPublisher) -> None:
    headers = {"x-opecom-key": "", "origin": "chrome-extension://localhost"}
    refused = await post("/tracker/pageview", log, peer="127.0.0.1", headers=headers)
    assert refusal(refused) == (403, "wrong_origin")
    assert "access-control-allow-origin" not in refused.headers


async def test_rates(log: ListPublisher) -> None:
    async with ingest_client(log, settings(key_rate_per_second=0.5)) as client:
        answers = [await client.post("/tracker/pageview", json=VIEW) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [202] * 5 + [429]
    assert refusal(answers[-1]) == (429, "rate")
    assert answers[-1].headers["retry-after"] == "2"


async def test_each_event_of_a_batch_counts(log: ListPublisher) -> None:
    many = {"sent_at": NOON, "events": [{"type": "session_end", "session_id": "s1"}] * 8}
    async with ingest_client(log, settings(address_rate_per_second=1)) as client:
        answers = [await client.post("/v1/batch", json=many) for _ in range(2)]
        single = await client.post("/tracker/pageview", json=VIEW)
    assert [answer.status_code for answer in answers] == [202, 429]
    assert len(log.records) == 8
    assert single.status_code == 429, "what was refused after it was read is owed"


async def test_an_address_does_not_pay_for_a_batch_that_its_key_may_not_send(log: ListPublisher) -> None:
    def many(count: int) -> dict[str, Any]:
        return {"sent_at": NOON, "events": [{"type": "session_end", "session_id": "s1"}] * count}

    other = {"x-opecom-key": OTHER_KEY}
    async with ingest_client(log, settings(address_rate_per_second=2, key_rate_per_second=1)) as client:
        answers = [
            await client.post("/v1/batch", json=many(8)),
            await client.post("/v1/batch", json=many(9)),
            await client.post("/v1/batch", json=many(9), headers=other),
        ]
    assert [answer.status_code for answer in answers] == [202, 429, 202]
    assert "ingest.key_rate_per_second" in answers[1].text


async def test_rates_hold_for_bad_requests_too(log: ListPublisher) -> None:
    async with ingest_client(log, settings(address_rate_per_second=0.2)) as client:
        answers = [await client.post("/tracker/pageview", content=b"{") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [400, 400, 429]


@pytest.mark.parametrize(
    "content", [b"[" * 20_000, b"0," * 10_000, b"{}" + b" " * 19_998], ids=["nested", "list", "blank"]
)
async def test_a_large_body_is_paid_for_before_it_is_read(content: bytes, log: ListPublisher) -> None:
    async with ingest_client(log, settings(address_rate_per_second=2)) as client:
        answers = [await client.post("/v1/batch", content=content) for _ in range(2)]
    assert [answer.status_code for answer in answers] in ([400, 429], [422, 429])


async def test_a_gzip_bomb_is_refused_and_paid_for(log: ListPublisher) -> None:
    bomb = gzip.compress(b" " * 2_000_000)
    async with ingest_client(log, settings(address_rate_per_second=10)) as client:
        gzipped = {"content-encoding": "gzip"}
        answers = [await client.post("/tracker/pageview", content=bomb, headers=gzipped) for _ in range(2)]
        honest = await client.post("/tracker/pageview", json=VIEW)
    assert refusal(answers[0]) == (413, "too_large")
    assert [refusal(answers[1]), refusal(honest)] == [(429, "rate")] * 2


async def test_new_sessions_have_a_rate_of_their_own(log: ListPublisher) -> None:
    async with ingest_client(log, settings(key_sessions_per_second=0.5)) as client:
        first = [await client.post("/tracker/pageview", json=VIEW | {"session_id": f"s{n}"}) for n in range(6)]
        again = await client.post("/tracker/pageview", json=VIEW | {"session_id": "s0"})
        ends = [{"type": "session_end", "session_id": f"s{n}"} for n in range(6)]
        many: dict[str, Any] = {"sent_at": NOON, "events": ends}
        batch = await client.post("/v1/batch", json=many)
        past = [event | {"received_at": NOON} for event in many["events"]]
        loader = {"x-opecom-key": IMPORT_KEY}
        history = await client.post("/v1/batch", json={"sent_at": NOON, "events": past}, headers=loader)
        text = (await client.get("/metrics", headers=METRICS)).text
    assert [answer.status_code for answer in first] == [202] * 5 + [429]
    assert "ingest.key_sessions_per_second" in first[-1].text
    assert [again.status_code, batch.status_code, history.status_code] == [202, 429, 202]
    assert "opecom_ingest_open_sessions 5.0" in text


async def test_metrics_are_for_keys_of_scope_read_of_everybody(log: ListPublisher) -> None:
    for peer in (FAR, "127.0.0.1"):
        async with ingest_client(log, peer=peer) as client:
            assert refusal(await client.get("/metrics")) == (401, "wrong_key")
            client.headers.pop("x-opecom-key")
            for headers in ({}, {"host": "localhost:8001"}):
                assert refusal(await client.get("/metrics", headers=headers)) == (401, "no_key")
            assert "opecom_ingest_events" in (await client.get("/metrics", headers=METRICS)).text


async def test_open_sessions_have_a_bound(log: ListPublisher) -> None:
    async with ingest_client(log, settings(max_open_sessions=2)) as client:
        answers = [await client.post("/tracker/pageview", json=VIEW | {"session_id": f"s{n}"}) for n in (0, 1, 2, 0)]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 202]
    assert answers[2].headers["retry-after"] == "60"


async def test_a_batch_of_too_many(log: ListPublisher) -> None:
    many = {"sent_at": NOON, "events": [{"type": "session_end", "session_id": "s1"}] * 501}
    assert refusal(await post("/v1/batch", log, json=many)) == (413, "too_many")


async def test_pages_of_the_site_may_read_the_answers(log: ListPublisher) -> None:
    for response in (
        await post("/tracker/pageview", log, headers={"origin": PAGE}),
        await post("/tracker/pageview", log, headers={"origin": PAGE}, content=b"{"),
    ):
        assert response.headers["access-control-allow-origin"] == PAGE
        assert response.headers["vary"] == "origin"
    response = await post("/tracker/pageview", log, headers={"origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("path", HOT)
async def test_preflight(path: str, log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        asked = {"origin": PAGE, "access-control-request-method": "POST"}
        response = await client.options(path, headers=asked)
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["access-control-allow-origin"] == PAGE
        assert "x-opecom-key" in response.headers["access-control-allow-headers"]
        foreign = await client.options(path, headers=asked | {"origin": "https://evil.example"})
        assert refusal(foreign) == (403, "wrong_origin")
        assert "access-control-allow-origin" not in foreign.headers


async def test_what_is_not_there(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        assert refusal(await client.post("/tracker/nothing", json={})) == (404, "not_found")
        got = await client.get("/tracker/pageview")
        assert refusal(got) == (405, "wrong_method")
        assert got.headers["allow"] == "POST, OPTIONS"
        assert refusal(await client.post("/livez")) == (405, "wrong_method")


async def test_a_fault_of_ours_is_reported_and_logged(
    log: ListPublisher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(log, "publish", broken)
    response = await post("/tracker/pageview", log)
    assert refusal(response) == (500, "internal")
    assert "secret" not in response.text
    assert "KeyError" in caplog.text
    assert VIEW["page_url"] not in caplog.text


async def test_probes(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        log.clock_ahead_ms = -10_000
        assert (await client.get("/readyz")).json() == {"status": "ready"}
        for ahead, said in ((1_200_000, "1200 s ahead of Kafka's"), (-11_000, "11 s behind Kafka's")):
            log.clock_ahead_ms = ahead
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
            assert said in answer.json()["reason"]
        log.away = "Kafka is away"
        assert (await client.get("/livez")).status_code == 200
        assert refusal(await client.get("/readyz")) == (503, "unavailable")


@pytest.mark.parametrize("profile", ["embedded", "services"])
async def test_a_full_disk_is_no_readiness_where_the_log_is_on_it(
    profile: str, log: ListPublisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings().model_copy(update={"data_dir": tmp_path, "profile": profile})
    async with ingest_client(log, given) as client:
        assert (await client.get("/readyz")).status_code == 200
        line = fill_disk(monkeypatch, tmp_path)
        answer = await client.get("/readyz")
        if profile == "services":
            assert answer.status_code == 200
            return
        assert refusal(answer) == (503, "unavailable")
        assert (answer.json()["reason"], answer.headers["retry-after"]) == (line, "1")
        log.away = "Kafka is away"
        assert (await client.get("/readyz")).json()["reason"] == "Kafka is away"


async def test_events_of_programs_are_taken_and_counted(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        for agent in (
            "Mozilla/5.0 (compatible; Googlebot/2.1)",
            "Mozilla/5.0 (Windows NT 10.0; rv:143.0) Firefox/143.0",
        ):
            body = {"sent_at": NOON, "events": [{"type": "session_end", "session_id": "s"}]}
            answer = await client.post("/v1/batch", json=body, headers={"user-agent": agent})
            assert answer.json()["accepted"] == 1
        text = (await client.get("/metrics", headers=METRICS)).text
    assert 'opecom_ingest_events_total{site="shop"} 2.0' in text
    assert 'opecom_ingest_bot_events_total{site="shop"} 1.0' in text


async def test_metrics(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        await client.post("/v1/batch", json={"sent_at": NOON, "events": [HOT["/tracker/session/end"], {}]})
        await client.post("/v1/batch", json={"sent_at": NOON, "events": [{"type": "session_end", "session_id": "s"}]})
        await client.post("/tracker/pageview", content=b"{")
        text = (await client.get("/metrics", headers=METRICS)).text
    assert 'opecom_ingest_events_total{site="shop"} 1.0' in text
    assert 'opecom_ingest_requests_total{path="/v1/batch",status="202"} 2.0' in text
    assert 'opecom_ingest_refused_total{code="invalid"} 2.0' in text
    assert 'opecom_ingest_refused_total{code="malformed"} 1.0' in text
    assert 'opecom_ingest_refused_total{code="unavailable"} 0.0' in text
    assert "opecom_ingest_publish_seconds_count 2.0" in text
    assert "opecom_ingest_request_events_sum 1.0" in text
    assert 'opecom_ingest_request_seconds_count{path="/v1/batch"} 2.0' in text
    assert 'opecom_ingest_request_seconds_count{path="/tracker/pageview"} 1.0' in text
    assert "opecom_ingest_events_in_flight 0.0" in text


async def test_the_documents(log: ListPublisher) -> None:
    async with ingest_client(log) as client:
        document = (await client.get("/openapi.json")).json()
        assert (await client.get("/docs")).status_code == 200
    intents = {"/tracker/intent/token", "/tracker/intent/stream"}
    kinds = (".js", ".mjs", ".private.mjs", ".d.ts", ".json", ".stub.js", *(f".{part}.mjs" for part in PARTS))
    files = {f"/static/tracker{kind}" for kind in kinds}
    segment = {f"/segment/v1/{name}" for name in ("page", "track", "identify", "batch")}
    assert {*HOT, *segment, *intents, *files, "/livez", "/readyz", "/metrics"} == set(document["paths"])
    schema_of = document["components"]["schemas"]
    for path in HOT:
        operation = document["paths"][path]["post"]
        assert {"202", "400", "401", "403", "413", "415", "422", "429", "503"} <= set(operation["responses"])
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        for reference in schema.get("anyOf", [schema]):
            named = schema_of[reference["$ref"].rpartition("/")[2]]
            assert named["additionalProperties"] is False
    assert {"session_id", "visitor_id", "event_id", "event_ids"} < set(schema_of["IngestErrorAnswer"]["properties"])
    for name in ("PageView", "SessionStart", "SentEvent"):
        assert "counts once" in schema_of[name]["properties"]["event_id"]["description"]
    assert set(schema_of["PageView"]["required"]) == {"session_id", "page_url"}
    example = document["paths"]["/tracker/commerce"]["post"]["requestBody"]["content"]["application/json"]["example"]
    carted = msgspec.convert(example, schemas.CommerceEvent)
    assert carted.value == pytest.approx(sum(float(item.quantity) * float(item.price or 0) for item in carted.items))
    assert CHROME not in str(document)
