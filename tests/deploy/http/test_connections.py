"""Limits of connections, on sockets: too large or too slow headers, too many connections of one address."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from deploy.http.connections import HEADER_BYTES, REQUESTS_AHEAD, ConnectionLimits, OpenConnections
from deploy.http.serve import serve
from deploy.processes.ports import listen
from ingest.admission.limits import NETWORK_FACTOR

#: Bytes of an answer that no system keeps for a client that takes nothing.
LARGE = 32 * 2**20


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers the bytes of the body that it got; `/never` never answers, `/large` has LARGE bytes."""
    if scope["type"] == "lifespan":
        for _ in range(2):
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
        return
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/never":
        await receive()
        return
    if scope["path"] == "/large":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(LARGE // 2**20):
            await send({"type": "http.response.body", "body": bytes(2**20), "more_body": number < LARGE // 2**20 - 1})
        return
    text = str(size).encode()
    headers = [(b"content-length", str(len(text)).encode()), (b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


@contextlib.asynccontextmanager
async def server(limits: ConnectionLimits | None = None) -> AsyncIterator[int]:
    stop, listener = asyncio.Event(), listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    serving = asyncio.create_task(serve(echo, "127.0.0.1", port, stop, listener=listener, limits=limits))
    try:
        yield port
    finally:
        stop.set()
        await asyncio.wait_for(serving, 90)


async def exchanged(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """What the server says to these parts until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 90)
    finally:
        writer.close()


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
FILLER = b"a" * 1_000


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([HEAD + b"X: " + b"a" * HEADER_BYTES + b"\r\n\r\n"], id="one header at once"),
        pytest.param([HEAD + b"X: ", *[FILLER] * 2_000], id="one header that never ends"),
        pytest.param([HEAD, *[b"X: " + FILLER + b"\r\n"] * 2_000], id="headers that never end"),
        pytest.param([HEAD + b"X: y\r\n" * 8_000 + b"\r\n"], id="many small headers"),
        pytest.param([b"GET /?" + FILLER * 40 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], id="a long path"),
        pytest.param([b"GET /?", *[FILLER] * 2_000], id="a path that never ends"),
        pytest.param(
            [b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ", *[FILLER] * 2_000],
            id="a trailer that never ends",
        ),
        pytest.param(
            [b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;", *[FILLER] * 2_000],
            id="an extension of a chunk that never ends",
        ),
    ],
)
async def test_headers_beyond_the_limit_are_refused(parts: list[bytes]) -> None:
    async with server() as port:
        answer = await exchanged(port, *parts)
        assert answer.startswith(b"HTTP/1.1 431 ")
        assert answer.count(b"HTTP/1.1") == 1
        assert b'{"error":"large_headers","reason":"the request line and headers have more than 32768 bytes"}' in answer
        assert (await exchanged(port, HEAD + b"Connection: close\r\n\r\n")).endswith(b"0")


@pytest.mark.parametrize("size", [0, 1_000, 1_000_000])
async def test_what_is_within_the_limits_is_answered(size: int) -> None:
    async def in_parts() -> AsyncIterator[bytes]:
        for _ in range(size // 100):
            yield b"b" * 100

    async with server() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=90) as http:
        large = {"x-large": "a" * (HEADER_BYTES - 1_000)}
        for _ in range(2):
            assert (await http.post("/", content=b"b" * size, headers=large)).text == str(size)
            assert (await http.post("/", content=in_parts(), headers=large)).text == str(size)


async def test_requests_that_follow_at_once_have_limits_of_their_own() -> None:
    one = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + b"b" * 40_000
    async with server() as port:
        last = HEAD + b"Connection: close\r\nX: " + b"a" * 20_000
        answer = await exchanged(port, one + one + last, b"\r\n\r\n", pause=0.1)
    assert answer.count(b"HTTP/1.1 200") == 3


@pytest.mark.parametrize(
    ("parts", "status", "halves"),
    [
        pytest.param([], b"", False, id="nothing"),
        pytest.param([b"GET / HT"], b"HTTP/1.1 408 ", True, id="half a line"),
        pytest.param([HEAD], b"HTTP/1.1 408 ", True, id="half the headers"),
        pytest.param([HEAD, *[b"X: y\r\n"] * 25], b"HTTP/1.1 408 ", True, id="a header now and then"),
        pytest.param([HEAD + b"\r\n", *[b"\r\n"] * 8], b"HTTP/1.1 200 ", False, id="empty lines after an answer"),
        pytest.param([HEAD + b"\r\nGET / HT"], b"HTTP/1.1 200 ", True, id="half a request behind a whole one"),
    ],
)
async def test_slow_headers_end_their_connection(parts: list[bytes], status: bytes, halves: bool) -> None:
    async with server(ConnectionLimits(header_seconds=0.5)) as port:
        began = time.monotonic()
        answer = await exchanged(port, *parts, pause=0.05)
        # uvicorn's own limit of a connection between two requests is 30 s.
        assert 0.4 < time.monotonic() - began < 10
    assert answer.startswith(status)
    assert (b"slow_headers" in answer) == halves


async def test_a_slow_body_ends_its_connection() -> None:
    async with server(ConnectionLimits(body_seconds=0.3)) as port:
        answer = await exchanged(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"slow_body" in answer


async def test_a_slow_answer_keeps_its_connection() -> None:
    async with server(ConnectionLimits(header_seconds=0.2, body_seconds=0.2)) as port:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(exchanged(port, b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n"), 1)


async def test_a_client_that_takes_no_answer_loses_its_connection() -> None:
    """Else connections of slow readers, with what waits for them in memory, would be held for ever."""
    limits = ConnectionLimits(answer_seconds=0.3)
    async with server(limits) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.sleep(1.5)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(LARGE), 30)
        writer.close()


async def test_a_slow_client_that_takes_some_of_its_answer_gets_all_of_it() -> None:
    async with server(ConnectionLimits(answer_seconds=1.0)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        taken = b""
        while part := await asyncio.wait_for(reader.read(2**20), 30):
            taken += part
            await asyncio.sleep(0.02)
        writer.close()
    assert taken.endswith(b"0\r\n\r\n")
    assert len(taken) > LARGE


async def test_requests_far_ahead_of_their_answers_are_refused() -> None:
    """Each is parsed when it comes, and would wait in memory: of 1,000 connections with 64 kB each, some hundred MB."""
    request = b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n"
    async with server() as port:
        assert await asyncio.wait_for(exchanged(port, request * (REQUESTS_AHEAD + 2)), 30) == b""
        within = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * REQUESTS_AHEAD + HEAD + b"Connection: close\r\n\r\n"
        answers = await asyncio.wait_for(exchanged(port, within), 30)
    assert answers.count(b"HTTP/1.1 200 ") == REQUESTS_AHEAD + 1


async def test_an_address_holds_no_more_connections_than_allowed() -> None:
    async with server(ConnectionLimits(per_address=2)) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        refused = await exchanged(port)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"2 connections of this address" in refused
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        async with asyncio.timeout(90):
            while not (await exchanged(port, HEAD + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200"):
                pass


def test_a_network_holds_no_more_than_sixteen_addresses_and_a_proxy_any_number() -> None:
    held = OpenConnections(ConnectionLimits(per_address=1, is_trusted=lambda address: address == "10.0.0.1"))
    subscribers = [f"2001:db8:0:{subscriber:x}::1" for subscriber in range(NETWORK_FACTOR)]
    assert [held.enter(each) for each in subscribers] == [True] * NETWORK_FACTOR
    assert held.enter("2001:db8:0:ffff::1") is False
    assert held.enter("2001:db8:1::1")
    assert [held.enter("10.0.0.1") for _ in range(3)] == [None] * 3
    for each in subscribers:
        held.leave(each)
    assert held.enter("2001:db8:0:ffff::1")


@pytest.mark.parametrize("path", ["/", "/livez"])
async def test_head_is_answered_as_get_without_a_body(path: str) -> None:
    async with server() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=90) as http:
        for _ in range(2):
            head, get = await http.head(path), await http.get(path)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == get.headers["content-length"] == "1"
