"""Passing on, over sockets: what comes out at the other server, what comes back, and what is refused before it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ingest.admission.limits import WRONG_KEYS_AT_ONCE
from tests.support.ingest_app import FAR, METRICS, refusal
from tests.support.upstream import PART, Other, before, served

#: Bytes that may wait between the two servers and the client: the sockets' buffers, and a few parts in each process.
IN_BETWEEN = 32_000_000


@contextlib.asynccontextmanager
async def passing(**of_ingest: Any) -> AsyncIterator[tuple[Other, httpx.AsyncClient]]:
    other = Other()
    async with served(other.app) as port, before(port, **of_ingest) as client:
        yield other, client


async def echoed(client: httpx.AsyncClient, method: str, path: str, **how: Any) -> dict[str, Any]:
    response = await client.request(method, path, **how)
    assert response.status_code == 418, response.text
    assert response.headers["x-own"] == "kept"
    assert "access-control-allow-origin" not in response.headers
    assert len(response.headers.get_list("date")) == 1
    return dict(response.json())


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_a_request_arrives_as_it_was_sent(method: str) -> None:
    async with passing() as (_, client):
        path = "/admin/echo/visitors/a%2Fb%20c%25?q=%3Cscript%3E&from=1&q=ü"
        told = await echoed(client, method, path, content=b"x" * 1_000, headers={"x-opecom-key": "key", "te": "x"})
    assert (told["method"], told["body"]) == (method, 1_000)
    assert told["path"] == "/admin/echo/visitors/a%2Fb%20c%25"
    assert told["query"] == "q=%3Cscript%3E&from=1&q=%C3%BC"
    headers = dict(told["headers"])
    assert headers["host"] == f"127.0.0.1:{client.base_url.port}"
    assert headers["x-opecom-key"] == "key"
    assert not headers.keys() & {"te", "x-forwarded-for", "transfer-encoding"}


async def test_a_path_that_http_does_not_allow_is_refused() -> None:
    async with passing() as (_, client):
        reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
        writer.write("GET /admin/echo/ü HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 90)
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_head_has_no_body() -> None:
    async with passing() as (_, client):
        response = await client.head("/admin/echo/x")
    assert (response.status_code, response.content) == (418, b"")


@pytest.mark.parametrize(
    "path",
    ["/secret", "/adminx", "/tracker/admin/echo/x", "/admin/../secret", "/admin/%2e%2e/secret", "/admin/..%5csecret"],
)
async def test_nothing_else_is_passed_on(path: str) -> None:
    async with passing() as (_, client):
        # As a client that resolves nothing would send it.
        request = client.build_request("GET", "/")
        request.extensions = {**request.extensions, "target": path.encode()}
        assert refusal(await client.send(request)) == (404, "not_found")


async def test_a_large_answer_waits_for_its_client() -> None:
    parts = 2_000
    async with passing() as (other, client), client.stream("GET", f"/admin/large?parts={parts}") as response:
        assert response.headers["content-type"].startswith("text/csv")
        raw = response.aiter_raw()
        got = len(await anext(raw))
        before_ = -1
        while other.made != before_:
            before_ = other.made
            await asyncio.sleep(0.2)
        assert other.made < IN_BETWEEN < parts * len(PART)
        async for part in raw:
            got += len(part)
    assert got == parts * len(PART)


@pytest.mark.parametrize("declared", [True, False], ids=["by its length", "in parts"])
async def test_a_body_beyond_the_limit_never_arrives(declared: bool) -> None:
    async def in_parts() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 1_000

    async with passing(max_body_bytes=2_048) as (_, client):
        response = await client.post("/admin/echo/x", content=b" " * 3_000 if declared else in_parts())
        assert refusal(response) == (413, "too_large")
        assert response.headers["connection"] == "close"
        assert (await echoed(client, "POST", "/admin/echo/x", content=b" " * 2_048))["body"] == 2_048


async def test_the_other_server_learns_when_the_client_is_gone() -> None:
    async with passing() as (other, client):
        async with client.stream("GET", "/admin/endless") as response:
            assert await anext(response.aiter_raw()) == b"begun"
        await asyncio.wait_for(other.left.wait(), 90)
        metrics = (await client.get("/metrics", headers=METRICS)).text
    assert 'opecom_ingest_requests_total{path="/admin/...",status="200"} 1.0' in metrics


async def test_an_answer_that_was_cut_off_does_not_look_whole() -> None:
    async with passing() as (_, client), client.stream("GET", "/admin/cut") as response:
        with pytest.raises(httpx.RemoteProtocolError):
            await response.aread()


async def test_no_more_than_allowed_are_passed_on_at_once() -> None:
    async with passing(max_passed=1) as (_, client):
        async with client.stream("GET", "/admin/endless") as response:
            await anext(response.aiter_raw())
            refused = await client.get("/admin/echo/x")
            assert refusal(refused) == (503, "busy")
            assert (refused.headers["retry-after"], "ingest.max_passed" in refused.text) == ("5", True)
        async with asyncio.timeout(90):
            while (await client.get("/admin/echo/x")).status_code == 503:
                pass


async def test_the_other_server_away_is_a_line_that_names_the_setting() -> None:
    async with before(None) as client:
        refused = await client.get("/admin/echo/x")
        assert refusal(refused) == (503, "api_away")
        assert "ingest.api_url" in refused.text
        assert refused.headers["retry-after"] == "2"
        document = (await client.get("/openapi.json")).json()
        assert "ingest.api_url" in document["info"]["description"]
        assert "/v1/batch" in document["paths"]
        assert (await client.post("/tracker/session/end", json={"session_id": "s1"})).status_code == 202


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("http://localhost:5173", 403),
        ("chrome-extension://{host}", 403),
        ("null", 403),
        ("http://[", 403),
        (None, 418),
    ],
)
async def test_pages_of_other_origins_get_nothing(origin: str | None, status: int) -> None:
    async with passing() as (_, client):
        host = f"127.0.0.1:{client.base_url.port}"
        headers = {"origin": origin.replace("{host}", host) if origin else f"http://{host}"}
        assert (await client.post("/admin/echo/x", headers=headers)).status_code == status
        assert (await client.options("/admin/echo/x", headers=headers)).status_code == status


async def test_a_foreign_host_name_stays_one() -> None:
    async with passing() as (_, client):
        told = await echoed(client, "GET", "/admin/echo/x", headers={"host": "rebound.example"})
    assert dict(told["headers"])["host"] == "rebound.example"


async def test_a_forwarded_request_stays_one() -> None:
    async with passing() as (_, client):
        headers = {"x-forwarded-for": "10.0.0.1", "connection": "x-forwarded-for"}
        told = await echoed(client, "GET", "/admin/echo/x", headers=headers)
    assert dict(told["headers"])["x-forwarded-for"] == "10.0.0.1, 127.0.0.1"


async def test_the_marks_of_a_proxy_arrive_whatever_connection_names() -> None:
    async with passing() as (_, client):
        marks = {"via": "1.1 nginx", "x-real-ip": "203.0.113.7"}
        told = await echoed(client, "GET", "/admin/echo/x", headers=marks | {"connection": "via, x-real-ip"})
    headers = dict(told["headers"])
    assert marks.items() <= headers.items()
    assert headers["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize(
    "said", [{"public_url": "https://events.shop.example"}, {"trusted_proxies": ("127.0.0.1",)}], ids=str
)
async def test_behind_a_proxy_nobody_is_on_this_machine(said: dict[str, Any]) -> None:
    async with passing(**said) as (_, client):
        # As nginx passes requests on: by the name of the server behind it, and without a word of the client.
        told = await echoed(client, "GET", "/admin/echo/x")
    assert dict(told["headers"])["x-forwarded-for"] == "127.0.0.1"


async def test_wrong_keys_of_a_client_are_slowed_before_they_are_passed_on() -> None:
    async with passing(trusted_proxies=("127.0.0.1",)) as (_, client):

        async def status(key: str, address: str) -> int:
            headers = {"x-opecom-key": key, "x-forwarded-for": address}
            return (await client.get("/admin/kept", headers=headers)).status_code

        guesses = [await status(f"guess-{number}", FAR) for number in range(WRONG_KEYS_AT_ONCE + 20)]
        assert guesses.count(401) in range(WRONG_KEYS_AT_ONCE, WRONG_KEYS_AT_ONCE + 19)
        assert guesses[-1] == 429
        refused = await client.get("/admin/kept", headers={"x-opecom-key": "right", "x-forwarded-for": FAR})
        assert refusal(refused) == (429, "rate")
        assert refused.headers["retry-after"] == "1"
        assert await status("right", "203.0.113.10") == 200


async def test_admin_can_be_switched_off() -> None:
    async with passing(pass_admin=False) as (_, client):
        assert refusal(await client.get("/admin/echo/x")) == (404, "not_found")
        assert "/admin/large" not in (await client.get("/openapi.json")).json()["paths"]


async def test_the_document_is_made_once_for_many_requests() -> None:
    async with passing() as (other, client):
        made = 0
        whole = other.app.openapi

        def counting() -> dict[str, Any]:
            nonlocal made
            made += 1
            return whole()

        other.app.openapi = counting  # type: ignore[method-assign]
        answers = await asyncio.gather(*(client.get("/openapi.json") for _ in range(20)))
        assert made == 1
        assert len({answer.content for answer in answers}) == 1


async def test_the_document_has_the_routes_that_are_passed_on() -> None:
    async with passing() as (_, client):
        document = (await client.get("/openapi.json")).json()
    assert {"/v1/batch", "/admin/typed/{number}", "/admin/large"} <= set(document["paths"])
    assert "/secret" not in document["paths"]
    schemas = document["components"]["schemas"]
    assert "of_the_other" in schemas["api.ErrorAnswer"]["properties"]
    assert "reason" in schemas["IngestErrorAnswer"]["properties"]
    assert {"$ref": "#/components/schemas/api.ErrorAnswer"} in _values(document["paths"]["/admin/typed/{number}"])
    assert {reference["$ref"].rpartition("/")[2] for reference in _values(document) if "$ref" in reference} <= set(
        schemas
    )


def _values(document: Any) -> list[dict[str, Any]]:
    """Every object in a document."""
    if isinstance(document, dict):
        return [document, *(found for each in document.values() for found in _values(each))]
    return [found for each in document for found in _values(each)] if isinstance(document, list) else []
