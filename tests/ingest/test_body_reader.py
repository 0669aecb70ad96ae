"""Bodies within their limits: sizes, gzip, types, clients that hang up."""

import asyncio
import gzip
import os
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ingest.body_reader import BodyReader, ClientGoneError, decompress, price
from ingest.errors import RequestRefusedError

READER = BodyReader(max_bytes=1_000, max_decompressed=5_000)


def sent(*messages: dict[str, Any]) -> Callable[[], Awaitable[dict[str, Any]]]:
    queue = list(messages)

    async def receive() -> dict[str, Any]:
        return queue.pop(0)

    return receive


def whole(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    return sent({"type": "http.request", "body": body})


async def test_plain_and_in_parts() -> None:
    assert await READER.read({b"content-type": b"application/json; charset=UTF-8"}, whole(b"{}")) == b"{}"
    parts = [{"type": "http.request", "body": b"ab", "more_body": True}, {"type": "http.request", "body": b"c"}]
    assert await READER.read({}, sent(*parts)) == b"abc"


async def test_gzip() -> None:
    headers = {b"content-encoding": b"gzip", b"content-type": b"text/plain;charset=UTF-8"}
    body = os.urandom(200) + b"x" * 4_800
    assert await READER.read(headers, whole(gzip.compress(body))) == body


@pytest.mark.parametrize(
    ("size", "fits"),
    [
        pytest.param(100_000, True, id="no larger than a plain body"),
        pytest.param(100_001, False, id="a bomb"),
        pytest.param(2_000_000, False, id="a bomb within the largest size"),
    ],
)
def test_a_small_gzip_body_opens_to_no_more_than_a_plain_one(size: int, fits: bool) -> None:
    reader = BodyReader(max_bytes=100_000, max_decompressed=2_000_000)
    body = gzip.compress(b" " * size)
    assert len(body) < 2_000
    assert (reader._at_most(body) >= size) == fits


async def test_a_bomb_is_refused_before_it_is_opened() -> None:
    reader, headers = BodyReader(256 * 1024, 2 * 1024 * 1024), {b"content-encoding": b"gzip"}
    bomb = gzip.compress(b'{"events":[' + b"0," * 1_000_000 + b"0]}")
    assert len(bomb) < 3_000
    tracemalloc.start()
    with pytest.raises(RequestRefusedError) as refused:
        await reader.read(headers, whole(bomb))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (refused.value.code, peak < 1_000_000) == ("too_large", True)
    text = "".join(f'{{"number":{number}}},' for number in range(50_000)).encode()
    assert await reader.read(headers, whole(gzip.compress(text))) == text


@pytest.mark.parametrize(("size", "tokens"), [(0, 1), (1, 1), (1_024, 1), (1_025, 2), (262_144, 256)])
def test_the_price_of_a_body(size: int, tokens: int) -> None:
    assert price(size) == tokens


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        pytest.param({b"content-length": b"1001"}, b"", "too_large", id="declared too large"),
        pytest.param({b"content-length": b"2"}, b"x" * 1_001, "too_large", id="larger than declared"),
        pytest.param({b"content-encoding": b"gzip"}, gzip.compress(b"x" * 5_001), "too_large", id="unpacks too large"),
        pytest.param({b"content-encoding": b"gzip"}, b"{}", "encoding", id="no gzip"),
        pytest.param({b"content-encoding": b"gzip"}, gzip.compress(b"x")[:-2], "encoding", id="gzip cut off"),
        pytest.param({b"content-encoding": b"gzip"}, gzip.compress(b"x") * 2, "encoding", id="two gzip members"),
        pytest.param({b"content-encoding": b"gzip"}, b"", "encoding", id="empty gzip"),
        pytest.param({b"content-encoding": b"br"}, b"{}", "media_type", id="brotli"),
        pytest.param({b"content-type": b"application/x-www-form-urlencoded"}, b"a=b", "media_type", id="a form"),
        pytest.param({b"content-type": b"application/json; charset=latin-1"}, b"{}", "media_type", id="latin-1"),
    ],
)
async def test_refused(headers: dict[bytes, bytes], body: bytes, code: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        await READER.read(headers, whole(body))
    assert refused.value.code == code


async def test_an_endless_body_is_left_at_its_limit() -> None:
    taken = 0

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    with pytest.raises(RequestRefusedError) as refused:
        await READER.read({}, receive)
    assert (refused.value.code, taken) == ("too_large", 11)


async def test_a_slow_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.body_reader.BODY_SECONDS", 0)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(RequestRefusedError) as refused:
        await READER.read({}, receive)
    assert refused.value.code == "slow_body"


async def test_a_body_that_never_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.body_reader.BODY_SECONDS", 0)

    async def receive() -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    with pytest.raises(RequestRefusedError) as refused:
        await asyncio.wait_for(READER.read({}, receive), 90)
    assert refused.value.code == "slow_body"


async def test_a_client_that_hangs_up() -> None:
    with pytest.raises(ClientGoneError):
        await READER.read(
            {}, sent({"type": "http.request", "body": b"a", "more_body": True}, {"type": "http.disconnect"})
        )


def test_a_bomb_never_gets_to_its_size() -> None:
    bomb = gzip.compress(bytes(100_000_000), compresslevel=9)
    assert len(bomb) < 100_000
    tracemalloc.start()
    with pytest.raises(RequestRefusedError) as refused:
        decompress(bomb, 1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.code == "too_large"
    assert peak < 5_000_000
