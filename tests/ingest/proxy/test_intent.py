"""Who gets a token for which session, and whose token opens the stream; the query API is a small one of its own."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from deploy.settings.model import ApiSettings, IngestSettings, Settings
from deploy.wiring import ingest
from ingest.publish import ListPublisher
from ingest.tokens import Claim, SessionTokens
from tests.support.ingest_app import FAR, IMPORT_KEY, OTHER_KEY, PAGE, SITES, WRITE_KEY, refusal
from tests.support.upstream import served

SECRET = "a secret that both know"
TOKEN, STREAM = "/tracker/intent/token", "/tracker/intent/stream"
SHOWN: dict[str, Any] = {
    "default": SITES["default"] | {"intent_in_browser": "embedded"},
    "shop": SITES["shop"] | {"intent_in_browser": True},
    "other": SITES["other"] | {"intent_in_browser": "band"},
    "closed": {"write_keys": ["write-key-of-closed"]},
}


def settings(secret: str = SECRET, **given: Any) -> Settings:
    api = ApiSettings(token_secret=secret)  # type: ignore[arg-type]
    return Settings(**({"sites": SHOWN, "api": api} | given))


def client(given: Settings | None = None, peer: str = FAR, stop: asyncio.Event | None = None) -> httpx.AsyncClient:
    app = ingest.app(given or settings(), ListPublisher(), stop=stop)
    transport = httpx.ASGITransport(app, client=(peer, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://ingest")


async def create_token(key: str | None, given: Settings | None = None, **how: Any) -> httpx.Response:
    headers = ({"x-opecom-key": key} if key else {}) | how.pop("headers", {})
    async with client(given, how.pop("peer", FAR)) as http:
        return await http.post(TOKEN, headers=headers, **({"json": {"session_id": "s1"}} | how))


def claimed(response: httpx.Response) -> Claim:
    assert response.status_code == 200, response.text
    answer = response.json()
    assert answer.keys() == {"token", "expires_at", "expires_in"}
    assert answer["expires_in"] == 300
    return SessionTokens(SECRET.encode(), 300, lambda: answer["expires_at"] / 1000 - 1).read(answer["token"])


@pytest.mark.parametrize(
    ("key", "peer", "site", "shown"),
    [
        pytest.param(WRITE_KEY, FAR, "shop", "all", id="all"),
        pytest.param(OTHER_KEY, FAR, "other", "band", id="the band only"),
        pytest.param(None, "127.0.0.1", "default", "all", id="this machine, on the embedded profile"),
    ],
)
async def test_a_token_is_for_the_session_on_the_keys_site(key: str, peer: str, site: str, shown: str) -> None:
    claim = claimed(await create_token(key, peer=peer))
    assert (claim.site, claim.session_id, claim.shown) == (site, "s1", shown)


async def test_a_page_of_the_site_reads_the_answer() -> None:
    response = await create_token(WRITE_KEY, headers={"origin": PAGE})
    claimed(response)
    assert response.headers["access-control-allow-origin"] == PAGE
    async with client() as http:
        preflight = await http.options(TOKEN, headers={"origin": PAGE})
    assert (preflight.status_code, preflight.headers["access-control-allow-methods"]) == (204, "POST")


@pytest.mark.parametrize(
    ("key", "how", "status", "code", "said"),
    [
        pytest.param(None, {}, 401, "no_key", "", id="no key"),
        pytest.param("not-a-key-of-ours", {}, 401, "wrong_key", "", id="wrong key"),
        pytest.param(IMPORT_KEY, {}, 403, "wrong_scope", "", id="import key"),
        pytest.param(
            WRITE_KEY, {"headers": {"origin": "https://evil.example"}}, 403, "wrong_origin", "", id="a foreign page"
        ),
        pytest.param(
            "write-key-of-closed", {}, 403, "intent_off", "sites.closed.intent_in_browser", id="a site that shows none"
        ),
        pytest.param(WRITE_KEY, {"json": {"session_id": "s 1"}}, 422, "invalid", "", id="no id of a session"),
        pytest.param(WRITE_KEY, {"json": {"session_id": "s1", "site": "other"}}, 422, "invalid", "", id="another site"),
        pytest.param(WRITE_KEY, {"json": {}}, 422, "invalid", "", id="no session"),
        pytest.param(
            WRITE_KEY, {"given": settings("")}, 403, "intent_off", "set api.token_secret", id="nothing to sign with"
        ),
        pytest.param(
            None, {"given": settings(profile="services"), "peer": "127.0.0.1"},
            403, "intent_off", "sites.default.intent_in_browser", id="embedded, on the services profile",
        ),
    ],
)  # fmt: skip
async def test_a_token_is_refused(key: str | None, how: dict[str, Any], status: int, code: str, said: str) -> None:
    response = await create_token(key, **how)
    assert refusal(response) == (status, code)
    assert said in response.text


async def test_both_are_beneath_the_prefix_too_and_nothing_that_is_passed_on() -> None:
    async with client(settings(ingest=IngestSettings(prefix="/t", api_url="http://127.0.0.1:9"))) as http:
        claimed(await http.post(f"/t{TOKEN}", json={"session_id": "s1"}, headers={"x-opecom-key": WRITE_KEY}))
        assert refusal(await http.get(f"/t{STREAM}?token=forged")) == (401, "wrong_token")
        assert (await http.get("/t/admin/sessions")).status_code == 404
        assert (await http.get("/admin/sessions")).status_code == 503


async def test_tokens_have_the_rates_of_events() -> None:
    given = settings(ingest=IngestSettings(key_rate_per_second=0.1))
    async with client(given) as http:
        statuses = [
            (await http.post(TOKEN, json={"session_id": "s1"}, headers={"x-opecom-key": WRITE_KEY})).status_code
            for _ in range(2)
        ]
    assert statuses == [200, 429]


class Api:
    """Answers with one event, and goes on until its client is gone."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.left = asyncio.Event()
        self.app = FastAPI()
        self.app.get("/intents/session")(self._session)

    async def _session(self, request: Request, token: str) -> StreamingResponse:
        self.asked.append(token)

        async def events() -> Any:
            try:
                yield b"event: intent\r\ndata: {}\r\n\r\n"
                await asyncio.Event().wait()
            finally:
                self.left.set()

        return StreamingResponse(events(), media_type="text/event-stream", headers={"access-control-allow-origin": "*"})


def token_of(site: str, secret: str = SECRET, seconds: int = 300) -> str:
    import time

    return SessionTokens(secret.encode(), seconds, time.time).issue(site, "s1", "all").token


@pytest.mark.parametrize(
    ("site", "origin", "allowed"),
    [
        pytest.param("shop", PAGE, PAGE, id="a page of the site"),
        pytest.param("default", "http://localhost:5173", "http://localhost:5173", id="a page of this machine"),
        pytest.param("shop", None, None, id="no page"),
    ],
)
async def test_the_stream_is_the_apis_for_pages_of_the_site(site: str, origin: str | None, allowed: str | None) -> None:
    api, stop = Api(), asyncio.Event()
    async with served(api.app) as port:
        given = settings(ingest=IngestSettings(api_url=f"http://127.0.0.1:{port}"))
        app = ingest.app(given, ListPublisher(), stop=stop)
        async with served(app) as own, httpx.AsyncClient(timeout=90) as http:
            token = token_of(site)
            headers = {"origin": origin} if origin else {}
            url = f"http://127.0.0.1:{own}{STREAM}?token={token}&more=ignored"
            async with http.stream("GET", url, headers=headers) as response:
                assert response.headers["content-type"].startswith("text/event-stream")
                assert response.headers.get("access-control-allow-origin") == allowed
                parts = response.aiter_raw()
                assert (await anext(parts)).startswith(b"event: intent")
                # The server stops: the stream has its end, and does not hold it up.
                stop.set()
                async with asyncio.timeout(90):
                    assert [part async for part in parts] == []
            await asyncio.wait_for(api.left.wait(), 90)
            assert (await http.get(url)).status_code == 503
        await app.close()
    assert api.asked[0] == token


@pytest.mark.parametrize(
    ("token", "headers", "status", "code"),
    [
        pytest.param(lambda: "", {}, 401, "wrong_token", id="no token"),
        pytest.param(lambda: "forged", {}, 401, "wrong_token", id="forged"),
        pytest.param(lambda: token_of("shop", "another"), {}, 401, "wrong_token", id="another secret"),
        pytest.param(lambda: token_of("shop", seconds=-1), {}, 401, "wrong_token", id="expired"),
        pytest.param(lambda: token_of("gone"), {"origin": PAGE}, 401, "wrong_token", id="a site that is gone"),
        pytest.param(lambda: token_of("other"), {"origin": PAGE}, 403, "wrong_origin", id="a page of another site"),
        pytest.param(lambda: token_of("shop"), {"origin": PAGE}, 503, "api_away", id="nobody there"),
    ],
)
async def test_the_stream_is_refused(token: Callable[[], str], headers: dict[str, str], status: int, code: str) -> None:
    # Made here: a token of the time when tests are collected has run out when they all have come to this one.
    given = settings(ingest=IngestSettings(api_url="http://127.0.0.1:9"))
    async with client(given) as http:
        response = await http.get(STREAM, params={"token": token()} if token() else {}, headers=headers)
    assert refusal(response) == (status, code)
    if "origin" in headers:
        assert response.headers["access-control-allow-origin"] == PAGE


async def test_the_stream_takes_get_only() -> None:
    async with client() as http:
        assert refusal(await http.post(STREAM)) == (405, "wrong_method")


async def test_without_a_secret_no_token_is_valid() -> None:
    async with client(settings("")) as http:
        response = await http.get(f"{STREAM}?token={token_of('shop', 'x')}")
    assert refusal(response) == (401, "wrong_token")
    assert "api.token_secret" in response.text


async def test_an_address_has_so_many_streams_and_leaves_the_others_theirs() -> None:
    api = Api()
    async with served(api.app) as port:
        own = IngestSettings(
            api_url=f"http://127.0.0.1:{port}", max_streams_per_address=2, trusted_proxies=("127.0.0.1",)
        )
        app = ingest.app(settings(ingest=own), ListPublisher())
        async with served(app) as at, httpx.AsyncClient(timeout=90) as http, contextlib.AsyncExitStack() as held:
            url = f"http://127.0.0.1:{at}{STREAM}?token={token_of('shop')}"

            async def status(address: str) -> int:
                stream = http.stream("GET", url, headers={"x-forwarded-for": address})
                return (await held.enter_async_context(stream)).status_code

            assert [await status(FAR) for _ in range(3)] == [200, 200, 503]
            refused = await http.get(url, headers={"x-forwarded-for": FAR})
            assert refusal(refused) == (503, "busy")
            assert ("ingest.max_streams_per_address" in refused.text, refused.headers["retry-after"]) == (True, "5")
            assert await status("203.0.113.78") == 200
            await held.aclose()
            async with asyncio.timeout(90):
                while await status(FAR) != 200:
                    pass
            await held.aclose()
        await app.close()
