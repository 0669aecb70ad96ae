"""Webhooks over HTTP: made, tried, paused, removed; deliveries by filters and page by page, and sent again."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from storage.http.access import Access
from storage.http.audit import AuditTrail
from storage.http.refusals import add_refusals
from storage.http.secret_keys import SecretKey, digest_of
from storage.webhooks import deliveries
from storage.webhooks.api import webhook_routes
from tests.support.operations import put_held, put_webhook

ALL, SHOP = {"x-opecom-key": "key-of-all"}, {"x-opecom-key": "key-of-shop"}
JSON = {"content-type": "application/json"}
ADDRESSES = {
    "shop.example": ["93.184.216.34"],
    "inside.example": ["10.0.0.7"],
    "both.example": ["1.1.1.1", "10.0.0.7"],
    "127.0.0.1": ["127.0.0.1"],
}


async def resolve(host: str, port: int) -> list[str]:
    if host not in ADDRESSES:
        raise OSError("unknown")
    return ADDRESSES[host]


@asynccontextmanager
async def service(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    keys = (
        SecretKey("all", digest_of("key-of-all"), frozenset({"admin"})),
        SecretKey("of shop", digest_of("key-of-shop"), frozenset({"admin"}), frozenset({"shop"})),
    )
    app = FastAPI()
    add_refusals(app)
    access = Access(lambda: keys, open_on_loopback=True).scoped("admin")
    app.include_router(webhook_routes(engine, lambda: {"shop", "other"}, resolve, access))
    app.add_middleware(AuditTrail)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1", headers=ALL) as made:
        yield made


async def add(client: httpx.AsyncClient, headers: dict[str, str] = ALL, **order: Any) -> httpx.Response:
    whole = {"site": "shop", "url": "https://shop.example/hook", **order}
    return await client.post("/webhooks", content=json.dumps(whole), headers=headers | JSON)


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).all())


async def test_a_webhook_is_made_shown_without_its_secret_paused_used_again_and_removed(engine: Engine) -> None:
    async with service(engine) as client:
        made = await add(client, on=["high", "up", "high"])
        assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
        hook, secret = made.json()["webhook"], made.json()["secret"]
        assert (hook["on"], made.json()["notice"]) == (["high", "up"], "")
        assert rows(engine, "SELECT id, secret, wanted, site FROM webhooks") == [
            (hook["id"], secret, "high up", "shop")
        ]
        listed = await client.get("/webhooks")
        assert listed.json() == {"webhooks": [hook]}
        assert secret not in listed.text
        path = f"/webhooks/{hook['id']}"
        tried = (await client.post(f"{path}/test")).json()
        assert (tried["kind"], tried["state"], tried["message"]["data"]) == (
            "webhook.test",
            "due",
            {"site": "shop", "webhook_id": hook["id"]},
        )
        assert (await client.post(f"{path}/pause")).json()["disabled"] == "paused by all"
        given_up = (await client.get(f"/webhook-deliveries/{tried['id']}")).json()
        assert (given_up["state"], given_up["detail"]) == ("dead", "the webhook is disabled: paused by all")
        for refused in (f"{path}/test", f"/webhook-deliveries/{tried['id']}/send"):
            answer = await client.post(refused)
            assert (answer.status_code, answer.json()["error"]) == (409, "busy")
        assert (await client.post(f"{path}/enable")).json() == hook
        again = (await client.post(f"/webhook-deliveries/{tried['id']}/send")).json()
        assert (again["id"], again["state"], again["attempts"]) == (tried["id"], "due", 0)
        assert (await client.post(f"/webhook-deliveries/{tried['id']}/send")).json() == again
        assert (await client.delete(path)).json() == hook
        assert (await client.get("/webhooks")).json() == {"webhooks": []}
        assert rows(engine, "SELECT state FROM webhook_deliveries") == [("dead",)]
        for method, gone in (("DELETE", path), ("POST", f"{path}/enable"), ("POST", f"{path}/test")):
            assert (await client.request(method, gone)).status_code == 404


REFUSED: list[tuple[dict[str, Any], dict[str, str], int, str]] = [
    ({"url": "http://shop.example/"}, ALL, 422, "must be https"),
    ({"url": "https://127.0.0.1/"}, ALL, 422, "127.0.0.1 is not a public address"),
    ({"url": "https://inside.example/"}, ALL, 422, "10.0.0.7 is not a public address (allow_private"),
    ({"url": "https://both.example/"}, ALL, 422, "10.0.0.7 is not a public address"),
    ({"url": "https://u@shop.example/"}, ALL, 422, "neither a user"),
    ({"url": "https://shop.example/" + "x" * 2_000}, ALL, 422, "2,000 characters"),
    ({"site": "none"}, ALL, 422, "there is no site 'none'"),
    ({"on": ["sometimes"]}, ALL, 422, "body: "),
    ({"secret": "mine"}, ALL, 422, "unknown field `secret`"),
    ({"site": "other"}, SHOP, 403, "not of site other"),
    ({"url": "https://inside.example/", "allow_private": True}, SHOP, 403, "keys of all sites"),
    ({"url": "https://shop.example/" + "x" * 20_000}, ALL, 413, "16,384 bytes"),
]


async def test_a_url_that_no_webhook_may_have_is_refused_as_by_the_command(engine: Engine) -> None:
    async with service(engine) as client:
        for order, headers, status, reason in REFUSED:
            answer = await add(client, headers, **order)
            assert (answer.status_code, reason in answer.json().get("reason", "")) == (status, True), answer.text
        assert rows(engine, "SELECT id FROM webhooks") == []
        assert (await add(client, url="http://inside.example/", allow_private=True)).status_code == 200
        unknown = await add(client, url="https://new.example/")
        assert unknown.json()["notice"] == "new.example does not resolve on this machine"


async def test_a_key_of_one_site_has_its_webhooks_and_deliveries_alone(engine: Engine) -> None:
    for site in ("shop", "other"):
        put_webhook(engine, f"wh_{site}", site)
    async with service(engine) as client:
        client.headers.update(SHOP)
        assert [each["id"] for each in (await client.get("/webhooks")).json()["webhooks"]] == ["wh_shop"]
        listed = (await client.get("/webhook-deliveries")).json()["deliveries"]
        assert [each["id"] for each in listed] == ["msg_shop"]
        for method, path in (
            ("DELETE", "/webhooks/wh_other"),
            ("POST", "/webhooks/wh_other/pause"),
            ("POST", "/webhooks/wh_other/test"),
            ("GET", "/webhook-deliveries/msg_other"),
            ("POST", "/webhook-deliveries/msg_other/send"),
        ):
            assert (await client.request(method, path)).status_code == 404, path
        assert (await client.get("/webhook-deliveries?site=other")).json()["deliveries"] == []
        assert (await client.post("/webhook-deliveries/msg_shop/send")).json()["state"] == "due"
    assert rows(engine, "SELECT id, disabled FROM webhooks ORDER BY id") == [("wh_other", ""), ("wh_shop", "")]


async def test_what_an_experiment_holds_back_is_listed_and_never_sent(engine: Engine) -> None:
    put_webhook(engine, "wh_one", "shop")
    put_held(engine, "wh_one", "shop")
    async with service(engine) as client:
        (found,) = (await client.get("/webhook-deliveries?state=held")).json()["deliveries"]
        assert (found["state"], found["detail"]) == ("held", "held back: arm control of chat")
        assert found["message"]["data"]["experiments"] == [{"experiment": "chat", "arm": "control", "acts": False}]
        answer = await client.post(f"/webhook-deliveries/{found['id']}/send")
        assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
        assert "is never sent (held back: arm control of chat)" in answer.json()["reason"]
        assert (await client.get(f"/webhook-deliveries/{found['id']}")).json() == found


@pytest.mark.parametrize("limit", [1, 2, 500])
async def test_deliveries_by_filter_and_page_by_page_equal_the_table(engine: Engine, limit: int) -> None:
    put_webhook(engine, "wh_one", "shop")
    for number in range(4):
        put_webhook(engine, f"wh_{number}", ("shop", "other")[number % 2])
    assert deliveries.again(engine, "msg_2", 5)
    put_held(engine, "wh_one", "shop")
    async with service(engine) as client:
        for query, condition in (
            ("", "1 = 1"),
            ("&state=dead", "state = 'dead'"),
            ("&state=due", "state = 'due'"),
            ("&state=held", "state = 'held'"),
            ("&site=shop", "site = 'shop'"),
            ("&webhook=wh_3", "webhook_id = 'wh_3'"),
            ("&session=s1", "session_id = 's1'"),
        ):
            found, cursor = [], ""
            for _ in range(9):
                page = (await client.get(f"/webhook-deliveries?limit={limit}&cursor={cursor}{query}")).json()
                found += [each["id"] for each in page["deliveries"]]
                cursor = page["next"]
                if not cursor:
                    break
            plain = f"SELECT id FROM webhook_deliveries WHERE {condition} ORDER BY created_at DESC, id"  # noqa: S608
            assert found == [name for (name,) in rows(engine, plain)]
        assert (await client.get("/webhook-deliveries?cursor=x")).status_code == 422
        assert (await client.get("/webhook-deliveries?dead=1")).status_code == 422
