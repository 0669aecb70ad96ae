"""What is fuzzed below HTTP: whatever the bytes, each decoder gives its own value or raises its own refusal.

Anything else is an error that nobody caught. A seed is a valid input; fuzzers and the mutator below begin from them.
"""

import asyncio
import functools
import gzip
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ingest.admission.keys import Grant, SiteAccess
from ingest.body_reader import BodyReader
from ingest.collect import SenderContext, batch
from ingest.errors import RequestRefusedError
from ingest.events import UndecodableError, decode, encode
from stream.fold.mark import Mark, decode_mark, encode_mark

NOW = 1_790_000_000_000
SENDER = SenderContext(Grant(SiteAccess("shop"), "import", "fuzz"), NOW)
READER = BodyReader(max_bytes=64 * 1024, max_decompressed=256 * 1024)
TYPES = (b"application/json", b"text/plain;charset=UTF-8", b"", b"application/json; charset=latin-1", b"a/b;=;")
ENCODINGS = (b"identity", b"gzip", b"br", b"GZIP ")

EVENTS = (
    b'{"sent_at":1790000000000,"events":[{"type":"page_view","session_id":"s1","visitor_id":"v1","occurred_at":'
    b'1789999999000,"received_at":1789999999500,"page":{"url":"https://shop.example/p/1?utm_source=x"}},'
    b'{"type":"purchase","session_id":"s1","received_at":1789999999600,"purchase":{"order_id":"o-1","amount":12.5,'
    b'"currency":"EUR"}}]}'
)


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """One event loop for all bodies: making one takes longer than reading a body."""
    return asyncio.new_event_loop()


def fuzz_event(data: bytes) -> None:
    """One record of the log: the first byte says how long the key is; without one, it is a control."""
    length = data[0] if data else 0
    key, value = (data[1 : length + 1], data[length + 1 :]) if length else (None, data[1:])
    try:
        record = decode(key, value)
    except UndecodableError:
        return
    assert decode(key, encode(record)) == record


def fuzz_mark(data: bytes) -> None:
    """The metadata of a committed offset, which any client of Kafka can write."""
    mark = decode_mark(data.decode("utf-8", "surrogateescape"))
    if mark is not None:
        assert decode_mark(encode_mark(mark)) is not None


def fuzz_body(data: bytes) -> None:
    """A request's body: two bytes choose its headers, a third where its parts end; then it is read as a batch."""
    if len(data) < 3:
        return
    headers = {
        b"content-type": TYPES[data[0] % len(TYPES)],
        b"content-encoding": ENCODINGS[data[1] % len(ENCODINGS)],
        b"content-length": b"%d" % (len(data) - 3),
    }
    try:
        body = _loop().run_until_complete(READER.read(headers, _in_parts(data[3:], data[2] + 1)))
        batch(body, SENDER, 20)
    except RequestRefusedError as refusal:
        refusal.body()


def _in_parts(body: bytes, parts: int) -> Callable[[], Any]:
    size = len(body) // parts + 1
    messages = [
        {"type": "http.request", "body": body[place : place + size], "more_body": place + size < len(body)}
        for place in range(0, max(1, len(body)), size)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    return receive


class Decoder(NamedTuple):
    """One function that takes any bytes, with inputs that are valid."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _event_seeds() -> Iterator[bytes]:
    for key, value in batch(EVENTS, SENDER, 20).records:
        yield bytes([len(key)]) + key + value
    for control in (
        b'{"control":"tick","clock":"live","now":1790000000000}',
        b'{"control":"model","version":"v1","site":"shop"}',
        b'{"control":"pages","version":3}',
        b'{"control":"erase","number":1}',
    ):
        yield b"\x00" + control


def _mark_seeds() -> Iterator[bytes]:
    yield encode_mark(Mark(5, {"live": NOW}, "v1", 3, "v0", (7, 9), {"shop": "v2"})).encode()
    yield encode_mark(Mark(5, {f"shop~{'x' * 20}{n}": NOW + n for n in range(150)})).encode()


DECODERS = {
    "event": Decoder(fuzz_event, tuple(_event_seeds())),
    "mark": Decoder(fuzz_mark, tuple(_mark_seeds())),
    "body": Decoder(fuzz_body, (b"\x00\x00\x00" + EVENTS, b"\x00\x01\x02" + gzip.compress(EVENTS, mtime=0))),
}

#: What mutations put in: ends of JSON's forms, of numbers and of UTF-8, and nesting.
TOKENS = (
    *(b"[" * 3_000, b'{"a":' * 1_500, b"9" * 400, b"-0", b"1e999", b"NaN", b"\\ud800", b"\\u0000", b"\xff\xfe"),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", b"null", b"true", b'"', b"{}", b"[]", b"\x00", b"9223372036854775808"),
    *(b"0001-01-01T00:00:00+23:59", b"9999-12-31T23:59:60Z", b"z:", b"\x1f\x8b\x08\x00"),
)


def mutated(seeds: tuple[bytes, ...], dice: random.Random) -> bytes:
    """A seed with some of its bytes changed, cut, doubled, or replaced by a token."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randint(1, 6)):
        place = dice.randrange(len(data) + 1)
        match dice.randrange(5):
            case 0 if data:
                data[place % len(data)] = dice.randrange(256)
            case 1:
                del data[place : place + dice.randint(1, 40)]
            case 2:
                data[place:place] = data[place : place + dice.randint(1, 200)]
            case 3:
                data[place : place + dice.choice((0, 0, 1, 8))] = dice.choice(TOKENS)
            case _:
                other = dice.choice(seeds)
                data[place:] = other[dice.randrange(len(other)) :]
    return bytes(data)
