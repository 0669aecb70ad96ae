"""The JSON body of a request: its type, its bytes and its fields, each refusal with its code and its words."""

from collections.abc import Iterable
from typing import Any

import pytest
from msgspec import Struct
from starlette.requests import Request

from storage.http.errors import ReadError
from storage.http.json_body import json_body

JSON = {"content-type": "application/json; charset=utf-8"}


class NamedRequest(Struct, forbid_unknown_fields=True):
    name: str


def request(pieces: Iterable[bytes], headers: dict[str, str]) -> Request:
    waiting = list(pieces)

    async def receive() -> dict[str, Any]:
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": given}, receive)


async def test_a_body_comes_in_pieces() -> None:
    assert await json_body(request([b'{"na', b'me": "a"}'], JSON), NamedRequest) == NamedRequest("a")


@pytest.mark.parametrize(
    ("pieces", "headers", "code", "words"),
    [
        pytest.param([b'{"name": "a"}'], {"content-type": "text/plain"}, "invalid", "Content-Type", id="another type"),
        pytest.param([b'{"name": 1}'], JSON, "invalid", "body: ", id="a wrong field"),
        pytest.param([b'{"name": "a", "x": 1}'], JSON, "invalid", "x", id="a field too many"),
        pytest.param([b'{"name": "\xff"}'], JSON, "invalid", "body: ", id="no UTF-8"),
        pytest.param([b'{"x":' + b"[" * 90 + b"}"], JSON, "invalid", "body: ", id="no JSON"),
        pytest.param([b" " * 60, b" " * 60], JSON, "too_large", "body: an order has at most 100 bytes", id="too large"),
    ],
)
async def test_a_wrong_body_is_refused(pieces: list[bytes], headers: dict[str, str], code: str, words: str) -> None:
    with pytest.raises(ReadError) as refused:
        await json_body(request(pieces, headers), NamedRequest, "an order", 100)
    assert refused.value.code == code
    assert words in str(refused.value)


async def test_what_is_beyond_the_limit_is_not_read() -> None:
    unread = [b" " * 60] * 9
    given = request(unread, JSON)
    with pytest.raises(ReadError):
        await json_body(given, NamedRequest, most=100)
    receive = given.receive
    left = 0
    while (await receive())["more_body"]:
        left += 1
    assert left == 6
